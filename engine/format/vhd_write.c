/* SPDX-License-Identifier: MIT */
/*
 * Dynamic and differencing VHD: writing in place.
 *
 * A new block takes the footer's place, and the footer goes behind it first: at each moment a footer is at the end, or
 * its copy is at the start. The new block's bitmap and data follow; the table, which makes the block part of the disk,
 * and bits for sectors new in old blocks, are held back in memory until a flush has seen the data to the medium.
 */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "vhd_sparse.h"

#define MAX_DIRTY 512u /* pieces of bitmaps, and pages of the table, held back at most */

static enum platter_result no_memory(struct vhd_sparse *s, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
}

enum platter_result platter_vhd_write_prepare(struct vhd_sparse *s, struct platter_error *err)
{
    struct platter_findings findings = {.count = 0};
    uint64_t end = s->footer.copy_used ? platter_block_size(s->m.file) : s->footer.offset;
    enum platter_result result = platter_vhd_scan(s, &findings, err);

    if (result || (result = platter_findings_allow_writing(&findings, err)))
        return result;
    s->end = (end + VHD_SECTOR - 1) / VHD_SECTOR * VHD_SECTOR;
    s->dirty = calloc(MAX_DIRTY, sizeof(struct platter_cache_entry *));
    s->dirty_pages = calloc(MAX_DIRTY, sizeof(*s->dirty_pages));
    return s->dirty && s->dirty_pages ? PLATTER_OK : no_memory(s, err);
}

void platter_vhd_write_end(struct vhd_sparse *s)
{
    for (size_t i = 0; i < s->dirty_count; i++)
        platter_cache_release(s->bitmaps, s->dirty[i]);
    free(s->dirty);
    free(s->dirty_pages);
}

/* `change` held. One sector of the table, or what there is of it, as memory has it. */
static enum platter_result write_page(struct vhd_sparse *s, uint64_t at, struct platter_error *err)
{
    uint64_t left = s->table.bytes - at;
    size_t length = left < PLATTER_TABLE_PAGE ? (size_t)left : PLATTER_TABLE_PAGE;
    uint8_t copy[PLATTER_TABLE_PAGE], *page;
    enum platter_result result = platter_page_table_hold(&s->table, at, &page, err);

    if (result)
        return result;
    memcpy(copy, page, length);
    platter_page_table_release(&s->table);
    result = platter_block_write(s->m.file, copy, length, s->table.offset + at, err);
    if (result == PLATTER_OK)
        platter_page_table_set_changed(&s->table, at, false);
    return result;
}

/* `change` held. */
static enum platter_result flush_tables(struct vhd_sparse *s, struct platter_error *err)
{
    enum platter_result result = platter_block_flush(s->m.file, err);

    if (result || (!s->dirty_count && !s->dirty_page_count))
        return result;
    while (s->dirty_count) {
        struct platter_cache_entry *piece = s->dirty[s->dirty_count - 1];

        result =
            platter_block_write(s->m.file, platter_cache_data(piece), VHD_BITMAP_PIECE, platter_cache_key(piece), err);
        if (result)
            return result;
        platter_cache_release(s->bitmaps, piece);
        s->dirty_count--;
    }
    while (s->dirty_page_count) {
        if ((result = write_page(s, s->dirty_pages[s->dirty_page_count - 1], err)))
            return result;
        s->dirty_page_count--;
    }
    return platter_block_flush(s->m.file, err);
}

enum platter_result platter_vhd_flush(struct platter_block *base, struct platter_error *err)
{
    struct vhd_sparse *s = (struct vhd_sparse *)base;
    enum platter_result result;

    platter_mutex_lock(&s->m.change);
    result = flush_tables(s, err);
    platter_mutex_unlock(&s->m.change);
    return result;
}

/* `change` held. The copy of the footer at the start has to be good before the one at the end moves. */
static enum platter_result start(struct vhd_sparse *s, struct platter_error *err)
{
    uint8_t copy[VHD_FOOTER_SIZE];
    enum platter_result result = platter_block_read(s->m.file, copy, sizeof(copy), 0, err);

    if (result == PLATTER_OK && memcmp(copy, s->footer.raw, sizeof(copy)) != 0) {
        result = platter_block_write(s->m.file, s->footer.raw, VHD_FOOTER_SIZE, 0, err);
        if (result == PLATTER_OK)
            result = platter_block_flush(s->m.file, err);
    }
    if (result == PLATTER_OK && (s->footer.copy_used || s->footer.length != VHD_FOOTER_SIZE)) {
        result = platter_file_resize(s->m.file, s->end + VHD_FOOTER_SIZE, err);
        if (result == PLATTER_OK)
            result = platter_block_write(s->m.file, s->footer.raw, VHD_FOOTER_SIZE, s->end, err);
    }
    s->started = result == PLATTER_OK;
    return result;
}

/* `change` held. A block's room where the footer was; *at is where its bitmap goes. */
static enum platter_result take_room(struct vhd_sparse *s, uint64_t *at, struct platter_error *err)
{
    uint64_t room = (uint64_t)s->bitmap_bytes + s->header.block_size, before = platter_block_size(s->m.file);
    uint64_t end = s->end + room;
    uint8_t *bitmap;
    enum platter_result result;

    if (s->end / VHD_SECTOR >= VHD_UNUSED)
        return platter_error_set(err, PLATTER_E_NO_SPACE, s->m.file->name, s->end,
                                 "a VHD cannot grow beyond 2 TiB, which is as far as its table reaches");
    bitmap = malloc(s->bitmap_bytes);
    if (!bitmap)
        return no_memory(s, err);
    if ((result = platter_file_resize(s->m.file, end + VHD_FOOTER_SIZE, err)))
        goto out;
    if ((result = platter_block_write(s->m.file, s->footer.raw, VHD_FOOTER_SIZE, end, err))) {
        (void)platter_file_resize(s->m.file, before, NULL);
        goto out;
    }
    *at = s->end;
    s->end = end;
    for (uint64_t piece = *at; piece < *at + s->bitmap_bytes; piece += VHD_BITMAP_PIECE)
        platter_cache_forget(s->bitmaps, piece);
    /* All of a dynamic disk's block is zeros that may as well be there; then its bitmap never changes again. */
    memset(bitmap, s->m.parent ? 0 : 0xFF, s->bitmap_bytes);
    result = platter_block_write(s->m.file, bitmap, s->bitmap_bytes, *at, err);
out:
    free(bitmap);
    return result;
}

/* `change` held. Makes room in the lists of what is held back for a write into one block. */
static enum platter_result make_room(struct vhd_sparse *s, struct platter_error *err)
{
    /* The largest write_new touches 64 pieces of bitmaps: see there. */
    if (s->dirty_count + 66 > MAX_DIRTY || s->dirty_page_count + 1 > MAX_DIRTY)
        return flush_tables(s, err);
    return PLATTER_OK;
}

/* `change` held. */
static void mark_piece(struct vhd_sparse *s, struct platter_cache_entry *piece)
{
    for (size_t i = s->dirty_count; i-- > 0;) {
        if (s->dirty[i] == piece)
            return;
    }
    platter_cache_hold_again(s->bitmaps, piece);
    s->dirty[s->dirty_count++] = piece;
}

/* `change` held. Sectors [first, first + count) of the block are there from now on. */
static enum platter_result set_bits(struct vhd_sparse *s, uint64_t bitmap, uint32_t first, uint32_t count,
                                    struct platter_error *err)
{
    while (count) {
        struct platter_cache_entry *piece;
        uint32_t bit = first % (VHD_BITMAP_PIECE * 8);
        enum platter_result result =
            platter_vhd_bitmap_piece(s, bitmap + first / 8 / VHD_BITMAP_PIECE * VHD_BITMAP_PIECE, &piece, err);

        if (result)
            return result;
        for (; count && bit < VHD_BITMAP_PIECE * 8; bit++, first++, count--)
            __atomic_or_fetch(platter_cache_data(piece) + bit / 8, (uint8_t)(0x80u >> bit % 8), __ATOMIC_RELEASE);
        mark_piece(s, piece);
        platter_cache_release(s->bitmaps, piece);
    }
    return PLATTER_OK;
}

/* `change` held. The block lies at `at` from now on. */
static enum platter_result set_entry(struct vhd_sparse *s, uint64_t block, uint64_t at, struct platter_error *err)
{
    uint64_t in_table = block * 4, page_at = in_table / PLATTER_TABLE_PAGE * PLATTER_TABLE_PAGE;
    uint32_t raw;
    uint8_t *page;
    size_t i = 0;
    enum platter_result result = platter_page_table_hold(&s->table, in_table, &page, err);

    if (result)
        return result;
    platter_put_be32(&raw, (uint32_t)(at / VHD_SECTOR));
    __atomic_store_n(page + PLATTER_TABLE_PAGE + block % (PLATTER_TABLE_PAGE / 4),
                     s->m.parent ? VHD_BITMAP_PARTIAL : VHD_BITMAP_FULL, __ATOMIC_RELAXED);
    __atomic_store_n((uint32_t *)(void *)(page + in_table % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    platter_page_table_set_changed(&s->table, in_table, true);
    platter_page_table_release(&s->table);
    while (i < s->dirty_page_count && s->dirty_pages[i] != page_at)
        i++;
    if (i == s->dirty_page_count)
        s->dirty_pages[s->dirty_page_count++] = page_at;
    return PLATTER_OK;
}

enum platter_result platter_vhd_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                          const struct platter_run *run, uint64_t *done, struct platter_error *err)
{
    struct vhd_sparse *s = (struct vhd_sparse *)m;
    uint64_t block = offset >> s->block_bits, within = offset & (s->header.block_size - 1), at;
    uint64_t length = run->length;
    uint32_t first = (uint32_t)(within / VHD_SECTOR), entry;
    enum platter_result result = make_room(s, err);

    if (result || (!s->started && (result = start(s, err))))
        return result;
    if (length > s->header.block_size - within)
        length = s->header.block_size - within;
    /* 16 MiB: bits for that many sectors are in no more than 9 pieces. */
    if (length > 16u << 20)
        length = 16u << 20;
    if ((result = platter_vhd_entry(s, block, &entry, err)))
        return result;
    at = (uint64_t)entry * VHD_SECTOR;
    if (entry == VHD_UNUSED && (result = take_room(s, &at, err)))
        return result;
    result =
        platter_mapped_write_sectors(m, VHD_SECTOR, buffer, (size_t)length, offset, at + s->bitmap_bytes + within, err);
    if (result == PLATTER_OK && (s->m.parent || entry != VHD_UNUSED))
        result = set_bits(s, at, first, (uint32_t)((within + length + VHD_SECTOR - 1) / VHD_SECTOR) - first, err);
    if (result == PLATTER_OK && entry == VHD_UNUSED)
        result = set_entry(s, block, at, err);
    *done = length;
    return result;
}
