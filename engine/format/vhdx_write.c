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

static enum platter_result no_memory(struct vhdx *x, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, x->file->name, PLATTER_NO_OFFSET, "out of memory");
}

struct first_finding {
    bool any;
    struct platter_error error;
};

static void remember(void *context, const struct platter_error *finding)
{
    struct first_finding *first = context;

    if (!first->any)
        first->error = *finding;
    first->any = true;
}

enum platter_result platter_vhdx_write_prepare(struct vhdx *x, struct platter_error *err)
{
    struct first_finding first = {.any = false};
    enum platter_result result = platter_vhdx_scan(x, remember, &first, err);

    if (result || !first.any)
        return result;
    /* A new block could come to lie where such an entry points: what is wrong is not made worse. */
    return platter_error_set(err, PLATTER_E_READ_ONLY, first.error.file, first.error.offset,
                             "is damaged and can only be read: %.400s", first.error.message);
}

/* `change` held. Before anything else the headers tell that this is no longer the disk that others may know. */
static enum platter_result start(struct vhdx *x, struct platter_error *err)
{
    struct vhdx_header header = x->header;
    enum platter_result result = platter_os_random(header.file_write, sizeof(vhdx_guid), err);

    if (result == PLATTER_OK)
        result = platter_os_random(header.data_write, sizeof(vhdx_guid), err);
    if (result == PLATTER_OK)
        result = platter_vhdx_header_write(x->file, &header, err);
    if (result)
        return result;
    x->header = header;
    __atomic_store_n(&x->started, true, __ATOMIC_RELEASE);
    return PLATTER_OK;
}

static enum platter_result start_once(struct vhdx *x, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    if (__atomic_load_n(&x->started, __ATOMIC_ACQUIRE))
        return PLATTER_OK;
    platter_mutex_lock(&x->change);
    if (!x->started)
        result = start(x, err);
    platter_mutex_unlock(&x->change);
    return result;
}

/* `change` held. `length` bytes of zeros at the file's end. */
static enum platter_result take_room(struct vhdx *x, uint64_t length, uint64_t *at, struct platter_error *err)
{
    uint64_t end = platter_block_size(x->file);

    *at = (end + VHDX_MIB - 1) / VHDX_MIB * VHDX_MIB;
    /* A log or region that the file does not reach must not come to lie in it. */
    if (!platter_vhdx_room_for(x, *at, length))
        return platter_error_set(err, PLATTER_E_FORMAT, x->file->name, *at, "the file ends before its log does");
    return platter_file_resize(x->file, *at + length, err);
}

/* `change` held. */
static enum platter_result set_entry(struct vhdx *x, uint64_t index, uint64_t entry, struct platter_error *err)
{
    uint64_t raw;
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&x->bat, index * 8, &page, err);

    if (result)
        return result;
    platter_put_le64(&raw, entry);
    __atomic_store_n((uint64_t *)(void *)(page + index * 8 % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    platter_vhdx_mark_dirty(x, x->regions.bat.offset + index * 8, NULL);
    platter_page_table_release(&x->bat);
    return PLATTER_OK;
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
        for (; count && bit < VHDX_SECTOR * 8; bit++, first++, count--) {
            uint8_t *byte = platter_cache_data(piece) + bit / 8, mask = (uint8_t)(1u << bit % 8);

            if (present)
                __atomic_or_fetch(byte, mask, __ATOMIC_RELEASE);
            else
                __atomic_and_fetch(byte, (uint8_t)~mask, __ATOMIC_RELEASE);
        }
        platter_vhdx_mark_dirty(x, at, piece);
        platter_cache_release(x->bitmaps, piece);
    }
    return PLATTER_OK;
}

/* `change` held. The chunk's sector bitmap block, made if there is none. */
static enum platter_result bitmap_block(struct vhdx *x, uint64_t block, uint64_t *at, struct platter_error *err)
{
    uint64_t index = vhdx_bitmap_index(x, block), entry;
    enum platter_result result = platter_vhdx_entry(x, index, &entry, err);

    if (result)
        return result;
    *at = VHDX_OFFSET(entry);
    if (VHDX_STATE(entry) == VHDX_BITMAP_PRESENT)
        return PLATTER_OK;
    result = take_room(x, VHDX_MIB, at, err);
    return result ? result : set_entry(x, index, *at | VHDX_BITMAP_PRESENT, err);
}

/* `change` held. Writes whole sectors around [offset, offset + length), none of which is here yet. */
static enum platter_result write_sectors(struct vhdx *x, const uint8_t *buffer, size_t length, uint64_t offset,
                                         uint64_t host, struct platter_error *err)
{
    size_t sector = x->meta.logical_sector, head = (size_t)(offset % sector);
    size_t whole = (head + length + sector - 1) / sector * sector;
    enum platter_result result;
    uint8_t *copy;

    if (whole == length)
        return platter_block_write(x->file, buffer, length, host, err);
    copy = malloc(whole);
    if (!copy)
        return no_memory(x, err);
    /* Only the first and the last sector are in part what they were; the disk consists of whole sectors. */
    result = platter_vhdx_read(&x->base, copy, sector, offset - head, err);
    if (result == PLATTER_OK && whole > sector)
        result = platter_vhdx_read(&x->base, copy + whole - sector, sector, offset - head + whole - sector, err);
    if (result == PLATTER_OK) {
        memcpy(copy + head, buffer, length);
        result = platter_block_write(x->file, copy, whole, host - head, err);
    }
    free(copy);
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
    uint64_t at = VHDX_OFFSET(entry);
    bool fresh = VHDX_STATE(entry) != VHDX_PARTIALLY_PRESENT;
    enum platter_result result = bitmap_block(x, block, &bitmap, err);

    if (result)
        return result;
    /* What the bitmap says of a block that was not there means nothing. */
    if (fresh && ((result = take_room(x, x->meta.block_size, &at, err)) ||
                  (result = set_bits(x, bitmap, base, in_block, false, err))))
        return result;
    result = write_sectors(x, buffer, (size_t)length, offset, at + within, err);
    if (result == PLATTER_OK)
        result = set_bits(x, bitmap, base + first, end - first, true, err);
    if (result == PLATTER_OK && fresh)
        result = set_entry(x, vhdx_bat_index(x, block), at | VHDX_PARTIALLY_PRESENT, err);
    return result;
}

/* `change` held. Writes the first part of the request, sectors that are not here yet, in one block. */
static enum platter_result write_new(struct vhdx *x, const uint8_t *buffer, uint64_t length, uint64_t offset,
                                     enum vhdx_where where, uint64_t *done, struct platter_error *err)
{
    uint64_t block = offset >> x->block_bits, within = offset & (x->meta.block_size - 1), entry, at;
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
    if (where == VHDX_PARENT)
        return write_partial(x, buffer, length, offset, entry, err);
    /* All else of a block that read as zero is zeros. */
    result = take_room(x, x->meta.block_size, &at, err);
    if (result == PLATTER_OK)
        result = platter_block_write(x->file, buffer, (size_t)length, at + within, err);
    return result ? result : set_entry(x, vhdx_bat_index(x, block), at | VHDX_FULLY_PRESENT, err);
}

/* Overwrites what is there; *done 0: the first sector is not. */
static enum platter_result write_in_place(struct vhdx *x, const uint8_t *buffer, uint64_t length, uint64_t offset,
                                          struct vhdx_run *run, uint64_t *done, struct platter_error *err)
{
    enum platter_result result = platter_vhdx_lookup(x, offset, length, run, err);

    *done = 0;
    if (result || run->where != VHDX_OWN)
        return result;
    *done = run->length;
    return platter_block_write(x->file, buffer, (size_t)run->length, run->host, err);
}

enum platter_result platter_vhdx_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)base;
    const uint8_t *data = buffer;
    enum platter_result result = start_once(x, err);

    while (length && result == PLATTER_OK) {
        struct vhdx_run run;
        uint64_t done;

        result = write_in_place(x, data, length, offset, &run, &done, err);
        if (result == PLATTER_OK && done == 0) {
            platter_mutex_lock(&x->change);
            /* Somebody else may have put it there meanwhile. */
            result = write_in_place(x, data, length, offset, &run, &done, err);
            if (result == PLATTER_OK && done == 0)
                result = write_new(x, data, run.length, offset, run.where, &done, err);
            platter_mutex_unlock(&x->change);
        }
        data += done;
        offset += done;
        length -= (size_t)done;
    }
    return result;
}

/* What is there becomes a hole in the file, which reads as zero; what is not there stays as it is. */
enum platter_result platter_vhdx_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                         struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)base;
    enum platter_result result = start_once(x, err);

    while (length && result == PLATTER_OK) {
        struct vhdx_run run;

        result = platter_vhdx_lookup(x, offset, length, &run, err);
        if (result == PLATTER_OK && run.where == VHDX_OWN)
            result = platter_block_discard(x->file, run.host, run.length, err);
        offset += run.length;
        length -= run.length;
    }
    return result;
}
