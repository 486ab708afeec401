/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: the spans of the disk that are made of blocks, and what delta indexes change of them. */
#include <stdlib.h>
#include <string.h>

#include "mrimgx.h"

#define SEGMENT (4u << 20) /* the layout: reserved sectors are stored in pieces of 4 MB */
#define DELTA_PIECE 2048u  /* entries */
#define CHANGES_MOST (16u << 20)

static enum platter_result no_memory(const struct mrimgx *m, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, m->files[0]->block->name, PLATTER_NO_OFFSET, "out of memory");
}

/* ---- Delta indexes ----------------------------------------------------------------------------------------------- */

/* The newest is last: tables were found from the newest file to the oldest, and in one index a later entry counts. */
static int by_block(const void *a, const void *b)
{
    const struct mrimgx_change *one = a, *other = b;

    if (one->block != other->block)
        return one->block < other->block ? -1 : 1;
    if (one->table != other->table)
        return one->table > other->table ? -1 : 1;
    return one->entry < other->entry ? -1 : one->entry > other->entry;
}

static enum platter_result read_changes(struct mrimgx *m, const struct mrimgx_table *table,
                                        struct mrimgx_change *changes, struct platter_error *err)
{
    uint8_t *piece = malloc(DELTA_PIECE * MRIMGX_DELTA_ELEMENT);
    enum platter_result result = piece ? PLATTER_OK : no_memory(m, err);

    for (uint32_t done = 0; done < table->count && result == PLATTER_OK;) {
        uint32_t count = table->count - done < DELTA_PIECE ? table->count - done : DELTA_PIECE;

        result = platter_block_read(table->file->block, piece, (size_t)count * MRIMGX_DELTA_ELEMENT,
                                    table->offset + (uint64_t)done * MRIMGX_DELTA_ELEMENT, err);
        for (uint32_t i = 0; i < count && result == PLATTER_OK; i++, done++)
            changes[done] = (struct mrimgx_change){
                .block = platter_le32(piece + (size_t)i * MRIMGX_DELTA_ELEMENT + MRIMGX_ELEMENT),
                .table = table->id,
                .entry = done,
            };
    }
    free(piece);
    return result;
}

/* The last of `indexes` is whole, those before it hold the changes since, the newest first. */
static enum platter_result apply_deltas(struct mrimgx *m, struct mrimgx_region *region,
                                        struct mrimgx_index *const *indexes, size_t count, struct platter_error *err)
{
    struct mrimgx_change *changes;
    size_t total = 0, kept = 0;

    region->table = indexes[count - 1]->blocks;
    for (size_t i = 0; i + 1 < count; i++) {
        total += indexes[i]->blocks.count;
        if (total > CHANGES_MOST)
            return platter_error_set(err, PLATTER_E_UNSUPPORTED, indexes[i]->file->block->name, PLATTER_NO_OFFSET,
                                     "its delta indexes have more than %u entries", CHANGES_MOST);
    }
    if (total == 0)
        return PLATTER_OK;
    changes = calloc(total, sizeof(*changes));
    if (!changes)
        return no_memory(m, err);
    region->changes = changes;
    for (size_t i = 0, at = 0; i + 1 < count; at += indexes[i]->blocks.count, i++) {
        enum platter_result result = read_changes(m, &indexes[i]->blocks, changes + at, err);

        if (result)
            return result;
    }
    qsort(changes, total, sizeof(*changes), by_block);
    for (size_t i = 0; i < total; i++) {
        if (i + 1 == total || changes[i + 1].block != changes[i].block)
            changes[kept++] = changes[i];
    }
    region->change_count = kept;
    return PLATTER_OK;
}

/* ---- Regions ----------------------------------------------------------------------------------------------------- */

/* The reserved sectors come in pieces of one size, which only the first of them tells. */
static enum platter_result segment_size(struct mrimgx *m, struct mrimgx_region *region, struct platter_error *err)
{
    struct mrimgx_element element;
    enum platter_result result;
    uint64_t size;

    region->block_size = MRIMGX_MAX_BLOCK;
    result = platter_mrimgx_element(m, region, 0, &element, err);
    if (result)
        return result;
    size = platter_mrimgx_first_length(m, region, &element);
    if (size == 0)
        size = SEGMENT;
    if (region->table.count == 1 && size < region->end - region->start)
        size = region->end - region->start;
    if (size > MRIMGX_MAX_BLOCK)
        return platter_error_set(err, PLATTER_E_FORMAT, m->files[0]->block->name, region->table.offset,
                                 "reserved sectors in pieces of %llu bytes make no sense", (unsigned long long)size);
    region->block_size = (uint32_t)size;
    return PLATTER_OK;
}

static int by_start(const void *a, const void *b)
{
    uint64_t one = ((const struct mrimgx_region *)a)->start, other = ((const struct mrimgx_region *)b)->start;

    return one < other ? -1 : one > other;
}

static void add_region(struct mrimgx *m, struct mrimgx_region region, uint64_t bytes, uint64_t end)
{
    if (region.start >= end || bytes == 0)
        return;
    region.end = bytes < end - region.start ? region.start + bytes : end;
    m->regions[m->region_count++] = region;
}

static enum platter_result add_partition(struct mrimgx *m, const struct mrimgx_partition *partition, size_t which,
                                         struct mrimgx_index *const *indexes, size_t count, struct platter_error *err)
{
    const struct mrimgx_index *own = indexes[0];
    uint64_t disk_size = mrimgx_disk(m)->size, boot = partition->start + partition->boot_offset;
    uint64_t end = partition->length ? partition->start + partition->length : disk_size;
    struct mrimgx_region reserved = {.start = boot, .partition = partition->number, .reserved = true};
    struct mrimgx_region blocks = {
        .start = partition->data_start,
        .block_size = partition->block_size,
        .partition = partition->number,
        .table = own->blocks,
    };
    enum platter_result result;

    end = end < disk_size ? end : disk_size;
    if (partition->start >= disk_size || boot >= end || partition->data_start >= end)
        return platter_error_set(err, PLATTER_E_FORMAT, own->file->block->name, PLATTER_NO_OFFSET,
                                 "partition %zu of the backup would lie outside its disk", which + 1);
    if (own->reserved.count && partition->reserved) {
        reserved.table = own->reserved;
        reserved.end = reserved.start + partition->reserved;
        result = segment_size(m, &reserved, err);
        if (result)
            return result;
        add_region(m, reserved, partition->reserved, end);
    }
    if (own->file->layout.delta) {
        result = apply_deltas(m, &blocks, indexes, count, err);
        if (result) {
            free(blocks.changes);
            return result;
        }
    }
    if (blocks.change_count && blocks.changes[blocks.change_count - 1].block >= blocks.table.count)
        blocks.end = (uint64_t)blocks.changes[blocks.change_count - 1].block + 1;
    else
        blocks.end = blocks.table.count;
    /* Blocks are counted in 32 bits. */
    if (blocks.end > UINT32_MAX)
        blocks.end = UINT32_MAX;
    if (blocks.end == 0 || blocks.start >= end)
        free(blocks.changes);
    else
        add_region(m, blocks, blocks.end * blocks.block_size, end);
    return PLATTER_OK;
}

/* The last block of a partition may reach over its end; anything more is no disk. */
static enum platter_result keep_apart(struct mrimgx *m, struct platter_error *err)
{
    qsort(m->regions, m->region_count, sizeof(*m->regions), by_start);
    for (size_t i = 1; i < m->region_count; i++) {
        struct mrimgx_region *before = &m->regions[i - 1];

        if (before->end <= m->regions[i].start)
            continue;
        if (before->end - m->regions[i].start >= before->block_size)
            return platter_error_set(err, PLATTER_E_FORMAT, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                     "two partitions of the backup overlap at byte %llu of the disk",
                                     (unsigned long long)m->regions[i].start);
        before->end = m->regions[i].start;
    }
    return PLATTER_OK;
}

/* The index of the same partition, in the `step`-th file of the chain. */
static enum platter_result pick_indexes(struct mrimgx *m, size_t partition, size_t chain, struct mrimgx_index **picked,
                                        struct platter_error *err)
{
    const struct mrimgx_partition *wanted = &mrimgx_disk(m)->partitions[partition];
    size_t at = 0;

    for (size_t step = 0; step < chain; step++) {
        const struct mrimgx_file *file = m->indexes[at].file;
        const struct mrimgx_disk *disk = NULL;
        size_t found = SIZE_MAX;

        for (size_t d = 0; d < file->layout.disk_count && !disk; d++) {
            if (platter_mrimgx_is_the_disk(m, file, d))
                disk = &file->layout.disks[d];
        }
        for (size_t p = 0; disk && p < disk->partition_count; p++) {
            const struct mrimgx_partition *other = &disk->partitions[p];

            if (step == 0 ? p == partition
                          : other->number == wanted->number && other->data_start == wanted->data_start &&
                                other->block_size == wanted->block_size)
                found = p;
        }
        if (found == SIZE_MAX)
            return platter_error_set(err, PLATTER_E_FORMAT, file->block->name, PLATTER_NO_OFFSET,
                                     "has nothing of partition %u, whose later state stands on it", wanted->number);
        picked[step] = &m->indexes[at + found];
        at += disk->partition_count;
    }
    return PLATTER_OK;
}

static enum platter_result make_regions(struct mrimgx *m, size_t chain, struct platter_error *err)
{
    const struct mrimgx_disk *disk = mrimgx_disk(m);
    struct mrimgx_index **picked = calloc(chain, sizeof(*picked));
    enum platter_result result = PLATTER_OK;

    m->regions = calloc(disk->partition_count * 2 + 1, sizeof(*m->regions));
    if (!picked || !m->regions)
        result = no_memory(m, err);
    for (size_t p = 0; p < disk->partition_count && result == PLATTER_OK; p++) {
        result = pick_indexes(m, p, chain, picked, err);
        if (result == PLATTER_OK)
            result = add_partition(m, &disk->partitions[p], p, picked, chain, err);
    }
    free(picked);
    return result;
}

enum platter_result platter_mrimgx_regions_make(struct mrimgx *m, size_t chain, struct platter_error *err)
{
    enum platter_result result = make_regions(m, chain, err);

    return result ? result : keep_apart(m, err);
}
