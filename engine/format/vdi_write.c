/* SPDX-License-Identifier: MIT */
/*
 * VDI: writing in place.
 *
 * The data of a new block goes to the first free place of the file. The map, which makes it part of the disk, is held
 * back until a flush has seen the data to the medium. VirtualBox and QEMU put the next block where the header's count of
 * blocks says: one that is too low, on the medium beside a newer map, would have them write over blocks. So the header
 * goes first and is flushed, and a cut leaves a count that is too high, which costs room. Only where all that changes
 * lies in the file's first 4 KiB, which media write in one piece, header and map go out together.
 */
#include <stdlib.h>
#include <string.h>

#include "../os/system.h"
#include "../source/file.h"
#include "vdi.h"

#define MAX_DIRTY 512u  /* pages of the map held back at most */
#define ONE_PIECE 4096u /* aligned, bytes that a medium writes all or none of */

static enum platter_result no_memory(struct vdi *v, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, v->m.file->name, PLATTER_NO_OFFSET, "out of memory");
}

enum platter_result platter_vdi_write_prepare(struct vdi *v, struct platter_error *err)
{
    struct platter_findings findings = {.count = 0};
    struct vdi_scan scan = {.used = NULL};
    enum platter_result result;

    v->used = calloc(1, v->header.blocks / 8 + 1);
    v->dirty_pages = calloc(MAX_DIRTY, sizeof(*v->dirty_pages));
    if (!v->used || !v->dirty_pages)
        return no_memory(v, err);
    scan.used = v->used;
    result = platter_vdi_scan(v, &scan, &findings, err);
    v->used_end = scan.used_end;
    return result ? result : platter_findings_allow_writing(&findings, err);
}

/* `change` held. Copies a page of the map from memory. */
static enum platter_result copy_page(struct vdi *v, uint64_t at, uint8_t *copy, size_t *length,
                                     struct platter_error *err)
{
    uint64_t left = v->map.bytes - at;
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&v->map, at, &page, err);

    *length = left < PLATTER_TABLE_PAGE ? (size_t)left : PLATTER_TABLE_PAGE;
    if (result)
        return result;
    memcpy(copy, page, *length);
    platter_page_table_release(&v->map);
    return PLATTER_OK;
}

/* `change` held. Header and map in one write; the map differs up to byte `end` of the file, at most ONE_PIECE. */
static enum platter_result write_together(struct vdi *v, uint64_t end, struct platter_error *err)
{
    size_t length = (size_t)(ONE_PIECE <= v->header.data_offset ? ONE_PIECE : end), page;
    uint8_t *image = platter_os_aligned_alloc(ONE_PIECE, ONE_PIECE);
    enum platter_result result;

    if (!image)
        return no_memory(v, err);
    result = platter_block_read(v->m.file, image, length, 0, err);
    memcpy(image, v->header.raw, VDI_HEADER_BYTES);
    for (size_t i = 0; i < v->dirty_count && result == PLATTER_OK; i++)
        result = copy_page(v, v->dirty_pages[i], image + v->map.offset + v->dirty_pages[i], &page, err);
    if (result == PLATTER_OK)
        result = platter_block_write(v->m.file, image, length, 0, err);
    platter_os_aligned_free(image);
    return result;
}

/* `change` held. The header, and when it is on the medium the map, page by page. */
static enum platter_result write_apart(struct vdi *v, struct platter_error *err)
{
    enum platter_result result = platter_block_write(v->m.file, v->header.raw, VDI_HEADER_BYTES, 0, err);
    uint8_t page[PLATTER_TABLE_PAGE];
    size_t length;

    if (result == PLATTER_OK)
        result = platter_block_flush(v->m.file, err);
    for (size_t i = 0; i < v->dirty_count && result == PLATTER_OK; i++) {
        result = copy_page(v, v->dirty_pages[i], page, &length, err);
        if (result == PLATTER_OK)
            result = platter_block_write(v->m.file, page, length, v->map.offset + v->dirty_pages[i], err);
    }
    return result;
}

/* `change` held. */
static enum platter_result flush_map(struct vdi *v, struct platter_error *err)
{
    enum platter_result result = platter_block_flush(v->m.file, err);
    uint64_t end = 0;

    if (result || !v->dirty_count)
        return result;
    for (size_t i = 0; i < v->dirty_count; i++) {
        if (v->dirty_pages[i] > end)
            end = v->dirty_pages[i];
    }
    end = end + PLATTER_TABLE_PAGE < v->map.bytes ? end + PLATTER_TABLE_PAGE : v->map.bytes;
    v->header.allocated = v->used_end;
    platter_put_le32(v->header.raw + VDI_COUNT_AT, v->used_end);
    result = v->map.offset + end <= ONE_PIECE ? write_together(v, v->map.offset + end, err) : write_apart(v, err);
    if (result)
        return result;
    while (v->dirty_count)
        platter_page_table_set_changed(&v->map, v->dirty_pages[--v->dirty_count], false);
    return platter_block_flush(v->m.file, err);
}

enum platter_result platter_vdi_flush(struct platter_block *base, struct platter_error *err)
{
    struct vdi *v = (struct vdi *)base;
    enum platter_result result;

    platter_mutex_lock(&v->m.change);
    result = flush_map(v, err);
    platter_mutex_unlock(&v->m.change);
    return result;
}

/* Before the first change: images made on this one are to see that it is no longer what they were made on. */
enum platter_result platter_vdi_begin(struct platter_mapped *m, struct platter_error *err)
{
    struct vdi *v = (struct vdi *)m;
    enum platter_result result = PLATTER_OK;
    uint8_t id[16];

    if (__atomic_load_n(&v->stamped, __ATOMIC_ACQUIRE))
        return PLATTER_OK;
    platter_mutex_lock(&v->m.change);
    if (!v->stamped && (result = platter_os_random(id, sizeof(id), err)) == PLATTER_OK) {
        id[7] = (uint8_t)((id[7] & 0x0F) | 0x40); /* a random UUID says that it is one */
        id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
        result = platter_block_write(v->m.file, id, sizeof(id), VDI_MODIFIED_AT, err);
        if (result == PLATTER_OK)
            result = platter_block_flush(v->m.file, err);
        if (result == PLATTER_OK) {
            memcpy(v->header.raw + VDI_MODIFIED_AT, id, sizeof(id));
            __atomic_store_n(&v->stamped, 1, __ATOMIC_RELEASE);
        }
    }
    platter_mutex_unlock(&v->m.change);
    return result;
}

/* `change` held. The block lies at `place` from now on. */
static enum platter_result set_entry(struct vdi *v, uint64_t block, uint32_t place, struct platter_error *err)
{
    uint64_t in_map = block * 4, page_at = in_map / PLATTER_TABLE_PAGE * PLATTER_TABLE_PAGE;
    uint32_t raw;
    uint8_t *page;
    size_t i = 0;
    enum platter_result result = platter_page_table_hold(&v->map, in_map, &page, err);

    if (result)
        return result;
    platter_put_le32(&raw, place);
    platter_page_table_set_changed(&v->map, in_map, true);
    __atomic_store_n((uint32_t *)(void *)(page + in_map % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    platter_page_table_release(&v->map);
    while (i < v->dirty_count && v->dirty_pages[i] != page_at)
        i++;
    if (i == v->dirty_count)
        v->dirty_pages[v->dirty_count++] = page_at;
    v->used[place / 8] |= (uint8_t)(1u << place % 8);
    if (place >= v->used_end)
        v->used_end = place + 1;
    return PLATTER_OK;
}

/* `change` held. A place for a block, inside the file; *fresh: all of it is zero. */
static enum platter_result take_place(struct vdi *v, uint32_t *place, bool *fresh, struct platter_error *err)
{
    uint64_t size = platter_block_size(v->m.file), start;

    while (v->first_free < v->header.blocks && v->used[v->first_free / 8] >> v->first_free % 8 & 1)
        v->first_free++;
    /* There are as many places as blocks, and no two blocks share one. */
    if (v->first_free == v->header.blocks)
        return platter_error_set(err, PLATTER_E_FORMAT, v->m.file->name, v->header.map_offset,
                                 "the map has more blocks than there can be");
    *place = v->first_free;
    start = v->header.data_offset + *place * v->stride;
    *fresh = start >= size;
    if (start + v->stride <= size)
        return PLATTER_OK;
    return platter_file_resize(v->m.file, start + v->stride, err);
}

enum platter_result platter_vdi_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                          const struct platter_run *run, uint64_t *done, struct platter_error *err)
{
    struct vdi *v = (struct vdi *)m;
    uint64_t block = offset >> v->block_bits, within = offset & (v->header.block_size - 1), host, rest;
    uint64_t length = run->length;
    enum platter_result result = PLATTER_OK;
    bool fresh = false, parents = run->kind == PLATTER_RUN_PARENT;
    uint32_t place = 0;

    if (v->dirty_count == MAX_DIRTY)
        result = flush_map(v, err);
    if (result || (result = take_place(v, &place, &fresh, err)))
        return result;
    if (length > v->header.block_size - within)
        length = v->header.block_size - within;
    host = v->header.data_offset + place * v->stride + v->header.block_extra;
    rest = v->header.block_size - within - length;
    /* What the file has just got is zero already. */
    if ((parents || !fresh) &&
        ((result = platter_mapped_fill(m, parents, offset - within, within, host, err)) ||
         (result = platter_mapped_fill(m, parents, offset + length, rest, host + within + length, err))))
        return result;
    if ((result = platter_block_write(m->file, buffer, (size_t)length, host + within, err)))
        return result;
    *done = length;
    return set_entry(v, block, place, err);
}
