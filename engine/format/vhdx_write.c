/* SPDX-License-Identifier: MIT */
/*
 * VHDX: writing in place.
 *
 * New blocks are put at the file's end, where they are zeros from the start; the BAT and the sector bitmaps are changed
 * in memory once the data is written, and go to the file through the log: see vhdx_journal.c.
 */
#include <stdlib.h>
#include <string.h>

#include "../os/system.h"
#include "../source/file.h"
#include "vhdx.h"

/* Sectors that one write_new can make dirty: a block's whole part of a bitmap, 16 at most, and two of the BAT. */
#define MOST_DIRTY 20u

enum platter_result platter_vhdx_write_prepare(struct vhdx *x, struct platter_error *err)
{
    struct platter_findings findings = {.count = 0};
    enum platter_result result = platter_vhdx_scan(x, &findings, err);

    return result ? result : platter_findings_allow_writing(&findings, err);
}

/* `change` held. Before anything else the headers tell that this is no longer the disk that others may know. */
static enum platter_result start(struct vhdx *x, struct platter_error *err)
{
    struct vhdx_header header = x->header;
    enum platter_result result = platter_os_random(header.file_write, sizeof(vhdx_guid), err);

    if (result == PLATTER_OK)
        result = platter_os_random(header.data_write, sizeof(vhdx_guid), err);
    if (result == PLATTER_OK)
        result = platter_vhdx_header_write(x->m.file, &header, err);
    if (result)
        return result;
    x->header = header;
    __atomic_store_n(&x->started, true, __ATOMIC_RELEASE);
    return PLATTER_OK;
}

enum platter_result platter_vhdx_begin(struct platter_mapped *m, struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)m;
    enum platter_result result = PLATTER_OK;

    if (__atomic_load_n(&x->started, __ATOMIC_ACQUIRE))
        return PLATTER_OK;
    platter_mutex_lock(&x->m.change);
    if (!x->started)
        result = start(x, err);
    platter_mutex_unlock(&x->m.change);
    return result;
}

/* `change` held. `length` bytes of zeros at the file's end. */
static enum platter_result take_room(struct vhdx *x, uint64_t length, uint64_t *at, struct platter_error *err)
{
    uint64_t end = platter_block_size(x->m.file);

    *at = (end + VHDX_MIB - 1) / VHDX_MIB * VHDX_MIB;
    /* A log or region that the file does not reach must not come to lie in it. */
    if (!platter_vhdx_room_for(x, *at, length))
        return platter_error_set(err, PLATTER_E_FORMAT, x->m.file->name, *at, "the file ends before its log does");
    return platter_file_resize(x->m.file, *at + length, err);
}

/* `change` held. The file is as long as before take_room: refused writes to a full disk must not make it grow and grow. */
static void give_back(struct vhdx *x, uint64_t before)
{
    (void)platter_file_resize(x->m.file, before, NULL);
}

/* `change` held. */
static enum platter_result set_entry(struct vhdx *x, uint64_t index, uint64_t entry, struct platter_error *err)
{
    uint64_t raw;
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&x->bat, index * 8, &page, err);

    if (result)
        return result;
    result = platter_vhdx_mark_dirty(x, x->regions.bat.offset + index * 8, NULL, err);
    if (result == PLATTER_OK) {
        platter_put_le64(&raw, entry);
        __atomic_store_n((uint64_t *)(void *)(page + index * 8 % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    }
    platter_page_table_release(&x->bat);
    return result;
}

/* `change` held. Sectors [first, first + count) of the chunk are here from now on, or (not `present`) are not. */
static enum platter_result set_bits(struct vhdx *x, uint64_t bitmap, uint32_t first, uint32_t count, bool present,
                                    struct platter_error *err)
{
    while (count) {
        struct platter_cache_entry *piece;
        uint32_t bit = first % (VHDX_SECTOR * 8);
        uint64_t at = bitmap + first / 8 / VHDX_SECTOR * VHDX_SECTOR;
        enum platter_result result = platter_vhdx_bitmap_piece(x, at, &piece, err);

        if (result)
            return result;
        result = platter_vhdx_mark_dirty(x, at, piece, err);
        for (; result == PLATTER_OK && count && bit < VHDX_SECTOR * 8; bit++, first++, count--) {
            uint8_t *byte = platter_cache_data(piece) + bit / 8, mask = (uint8_t)(1u << bit % 8);

            if (present)
                __atomic_or_fetch(byte, mask, __ATOMIC_RELEASE);
            else
                __atomic_and_fetch(byte, (uint8_t)~mask, __ATOMIC_RELEASE);
        }
        platter_cache_release(x->bitmaps, piece);
        if (result)
            return result;
    }
    return PLATTER_OK;
}

/* `change` held. The chunk's sector bitmap block, made if there is none. */
static enum platter_result bitmap_block(struct vhdx *x, uint64_t block, uint64_t *at, struct platter_error *err)
{
    uint64_t index = vhdx_bitmap_index(x, block), entry, before = platter_block_size(x->m.file);
    enum platter_result result = platter_vhdx_entry(x, index, &entry, err);

    if (result)
        return result;
    *at = VHDX_OFFSET(entry);
    if (VHDX_STATE(entry) == VHDX_BITMAP_PRESENT)
        return PLATTER_OK;
    result = take_room(x, VHDX_MIB, at, err);
    if (result == PLATTER_OK)
        result = set_entry(x, index, *at | VHDX_BITMAP_PRESENT, err);
    if (result)
        give_back(x, before);
    return result;
}

/* `change` held. Sectors of a block whose others the parent has, or will have. */
static enum platter_result write_partial(struct vhdx *x, const uint8_t *buffer, uint64_t length, uint64_t offset,
                                         uint64_t entry, struct platter_error *err)
{
    uint64_t block = offset >> x->block_bits, within = offset & (x->meta.block_size - 1), bitmap;
    uint32_t in_block = x->meta.block_size >> x->sector_bits;
    uint32_t base = (uint32_t)((block << (x->block_bits - x->sector_bits)) & (VHDX_CHUNK_SECTORS - 1));
    uint32_t first = (uint32_t)(within >> x->sector_bits);
    uint32_t end = (uint32_t)((within + length + x->meta.logical_sector - 1) >> x->sector_bits);
    uint64_t at = VHDX_OFFSET(entry), before;
    bool fresh = VHDX_STATE(entry) != VHDX_PARTIALLY_PRESENT;
    enum platter_result result = bitmap_block(x, block, &bitmap, err);

    if (result)
        return result;
    before = platter_block_size(x->m.file);
    /* What the bitmap says of a block that was not there means nothing. */
    if (fresh && (result = take_room(x, x->meta.block_size, &at, err)) == PLATTER_OK)
        result = set_bits(x, bitmap, base, in_block, false, err);
    if (result == PLATTER_OK)
        result = platter_mapped_write_sectors(&x->m, x->meta.logical_sector, buffer, (size_t)length, offset,
                                              at + within, err);
    if (result == PLATTER_OK)
        result = set_bits(x, bitmap, base + first, end - first, true, err);
    if (result == PLATTER_OK && fresh)
        result = set_entry(x, vhdx_bat_index(x, block), at | VHDX_PARTIALLY_PRESENT, err);
    if (result && fresh)
        give_back(x, before);
    return result;
}

enum platter_result platter_vhdx_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                           const struct platter_run *run, uint64_t *done, struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)m;
    uint64_t block = offset >> x->block_bits, within = offset & (x->meta.block_size - 1), entry, at, before;
    uint64_t length = run->length;
    enum platter_result result = PLATTER_OK;

    if (x->dirty_count + MOST_DIRTY > VHDX_MAX_DIRTY)
        result = platter_vhdx_commit(x, err);
    if (result == PLATTER_OK)
        result = platter_vhdx_entry(x, vhdx_bat_index(x, block), &entry, err);
    if (result)
        return result;
    if (length > x->meta.block_size - within)
        length = x->meta.block_size - within;
    *done = length;
    if (run->kind == PLATTER_RUN_PARENT)
        return write_partial(x, buffer, length, offset, entry, err);
    before = platter_block_size(x->m.file);
    /* All else of a block that read as zero is zeros. */
    result = take_room(x, x->meta.block_size, &at, err);
    if (result == PLATTER_OK)
        result = platter_block_write(x->m.file, buffer, (size_t)length, at + within, err);
    if (result == PLATTER_OK)
        result = set_entry(x, vhdx_bat_index(x, block), at | VHDX_FULLY_PRESENT, err);
    if (result)
        give_back(x, before);
    return result;
}
