/* SPDX-License-Identifier: MIT */
/* Dynamic and differencing VHD: from a disk's offset to what lies there, and reading it. */
#include "vhd_sparse.h"

#define SMALL_BITMAP 4096u /* bytes up to which a bitmap is looked at whole */

static enum platter_result load_piece(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    return platter_block_read(((struct vhd_sparse *)context)->m.file, data, VHD_BITMAP_PIECE, key, err);
}

enum platter_result platter_vhd_bitmap_piece(struct vhd_sparse *s, uint64_t at, struct platter_cache_entry **piece,
                                             struct platter_error *err)
{
    return platter_cache_hold(s->bitmaps, at, load_piece, s, piece, err);
}

static enum platter_result misplaced(struct vhd_sparse *s, uint64_t block, uint32_t entry, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, s->header.table_offset + block * 4,
                             "the block of disk byte %llu is said to be at byte %llu, where none can be in a file of "
                             "%llu bytes",
                             (unsigned long long)(block << s->block_bits), (unsigned long long)entry * VHD_SECTOR,
                             (unsigned long long)platter_block_size(s->m.file));
}

/* The page held: where in it the block's word is, and what is known of its bitmap. */
static uint32_t word_of(const uint8_t *page, uint64_t block)
{
    uint32_t raw =
        __atomic_load_n((const uint32_t *)(const void *)(page + block * 4 % PLATTER_TABLE_PAGE), __ATOMIC_ACQUIRE);

    return platter_be32(&raw);
}

static uint8_t *state_of(uint8_t *page, uint64_t block)
{
    return page + PLATTER_TABLE_PAGE + block % (PLATTER_TABLE_PAGE / 4);
}

enum platter_result platter_vhd_entry(struct vhd_sparse *s, uint64_t block, uint32_t *entry, struct platter_error *err)
{
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&s->table, block * 4, &page, err);

    if (result)
        return result;
    *entry = word_of(page, block);
    platter_page_table_release(&s->table);
    return PLATTER_OK;
}

/* Blocks that are not there, one after the other, as far as the page and the limit go. */
static uint64_t absent_length(struct vhd_sparse *s, const uint8_t *page, uint64_t block, uint64_t offset,
                              uint64_t limit)
{
    uint64_t in_page = PLATTER_TABLE_PAGE / 4, next = block + 1;

    while (next % in_page && (next << s->block_bits) - offset < limit && next < s->table.bytes / 4 &&
           word_of(page, next) == VHD_UNUSED)
        next++;
    return (next << s->block_bits) - offset;
}

/* Whether all sectors of the block are there; found out once a block, as long as bitmaps are small. */
static enum platter_result find_state(struct vhd_sparse *s, uint64_t block, uint64_t start, uint8_t *state,
                                      struct platter_error *err)
{
    uint32_t bits = s->header.block_size / VHD_SECTOR, bytes = bits / 8;
    uint8_t bitmap[SMALL_BITMAP], last = (uint8_t)(0xFF00u >> (bits % 8)), *page;
    enum platter_result result;

    *state = VHD_BITMAP_PARTIAL;
    if (bytes <= sizeof(bitmap)) {
        size_t wanted = bytes + (bits % 8 != 0), i = 0;

        if ((result = platter_block_read(s->m.file, bitmap, wanted, start, err)))
            return result;
        while (i < bytes && bitmap[i] == 0xFF)
            i++;
        if (i == bytes && (bits % 8 == 0 || (bitmap[i] & last) == last))
            *state = VHD_BITMAP_FULL;
    }
    if ((result = platter_page_table_hold(&s->table, block * 4, &page, err)))
        return result;
    __atomic_store_n(state_of(page, block), *state, __ATOMIC_RELAXED);
    platter_page_table_release(&s->table);
    return PLATTER_OK;
}

static bool bit_of(const uint8_t *piece, uint32_t bit)
{
    return __atomic_load_n(piece + bit / 8, __ATOMIC_ACQUIRE) >> (7 - bit % 8) & 1;
}

/* The run from `offset` on, by the block's bitmap, as far as its piece and the limit go. */
static enum platter_result bitmap_run(struct vhd_sparse *s, uint64_t offset, uint64_t limit, uint64_t start,
                                      struct platter_run *run, struct platter_error *err)
{
    uint32_t sector = (uint32_t)((offset & (s->header.block_size - 1)) / VHD_SECTOR);
    uint32_t bit = sector % (VHD_BITMAP_PIECE * 8), count = 1;
    uint32_t most = s->header.block_size / VHD_SECTOR - sector;
    struct platter_cache_entry *piece;
    const uint8_t *bits;
    bool own;
    enum platter_result result =
        platter_vhd_bitmap_piece(s, start + sector / 8 / VHD_BITMAP_PIECE * VHD_BITMAP_PIECE, &piece, err);

    if (result)
        return result;
    if (most > VHD_BITMAP_PIECE * 8 - bit)
        most = VHD_BITMAP_PIECE * 8 - bit;
    bits = platter_cache_data(piece);
    own = bit_of(bits, bit);
    while (count < most && (uint64_t)count * VHD_SECTOR < limit + VHD_SECTOR && bit_of(bits, bit + count) == own)
        count++;
    if (own)
        run->kind = PLATTER_RUN_OWN;
    run->length = (uint64_t)count * VHD_SECTOR - offset % VHD_SECTOR;
    platter_cache_release(s->bitmaps, piece);
    return PLATTER_OK;
}

/* The block that starts at `start` lies over these bytes of the file. */
static bool meets(const struct vhd_sparse *s, uint64_t start, uint64_t offset, uint64_t length)
{
    return start < offset + length && offset < start + s->bitmap_bytes + s->header.block_size;
}

static enum platter_result lookup(struct platter_mapped *m, uint64_t offset, uint64_t limit, struct platter_run *run,
                                  struct platter_error *err)
{
    struct vhd_sparse *s = (struct vhd_sparse *)m;
    uint64_t block = offset >> s->block_bits, within = offset & (s->header.block_size - 1), start;
    uint8_t *page, state;
    uint32_t entry;
    enum platter_result result = platter_page_table_hold(&s->table, block * 4, &page, err);

    *run = (struct platter_run){.kind = m->parent ? PLATTER_RUN_PARENT : PLATTER_RUN_ZERO,
                                .length = s->header.block_size - within};
    if (result)
        return result;
    entry = word_of(page, block);
    state = __atomic_load_n(state_of(page, block), __ATOMIC_RELAXED);
    if (entry == VHD_UNUSED)
        run->length = absent_length(s, page, block, offset, limit);
    platter_page_table_release(&s->table);
    if (entry == VHD_UNUSED)
        goto clip;
    start = (uint64_t)entry * VHD_SECTOR;
    /* Only the bitmap is asked for here: what is missing of the data is an error for that part of it. */
    if (!platter_inside(start, s->bitmap_bytes, platter_block_size(s->m.file)) || meets(s, start, 0, VHD_FOOTER_SIZE) ||
        meets(s, start, s->header.offset, VHD_HEADER_SIZE) || meets(s, start, s->table.offset, s->table.bytes))
        return misplaced(s, block, entry, err);
    run->host = start + s->bitmap_bytes + within;
    if (state == VHD_BITMAP_UNREAD && (result = find_state(s, block, start, &state, err)))
        return result;
    if (state == VHD_BITMAP_FULL)
        run->kind = PLATTER_RUN_OWN;
    else if ((result = bitmap_run(s, offset, limit, start, run, err)))
        return result;
    if (run->kind == PLATTER_RUN_OWN &&
        !platter_inside(run->host, run->length < limit ? run->length : limit, platter_block_size(s->m.file)))
        return misplaced(s, block, entry, err);
clip:
    if (run->length > limit)
        run->length = limit;
    return PLATTER_OK;
}

const struct platter_mapped_ops platter_vhd_mapped_ops = {.lookup = lookup, .write_new = platter_vhd_write_new};
