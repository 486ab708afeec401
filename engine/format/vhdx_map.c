/* SPDX-License-Identifier: MIT */
/* VHDX: from a disk's offset to what lies there, and reading it; the specification, 2.4 and 2.5. */
#include "vhdx.h"

static bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

bool platter_vhdx_room_for(const struct vhdx *x, uint64_t offset, uint64_t length)
{
    /* Offsets in the BAT are below 2^64 and blocks no longer than 256 MiB; nothing here overflows below INT64_MAX. */
    return offset >= VHDX_MIB && offset <= INT64_MAX &&
           !meet(offset, length, x->header.log_offset, x->header.log_length) &&
           !meet(offset, length, x->regions.bat.offset, x->regions.bat.length) &&
           !meet(offset, length, x->regions.metadata.offset, x->regions.metadata.length);
}

static enum platter_result impossible(struct vhdx *x, uint64_t index, uint64_t entry, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, x->m.file->name, x->regions.bat.offset + index * 8,
                             "an entry of the block allocation table says state %u at byte %llu, which cannot be",
                             VHDX_STATE(entry), (unsigned long long)VHDX_OFFSET(entry));
}

/* The block is where it could be, but the file does not reach so far. */
static enum platter_result missing(struct vhdx *x, uint64_t index, uint64_t entry, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, x->m.file->name, x->regions.bat.offset + index * 8,
                             "a block is said to be at byte %llu, and the file ends at %llu: it has been cut short, or "
                             "is damaged",
                             (unsigned long long)VHDX_OFFSET(entry), (unsigned long long)platter_block_size(x->m.file));
}

static uint64_t entry_of(const uint8_t *page, uint64_t index)
{
    uint64_t raw =
        __atomic_load_n((const uint64_t *)(const void *)(page + index * 8 % PLATTER_TABLE_PAGE), __ATOMIC_ACQUIRE);

    return platter_le64(&raw);
}

enum platter_result platter_vhdx_entry(struct vhdx *x, uint64_t index, uint64_t *entry, struct platter_error *err)
{
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&x->bat, index * 8, &page, err);

    if (result)
        return result;
    *entry = entry_of(page, index);
    platter_page_table_release(&x->bat);
    return PLATTER_OK;
}

static enum platter_result load_piece(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    return platter_block_read(((struct vhdx *)context)->m.file, data, VHDX_SECTOR, key, err);
}

enum platter_result platter_vhdx_bitmap_piece(struct vhdx *x, uint64_t at, struct platter_cache_entry **piece,
                                              struct platter_error *err)
{
    return platter_cache_hold(x->bitmaps, at, load_piece, x, piece, err);
}

/* Where blocks in this state have their sectors, all of them alike. */
static enum platter_run_kind kind_of(const struct vhdx *x, uint64_t entry)
{
    if (VHDX_STATE(entry) == VHDX_FULLY_PRESENT)
        return PLATTER_RUN_OWN;
    return VHDX_STATE(entry) == VHDX_NOT_PRESENT && x->m.parent ? PLATTER_RUN_PARENT : PLATTER_RUN_ZERO;
}

/* Blocks that are nowhere in the file, one after the other, as far as the page and the limit go. */
static uint64_t absent_length(struct vhdx *x, const uint8_t *page, uint64_t block, uint64_t offset, uint64_t limit,
                              enum platter_run_kind kind)
{
    uint64_t in_page = PLATTER_TABLE_PAGE / 8, next = block + 1, first = vhdx_bat_index(x, block);

    while ((next << x->block_bits) - offset < limit && (next << x->block_bits) < x->meta.disk_size) {
        uint64_t index = vhdx_bat_index(x, next), entry;

        if (index / in_page != first / in_page)
            break;
        entry = entry_of(page, index);
        if (VHDX_STATE(entry) > VHDX_UNMAPPED || kind_of(x, entry) != kind)
            break;
        next++;
    }
    return (next << x->block_bits) - offset;
}

static bool bit_of(const uint8_t *piece, uint32_t bit)
{
    return __atomic_load_n(piece + bit / 8, __ATOMIC_ACQUIRE) >> (bit % 8) & 1;
}

/* A block of which sectors are here and others in the parent: the run from `offset` on. */
static enum platter_result partial_run(struct vhdx *x, uint64_t offset, uint64_t limit, uint64_t block,
                                       struct platter_run *run, struct platter_error *err)
{
    uint64_t index = vhdx_bitmap_index(x, block), entry, bitmap;
    uint32_t sector = (uint32_t)(offset >> x->sector_bits) & (VHDX_CHUNK_SECTORS - 1);
    uint32_t bit = sector % (VHDX_SECTOR * 8), count = 1;
    uint64_t most = ((block + 1) << (x->block_bits - x->sector_bits)) - (offset >> x->sector_bits);
    struct platter_cache_entry *piece;
    const uint8_t *bits;
    enum platter_result result = platter_vhdx_entry(x, index, &entry, err);

    if (result)
        return result;
    bitmap = VHDX_OFFSET(entry);
    if (VHDX_STATE(entry) != VHDX_BITMAP_PRESENT || !platter_vhdx_room_for(x, bitmap, VHDX_MIB) ||
        !platter_inside(bitmap, VHDX_MIB, platter_block_size(x->m.file)))
        return impossible(x, index, entry, err);
    result = platter_vhdx_bitmap_piece(x, bitmap + sector / 8 / VHDX_SECTOR * VHDX_SECTOR, &piece, err);
    if (result)
        return result;
    if (most > VHDX_SECTOR * 8 - bit)
        most = VHDX_SECTOR * 8 - bit;
    bits = platter_cache_data(piece);
    run->kind = bit_of(bits, bit) ? PLATTER_RUN_OWN : PLATTER_RUN_PARENT;
    while (count < most && (uint64_t)count << x->sector_bits < limit + x->meta.logical_sector &&
           bit_of(bits, bit + count) == (run->kind == PLATTER_RUN_OWN))
        count++;
    run->length = ((uint64_t)count << x->sector_bits) - offset % x->meta.logical_sector;
    platter_cache_release(x->bitmaps, piece);
    return PLATTER_OK;
}

static enum platter_result lookup(struct platter_mapped *m, uint64_t offset, uint64_t limit, struct platter_run *run,
                                  struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)m;
    uint64_t block = offset >> x->block_bits, within = offset & (x->meta.block_size - 1);
    uint64_t index = vhdx_bat_index(x, block), entry;
    unsigned state;
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&x->bat, index * 8, &page, err);

    if (result)
        return result;
    entry = entry_of(page, index);
    state = VHDX_STATE(entry);
    run->kind = kind_of(x, entry);
    run->length = x->meta.block_size - within;
    if (state <= VHDX_UNMAPPED)
        run->length = absent_length(x, page, block, offset, limit, run->kind);
    platter_page_table_release(&x->bat);
    if (state == VHDX_PARTIALLY_PRESENT && x->meta.has_parent) {
        if ((result = partial_run(x, offset, limit, block, run, err)))
            return result;
    } else if (state > VHDX_UNMAPPED && state != VHDX_UNMAPPED_OLD && state != VHDX_FULLY_PRESENT) {
        return impossible(x, index, entry, err);
    }
    if (state >= VHDX_FULLY_PRESENT) {
        run->host = VHDX_OFFSET(entry) + within;
        if (!platter_vhdx_room_for(x, VHDX_OFFSET(entry), x->meta.block_size))
            return impossible(x, index, entry, err);
        if (run->kind == PLATTER_RUN_OWN &&
            !platter_inside(run->host, run->length < limit ? run->length : limit, platter_block_size(x->m.file)))
            return missing(x, index, entry, err);
    }
    if (run->length > limit)
        run->length = limit;
    return PLATTER_OK;
}

const struct platter_mapped_ops platter_vhdx_mapped_ops = {
    .lookup = lookup,
    .begin = platter_vhdx_begin,
    .write_new = platter_vhdx_write_new,
};
