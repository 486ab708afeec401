/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_MOST (1u << 20) /* pieces of damage that are remembered as told */

/* The first range that ends behind `offset`. */
static size_t first_behind(const struct platter_owner_search *search, uint64_t offset)
{
    size_t low = 0, high = search->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (search->ranges[middle].offset + search->ranges[middle].length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The run as it lies on the disk; false when it is not in the volume. */
static bool on_disk(const struct platter_owner_search *search, uint64_t offset, uint64_t length, uint64_t *start)
{
    uint64_t size = platter_block_size(search->volume);

    *start = search->base + offset;
    return length && length <= size && offset <= size - length;
}

bool platter_owner_touches(const struct platter_owner_search *search, uint64_t offset, uint64_t length)
{
    uint64_t start;
    size_t i;

    if (search->full || !on_disk(search, offset, length, &start))
        return false;
    i = first_behind(search, start);
    return i < search->count && search->ranges[i].offset < start + length;
}

static void remember(struct platter_owner_search *search, uint64_t offset, uint64_t length)
{
    if (search->told_count == search->told_room) {
        size_t room = search->told_room ? search->told_room * 2 : 64;
        struct platter_range *grown = room <= TOLD_MOST ? realloc(search->told, room * sizeof(*grown)) : NULL;

        if (!grown) {
            /* What is not remembered would be told again, as nobody's. */
            search->incomplete = search->full = true;
            return;
        }
        search->told = grown;
        search->told_room = room;
    }
    search->told[search->told_count++] = (struct platter_range){offset, length};
}

static void emit(struct platter_owner_search *search, uint64_t offset, uint64_t length, enum platter_owner_kind kind,
                 const char *name, uint64_t file_offset)
{
    struct platter_owner owner = search->owner;

    owner.offset = offset;
    owner.length = length;
    owner.kind = kind;
    owner.name = name;
    owner.file_offset = file_offset;
    search->found(search->context, &owner);
}

void platter_owner_tell(struct platter_owner_search *search, uint64_t offset, uint64_t length,
                        enum platter_owner_kind kind, const char *name, uint64_t file_offset)
{
    uint64_t start, end;

    if (search->full || !on_disk(search, offset, length, &start))
        return;
    end = start + length;
    for (size_t i = first_behind(search, start); i < search->count && search->ranges[i].offset < end; i++) {
        uint64_t from = search->ranges[i].offset > start ? search->ranges[i].offset : start;
        uint64_t to = search->ranges[i].offset + search->ranges[i].length;

        if (to > end)
            to = end;
        emit(search, from, to - from, kind, name, file_offset + (from - start));
        remember(search, from, to - from);
    }
}

bool platter_owner_stopped(struct platter_owner_search *search, uint64_t done, uint64_t total)
{
    if (search->progress && search->progress->function &&
        !search->progress->function(search->progress->context, done, total))
        search->cancelled = true;
    return search->cancelled;
}

static int by_offset(const void *a, const void *b)
{
    const struct platter_range *one = a, *other = b;

    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* Tells the damage in [start, end) of the disk that nobody was told of yet. */
static void tell_rest(struct platter_owner_search *search, uint64_t start, uint64_t end, enum platter_owner_kind kind,
                      const char *name)
{
    size_t next = 0;

    if (search->told_count)
        qsort(search->told, search->told_count, sizeof(*search->told), by_offset);
    for (size_t i = first_behind(search, start); i < search->count && search->ranges[i].offset < end; i++) {
        uint64_t at = search->ranges[i].offset > start ? search->ranges[i].offset : start;
        uint64_t to = search->ranges[i].offset + search->ranges[i].length;

        if (to > end)
            to = end;
        while (at < to) {
            uint64_t until = to;

            while (next < search->told_count && search->told[next].offset + search->told[next].length <= at)
                next++;
            if (next < search->told_count && search->told[next].offset <= at) {
                at = search->told[next].offset + search->told[next].length;
                continue;
            }
            if (next < search->told_count && search->told[next].offset < to)
                until = search->told[next].offset;
            emit(search, at, until - at, kind, name, 0);
            at = until;
        }
    }
}

static enum platter_result search_partition(struct platter_owner_search *search, struct platter_block *disk,
                                            const struct platter_partition *partition, struct platter_error *err)
{
    bool fat = strncmp(partition->filesystem, "fat", 3) == 0, ntfs = strcmp(partition->filesystem, "ntfs") == 0;
    enum platter_result result = platter_partition_open(disk, partition, &search->volume, err);

    if (result)
        return result;
    search->base = partition->offset;
    search->owner.partition = partition->number;
    search->owner.filesystem = partition->filesystem;
    search->incomplete = false;
    if (!platter_owner_touches(search, 0, platter_block_size(search->volume)))
        goto out;
    if (fat)
        platter_fat_owners(search);
    else if (ntfs)
        platter_ntfs_owners(search);
    if (!fat && !ntfs)
        tell_rest(search, partition->offset, partition->offset + partition->length, PLATTER_OWNER_UNKNOWN,
                  partition->filesystem[0] ? "this file system is not looked into" : "no known file system");
    else if (search->incomplete)
        tell_rest(search, partition->offset, partition->offset + partition->length, PLATTER_OWNER_UNKNOWN,
                  "not all of the file system could be read");
    else
        tell_rest(search, partition->offset, partition->offset + partition->length, PLATTER_OWNER_FREE, "");
    /* All of it has been told of now. */
    remember(search, partition->offset, partition->length);
out:
    platter_block_unref(search->volume);
    search->volume = NULL;
    if (search->cancelled)
        return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "stopped");
    return PLATTER_OK;
}

enum platter_result platter_owners_find(struct platter_block *disk, const struct platter_range *ranges, size_t count,
                                        platter_owner_fn *found, void *context, const struct platter_progress *progress,
                                        struct platter_error *err)
{
    struct platter_owner_search search = {
        .ranges = ranges, .count = count, .found = found, .context = context, .progress = progress};
    struct platter_partition_table *table = NULL;
    uint64_t size = platter_block_size(disk);
    enum platter_result result = PLATTER_OK;

    if (count == 0)
        return PLATTER_OK;
    search.owner.filesystem = "";
    if (platter_partitions_read(disk, &table, NULL) != PLATTER_OK) {
        tell_rest(&search, 0, size, PLATTER_OWNER_UNKNOWN, "the partition table cannot be read");
        return PLATTER_OK;
    }
    for (size_t i = 0; i < table->count && result == PLATTER_OK; i++)
        result = search_partition(&search, disk, &table->partitions[i], err);
    search.owner.partition = 0;
    search.owner.filesystem = "";
    if (result == PLATTER_OK)
        tell_rest(&search, 0, size, PLATTER_OWNER_OUTSIDE, "outside of the partitions");
    platter_partitions_free(table);
    free(search.told);
    return result;
}
