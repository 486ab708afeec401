/* SPDX-License-Identifier: MIT */
/* Dynamic and differencing VHD: the header behind the footer's copy, and opening. */
#include "vhd_sparse.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_COOKIE "cxsparse"
#define HEADER_CHECKSUM_AT 36u
#define LOCATORS_AT 576u
#define BITMAP_CACHE_BYTES (4u << 20) /* bitmaps of 16 GiB */

static enum platter_result header_read(struct platter_block *file, uint64_t offset, struct vhd_header *header,
                                       struct platter_error *err)
{
    uint8_t raw[VHD_HEADER_SIZE];
    uint32_t stored, computed;
    enum platter_result result;

    if (!platter_inside(offset, sizeof(raw), platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "the footer says that the header is at byte %llu, which is outside the file",
                                 (unsigned long long)offset);
    if ((result = platter_block_read(file, raw, sizeof(raw), offset, err)))
        return result;
    if (memcmp(raw, HEADER_COOKIE, 8) != 0)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, offset, "there is no header of a dynamic disk");
    stored = platter_be32(raw + HEADER_CHECKSUM_AT);
    computed = platter_vhd_checksum(raw, sizeof(raw), HEADER_CHECKSUM_AT);
    if (stored != computed)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, offset,
                                 "the header's checksum is 0x%08x, computed 0x%08x", stored, computed);
    if (platter_be32(raw + 24) >> 16 != 1)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, offset + 24,
                                 "the header is of a version that is not known");
    header->offset = offset;
    header->table_offset = platter_be64(raw + 16);
    header->entries = platter_be32(raw + 28);
    header->block_size = platter_be32(raw + 32);
    memcpy(header->parent_id, raw + 40, sizeof(header->parent_id));
    header->parent_timestamp = platter_be32(raw + 56);
    memcpy(header->parent_name, raw + 64, sizeof(header->parent_name));
    for (size_t i = 0; i < VHD_LOCATORS; i++) {
        const uint8_t *at = raw + LOCATORS_AT + 24 * i;

        header->locators[i] = (struct vhd_locator){
            .platform = platter_be32(at), .length = platter_be32(at + 8), .offset = platter_be64(at + 16)};
    }
    return PLATTER_OK;
}

static enum platter_result header_check(struct platter_block *file, const struct vhd_header *header, uint64_t disk_size,
                                        struct platter_error *err)
{
    uint32_t size = header->block_size;
    uint64_t blocks;

    if (size < VHD_SECTOR || (size & (size - 1)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, header->offset + 32,
                                 "blocks of %u bytes are not possible", size);
    blocks = disk_size / size + (disk_size % size != 0);
    if (blocks > header->entries)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, header->offset + 28,
                                 "the table has %u entries, too few for the disk's %llu blocks", header->entries,
                                 (unsigned long long)blocks);
    if (header->table_offset < VHD_FOOTER_SIZE || header->table_offset % 4 ||
        !platter_inside(header->table_offset, blocks * 4, platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, header->offset + 16,
                                 "the block allocation table is said to be at byte %llu, where it cannot be",
                                 (unsigned long long)header->table_offset);
    return PLATTER_OK;
}

static void sparse_free(struct vhd_sparse *s)
{
    platter_vhd_write_end(s);
    platter_cache_free(s->bitmaps);
    platter_page_table_close(&s->table);
    platter_mapped_free(&s->m);
    free(s);
}

static void sparse_close(struct platter_block *base)
{
    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (((struct platter_mapped *)base)->writable)
        (void)platter_vhd_flush(base, NULL);
    sparse_free((struct vhd_sparse *)base);
}

const struct platter_block_ops platter_vhd_sparse_ops = {
    .layer = "VHD",
    .close = sparse_close,
    .read = platter_mapped_read,
    .write = platter_mapped_write,
    .flush = platter_vhd_flush,
    .discard = platter_mapped_discard,
    .map = platter_mapped_map,
};

static enum platter_result tables_open(struct vhd_sparse *s, struct platter_error *err)
{
    uint64_t size = s->footer.current_size;
    uint64_t blocks = (size >> s->block_bits) + ((size & (s->header.block_size - 1)) != 0);
    enum platter_result result;

    /* Behind each page of the table a byte for each of its words: enum vhd_bitmap_state. */
    result =
        platter_page_table_open(&s->table, s->m.file, s->header.table_offset, blocks * 4, PLATTER_TABLE_PAGE / 4, err);
    if (result == PLATTER_OK)
        result = platter_cache_create(VHD_BITMAP_PIECE, BITMAP_CACHE_BYTES, &s->bitmaps, err);
    return result;
}

enum platter_result platter_vhd_sparse_open(struct platter_block *file, const struct platter_open_request *request,
                                            const struct vhd_footer *footer, struct platter_opened *opened,
                                            struct platter_error *err)
{
    const struct platter_open_options *options = request->options;
    struct vhd_sparse *s = calloc(1, sizeof(*s));
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;

    if (!s)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mapped_init(&s->m, &platter_vhd_mapped_ops, file);
    s->footer = *footer;
    if ((result = header_read(file, footer->data_offset, &s->header, err)) ||
        (result = header_check(file, &s->header, footer->current_size, err)))
        goto fail;
    while (1u << s->block_bits < s->header.block_size)
        s->block_bits++;
    s->bitmap_bytes = (s->header.block_size / VHD_SECTOR / 8 + VHD_SECTOR - 1) / VHD_SECTOR * VHD_SECTOR;
    if (s->bitmap_bytes == 0)
        s->bitmap_bytes = VHD_SECTOR; /* a block of less than eight sectors has one too */
    if ((result = tables_open(s, err)))
        goto fail;
    platter_detail_add(opened->details, "block_size", "%u", s->header.block_size);
    if (footer->type == VHD_DIFFERENCING) {
        result = platter_vhd_parent_open(s, request, opened->details, err);
        if (result)
            goto fail;
    }
    if (options->flags & PLATTER_OPEN_WRITABLE) {
        if ((result = platter_vhd_write_prepare(s, err)))
            goto fail;
        s->m.writable = true;
        caps |= PLATTER_CAP_WRITE | (file->caps & PLATTER_CAP_DISCARD);
    }
    result = platter_block_init(&s->m.base, &platter_vhd_sparse_ops, request->path, footer->current_size,
                                options->sector_size, 0, caps, err);
    if (result)
        goto fail;
    opened->variant = footer->type == VHD_DYNAMIC ? "dynamic" : "differencing";
    opened->writable = true;
    opened->block = &s->m.base;
    return PLATTER_OK;
fail:
    sparse_free(s);
    return result;
}
