/* SPDX-License-Identifier: MIT */
/* VHDX: recognising and opening an image, and the operations of its block. */
#include "vhdx.h"

#include <stdlib.h>
#include <string.h>

#include "../utf.h"

#define BITMAP_CACHE_BYTES (8u << 20) /* sector bitmaps of 32 GiB with sectors of 512 bytes */

static enum platter_probe vhdx_probe(struct platter_block *file)
{
    char signature[8];

    return platter_block_read(file, signature, sizeof(signature), 0, NULL) == PLATTER_OK &&
                   memcmp(signature, VHDX_SIGNATURE, sizeof(signature)) == 0
               ? PLATTER_PROBE_YES
               : PLATTER_PROBE_NO;
}

static void vhdx_free(struct vhdx *x)
{
    platter_cache_free(x->bitmaps);
    platter_page_table_close(&x->bat);
    platter_mapped_free(&x->m);
    free(x);
}

static void vhdx_close(struct platter_block *base)
{
    struct vhdx *x = (struct vhdx *)base;

    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (x->m.writable)
        platter_vhdx_write_end(x);
    vhdx_free(x);
}

static const struct platter_block_ops vhdx_ops = {
    .layer = "VHDX",
    .close = vhdx_close,
    .read = platter_mapped_read,
    .write = platter_mapped_write,
    .flush = platter_vhdx_flush,
    .discard = platter_mapped_discard,
    .map = platter_mapped_map,
};

/* Sets x->m.file to what the image is once its log has been replayed. */
static enum platter_result replay(struct vhdx *x, struct platter_block *file, bool writable,
                                  struct platter_detail_list *details, struct platter_error *err)
{
    struct vhdx_log log;
    enum platter_result result;

    if (platter_vhdx_guid_is_zero(x->header.log)) {
        x->m.file = platter_block_ref(file);
        return PLATTER_OK;
    }
    result = platter_vhdx_log_read(file, &x->header, &log, err);
    if (result)
        return result;
    platter_detail_add(details, "log", "%llu entries with %zu changes, replayed %s", (unsigned long long)log.entries,
                       log.count, writable ? "into the file" : "in memory");
    if (writable) {
        result = platter_vhdx_replay(file, &x->header, &log, err);
        x->m.file = result ? NULL : platter_block_ref(file);
    } else {
        result = platter_vhdx_replayed(file, &log, &x->m.file, err);
        x->replayed = true;
    }
    platter_vhdx_log_free(&log);
    return result;
}

static enum platter_result tables_open(struct vhdx *x, struct platter_error *err)
{
    uint64_t size = x->meta.disk_size, blocks, entries;
    enum platter_result result;

    while (1u << x->block_bits < x->meta.block_size)
        x->block_bits++;
    x->sector_bits = x->meta.logical_sector == 512 ? 9 : 12;
    x->chunk_bits = 23 + x->sector_bits - x->block_bits;
    blocks = (size + x->meta.block_size - 1) >> x->block_bits;
    entries = vhdx_bat_index(x, blocks - 1) + 1;
    if (x->meta.has_parent)
        entries = vhdx_bitmap_index(x, blocks - 1) + 1;
    if (entries * 8 > x->regions.bat.length)
        return platter_error_set(err, PLATTER_E_FORMAT, x->m.file->name, x->regions.bat.offset,
                                 "the block allocation table has %u bytes, too few for the disk's %llu blocks",
                                 x->regions.bat.length, (unsigned long long)blocks);
    /* Whole sectors: the log takes no less. The region has as much. */
    entries = (entries * 8 + VHDX_SECTOR - 1) / VHDX_SECTOR * VHDX_SECTOR / 8;
    result = platter_page_table_open(&x->bat, x->m.file, x->regions.bat.offset, entries * 8, 0, err);
    if (result == PLATTER_OK)
        result = platter_cache_create(VHDX_SECTOR, BITMAP_CACHE_BYTES, &x->bitmaps, err);
    return result;
}

static void add_details(struct vhdx *x, struct platter_detail_list *details)
{
    uint16_t creator[256];
    uint8_t raw[sizeof(creator)];
    char text[sizeof(creator) * 2];

    if (platter_block_read(x->m.file, raw, sizeof(raw), 8, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < 256; i++)
            creator[i] = platter_le16(raw + 2 * i);
        if (platter_utf8_from_utf16(creator, 256, text, sizeof(text)))
            platter_detail_add(details, "creator", "%s", text);
    }
    platter_vhdx_guid_text(x->meta.page83, text);
    platter_detail_add(details, "id", "%s", text);
    platter_vhdx_guid_text(x->header.data_write, text);
    platter_detail_add(details, "data_write_id", "%s", text);
    platter_detail_add(details, "block_size", "%u", x->meta.block_size);
    platter_detail_add(details, "log_size", "%u", x->header.log_length);
    if (x->header.other_damaged)
        platter_detail_add(details, "header_damaged", "one of two");
    if (x->regions.other_damaged)
        platter_detail_add(details, "region_table_damaged", "one of two");
}

static enum platter_result vhdx_open(struct platter_block *file, const struct platter_open_request *request,
                                     struct platter_opened *opened, struct platter_error *err)
{
    const struct platter_open_options *options = request->options;
    bool writable = options->flags & PLATTER_OPEN_WRITABLE;
    struct vhdx *x = calloc(1, sizeof(*x));
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;

    if (!x)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mapped_init(&x->m, &platter_vhdx_mapped_ops, NULL);
    if ((result = platter_vhdx_header_read(file, &x->header, err)) ||
        (result = replay(x, file, writable, opened->details, err)) ||
        (result = platter_vhdx_regions_read(x->m.file, &x->header, &x->regions, err)) ||
        (result = platter_vhdx_metadata_read(x->m.file, &x->regions, &x->meta, err)) || (result = tables_open(x, err)))
        goto fail;
    add_details(x, opened->details);
    if (x->meta.has_parent && (result = platter_vhdx_parent_open(x, request, opened->details, err)))
        goto fail;
    if (writable) {
        if ((result = platter_vhdx_write_prepare(x, err)))
            goto fail;
        caps |= PLATTER_CAP_WRITE | (file->caps & PLATTER_CAP_DISCARD);
    }
    result = platter_block_init(&x->m.base, &vhdx_ops, request->path, x->meta.disk_size,
                                options->sector_size ? options->sector_size : x->meta.logical_sector,
                                x->meta.physical_sector, caps, err);
    if (result)
        goto fail;
    x->m.writable = writable;
    opened->variant = x->meta.has_parent ? "differencing" : x->meta.leave_allocated ? "fixed" : "dynamic";
    opened->writable = true;
    opened->block = &x->m.base;
    return PLATTER_OK;
fail:
    vhdx_free(x);
    return result;
}

const struct platter_format platter_format_vhdx = {
    .name = "vhdx",
    .probe = vhdx_probe,
    .open = vhdx_open,
    .verify = platter_vhdx_verify,
    .maker = &platter_vhdx_maker,
};
