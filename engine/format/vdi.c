/* SPDX-License-Identifier: MIT */
/* VDI: recognising and opening an image. */
#include "vdi.h"

#include <stdlib.h>
#include <string.h>

#include "vhdx.h"

#define HEADER_LEAST 0x180u    /* what version 1.1 had at first, counted from 0x48 */
#define BLOCK_MOST (1u << 30)  /* VirtualBox makes blocks of 1 MiB */
#define DISK_MOST (1ull << 62) /* so that no sum of offsets overflows */

static enum platter_probe vdi_probe(struct platter_block *file)
{
    uint8_t signature[4];

    if (platter_block_read(file, signature, sizeof(signature), 0x40, NULL) || platter_le32(signature) != VDI_SIGNATURE)
        return PLATTER_PROBE_NO;
    return PLATTER_PROBE_YES;
}

enum platter_result platter_vdi_header_read(struct platter_block *file, struct vdi_header *header,
                                            struct platter_error *err)
{
    uint8_t *raw = header->raw;
    enum platter_result result;

    if (platter_block_size(file) < VDI_HEADER_BYTES)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET, "is too short to be a VDI");
    if ((result = platter_block_read(file, raw, VDI_HEADER_BYTES, 0, err)))
        return result;
    if (platter_le32(raw + 0x40) != VDI_SIGNATURE)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x40, "there is no signature of a VDI");
    if (platter_le16(raw + 0x46) != 1)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 0x44, "VDI version %u.%u is not supported",
                                 platter_le16(raw + 0x46), platter_le16(raw + 0x44));
    if (platter_le32(raw + 0x48) < HEADER_LEAST)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x48, "a header of %u bytes is too short",
                                 platter_le32(raw + 0x48));
    header->type = platter_le32(raw + 0x4C);
    header->map_offset = platter_le32(raw + 0x154);
    header->data_offset = platter_le32(raw + 0x158);
    header->disk_size = platter_le64(raw + 0x170);
    header->block_size = platter_le32(raw + 0x178);
    header->block_extra = platter_le32(raw + 0x17C);
    header->blocks = platter_le32(raw + 0x180);
    header->allocated = platter_le32(raw + VDI_COUNT_AT);
    memcpy(header->id, raw + 0x188, 16);
    memcpy(header->modified, raw + VDI_MODIFIED_AT, 16);
    memcpy(header->parent_id, raw + 0x1A8, 16);
    memcpy(header->parent_modified, raw + 0x1B8, 16);
    return PLATTER_OK;
}

static enum platter_result header_check(struct platter_block *file, struct vdi_header *header,
                                        struct platter_error *err)
{
    uint32_t size = header->block_size;

    if (header->type == VDI_UNDO)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 0x4C, "undo images are not supported");
    if (header->type != VDI_DYNAMIC && header->type != VDI_FIXED && header->type != VDI_DIFFERENCING)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x4C, "a VDI of type %u is not known",
                                 header->type);
    if (size < 512 || size > BLOCK_MOST || (size & (size - 1)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x178, "blocks of %u bytes are not possible", size);
    if (header->block_extra > BLOCK_MOST || header->block_extra % 512)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x17C,
                                 "%u bytes before each block are not possible", header->block_extra);
    if (header->disk_size == 0 || header->disk_size > DISK_MOST)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x170, "a disk of %llu bytes is not possible",
                                 (unsigned long long)header->disk_size);
    /* VirtualBox's conversion from raw leaves odd sizes; the last sector is there nevertheless. */
    header->disk_size = (header->disk_size + 511) / 512 * 512;
    if ((header->disk_size - 1) / size >= header->blocks)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x180,
                                 "the map has %u entries, too few for a disk of %llu bytes", header->blocks,
                                 (unsigned long long)header->disk_size);
    if (header->blocks > VDI_MAP_MOST / 4)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, 0x180,
                                 "a map of %u entries is larger than is supported", header->blocks);
    if (header->map_offset < VDI_HEADER_BYTES || header->map_offset % 4 ||
        !platter_inside(header->map_offset, (uint64_t)header->blocks * 4, platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x154,
                                 "the map is said to be at byte %u, where it cannot be", header->map_offset);
    if (header->data_offset < header->map_offset + (uint64_t)header->blocks * 4)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, 0x158,
                                 "the blocks are said to start at byte %u, which is in the map", header->data_offset);
    return PLATTER_OK;
}

static void vdi_free(struct vdi *v)
{
    free(v->used);
    free(v->dirty_pages);
    platter_page_table_close(&v->map);
    platter_mapped_free(&v->m);
    free(v);
}

static void vdi_close(struct platter_block *base)
{
    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (((struct platter_mapped *)base)->writable)
        (void)platter_vdi_flush(base, NULL);
    vdi_free((struct vdi *)base);
}

static const struct platter_block_ops vdi_ops = {
    .layer = "VDI",
    .close = vdi_close,
    .read = platter_mapped_read,
    .write = platter_mapped_write,
    .flush = platter_vdi_flush,
    .discard = platter_mapped_discard,
    .map = platter_mapped_map,
};

static void add_details(const struct vdi_header *header, struct platter_detail_list *details)
{
    char text[37];

    platter_detail_add(details, "block_size", "%u", header->block_size);
    platter_detail_add(details, "allocated_blocks", "%u of %u", header->allocated, header->blocks);
    platter_vhdx_guid_text(header->id, text);
    platter_detail_add(details, "id", "%s", text);
    if (header->type != VDI_DIFFERENCING)
        return;
    platter_vhdx_guid_text(header->parent_id, text);
    platter_detail_add(details, "parent_id", "%s", text);
}

static enum platter_result vdi_open(struct platter_block *file, const struct platter_open_request *request,
                                    struct platter_opened *opened, struct platter_error *err)
{
    static const char *const variants[] = {
        [VDI_DYNAMIC] = "dynamic", [VDI_FIXED] = "fixed", [VDI_DIFFERENCING] = "differencing"};
    struct vdi *v = calloc(1, sizeof(*v));
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;

    if (!v)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mapped_init(&v->m, &platter_vdi_mapped_ops, file);
    if ((result = platter_vdi_header_read(file, &v->header, err)) || (result = header_check(file, &v->header, err)))
        goto fail;
    while (1u << v->block_bits < v->header.block_size)
        v->block_bits++;
    v->stride = (uint64_t)v->header.block_size + v->header.block_extra;
    result = platter_page_table_open(&v->map, file, v->header.map_offset, (uint64_t)v->header.blocks * 4, 0, err);
    if (result)
        goto fail;
    add_details(&v->header, opened->details);
    if (v->header.type == VDI_DIFFERENCING && (result = platter_vdi_parent_open(v, request, err)))
        goto fail;
    if (request->options->flags & PLATTER_OPEN_WRITABLE) {
        if ((result = platter_vdi_write_prepare(v, err)))
            goto fail;
        v->m.writable = true;
        caps |= PLATTER_CAP_WRITE | (file->caps & PLATTER_CAP_DISCARD);
    }
    result = platter_block_init(&v->m.base, &vdi_ops, request->path, v->header.disk_size, request->options->sector_size,
                                0, caps, err);
    if (result)
        goto fail;
    opened->variant = variants[v->header.type];
    opened->writable = true;
    opened->block = &v->m.base;
    return PLATTER_OK;
fail:
    vdi_free(v);
    return result;
}

const struct platter_format platter_format_vdi = {
    .name = "vdi",
    .probe = vdi_probe,
    .open = vdi_open,
    .verify = platter_vdi_verify,
    .maker = &platter_vdi_maker,
};
