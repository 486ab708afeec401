/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: reading the disk, and telling what of it is stored. */
#include <string.h>

#include "mrimgx.h"

/* Blocks that one map looks at: enough for long runs, and nobody waits long for one. */
#define MAP_MOST 65536u

/* The first region that ends behind `offset`; m->region_count when there is none. */
static size_t find_region(const struct mrimgx *m, uint64_t offset)
{
    size_t low = 0, high = m->region_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (m->regions[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum platter_result load_block(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    struct mrimgx *m = context;
    struct mrimgx_worker *worker = platter_mrimgx_worker_get(m);
    enum platter_result result;
    uint32_t done;

    if (!worker)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, m->base.name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_mrimgx_unpack(m, worker, &m->regions[key >> 32], (uint32_t)key, 1, data, &done, err);
    platter_mrimgx_worker_put(m, worker);
    return result;
}

/* A part of a stored block: the whole one is unpacked, and kept. */
static enum platter_result read_part(struct mrimgx *m, size_t region, uint32_t block, size_t within, uint8_t *out,
                                     size_t length, struct platter_error *err)
{
    struct platter_cache *cache = m->regions[region].reserved ? m->segments : m->blocks;
    struct platter_cache_entry *entry;
    enum platter_result result = platter_cache_hold(cache, (uint64_t)region << 32 | block, load_block, m, &entry, err);

    if (result)
        return result;
    memcpy(out, platter_cache_data(entry) + within, length);
    platter_cache_release(cache, entry);
    return PLATTER_OK;
}

/* Whole stored blocks: straight into the caller's buffer. */
static enum platter_result read_whole(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block,
                                      uint32_t count, uint8_t *out, struct platter_error *err)
{
    struct mrimgx_worker *worker = platter_mrimgx_worker_get(m);
    enum platter_result result = PLATTER_OK;

    if (!worker)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, m->base.name, PLATTER_NO_OFFSET, "out of memory");
    while (count && result == PLATTER_OK) {
        uint32_t done = 0;

        result = platter_mrimgx_unpack(m, worker, region, block, count, out, &done, err);
        out += (size_t)done * region->block_size;
        block += done;
        count -= done;
    }
    platter_mrimgx_worker_put(m, worker);
    return result;
}

/* From a place in a region on; *done: bytes that were read, at least 1, at most `length`. */
static enum platter_result read_region(struct mrimgx *m, size_t index, uint8_t *out, size_t length, uint64_t offset,
                                       size_t *done, struct platter_error *err)
{
    const struct mrimgx_region *region = &m->regions[index];
    uint64_t within = (offset - region->start) % region->block_size, left = region->end - offset;
    uint32_t block = (uint32_t)((offset - region->start) / region->block_size), count;
    enum platter_result result;
    uint64_t wanted;
    bool stored;

    wanted = length < left ? length : left;
    result = platter_mrimgx_alike(m, region, block, (uint32_t)((within + wanted - 1) / region->block_size + 1), &stored,
                                  &count, err);
    if (result)
        return result;
    if ((uint64_t)count * region->block_size - within < wanted)
        wanted = (uint64_t)count * region->block_size - within;
    if (!stored) {
        *done = (size_t)wanted;
        platter_mrimgx_background(m, out, *done, offset);
        return PLATTER_OK;
    }
    if (within == 0 && wanted >= region->block_size) {
        count = (uint32_t)(wanted / region->block_size);
        *done = (size_t)count * region->block_size;
        return read_whole(m, region, block, count, out, err);
    }
    *done = (size_t)(wanted < region->block_size - within ? wanted : region->block_size - within);
    return read_part(m, index, block, (size_t)within, out, *done, err);
}

enum platter_result platter_mrimgx_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    struct mrimgx *m = (struct mrimgx *)base;
    enum platter_result result = PLATTER_OK;
    uint8_t *out = buffer;

    while (length && result == PLATTER_OK) {
        size_t region = find_region(m, offset), done = length;

        if (region < m->region_count && m->regions[region].start <= offset) {
            result = read_region(m, region, out, length, offset, &done, err);
        } else {
            if (region < m->region_count && m->regions[region].start - offset < length)
                done = (size_t)(m->regions[region].start - offset);
            platter_mrimgx_background(m, out, done, offset);
        }
        out += done;
        offset += done;
        length -= done;
    }
    return result;
}

enum platter_result platter_mrimgx_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err)
{
    struct mrimgx *m = (struct mrimgx *)base;
    const struct mrimgx_region *region = m->regions + find_region(m, offset);
    bool stored = false, alike = true, patched;
    uint64_t run = length, end = offset + length;
    enum platter_result result;

    if (region == m->regions + m->region_count) {
        run = length;
    } else if (region->start > offset) {
        run = region->start - offset < length ? region->start - offset : length;
    } else {
        uint64_t at = offset, looked = 0;

        end = end < region->end ? end : region->end;
        /* Pages of the index end the runs that the lookup sees; put them together again. */
        while (at < end && looked < MAP_MOST) {
            uint32_t block = (uint32_t)((at - region->start) / region->block_size), count;
            uint32_t most = (uint32_t)((end - 1 - region->start) / region->block_size) - block + 1;

            result = platter_mrimgx_alike(m, region, block, most, &alike, &count, err);
            if (result)
                return result;
            if (at == offset)
                stored = alike;
            if (alike != stored)
                break;
            at = region->start + ((uint64_t)block + count) * region->block_size;
            looked += count;
        }
        run = (at < end ? at : end) - offset;
    }
    if (!stored)
        run = platter_mrimgx_background_run(m, offset, run, &patched);
    extent->offset = offset;
    extent->length = run;
    extent->flags = stored || patched ? PLATTER_EXTENT_DATA : 0;
    return PLATTER_OK;
}
