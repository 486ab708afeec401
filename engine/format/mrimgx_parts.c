/* SPDX-License-Identifier: MIT */
/*
 * Macrium Reflect X: what the metadata of each file has on the disk: the first track, the extended partitions, and
 * where the indexes lie. An index's MD5 is compared when the image is opened as long as that takes no time one would
 * notice, otherwise by verify.
 */
#include <stdlib.h>
#include <string.h>

#include "mrimgx.h"

/* What is checked at opening: 0.1 s of MD5, indexes of 128 GiB in blocks of 64 KiB. */
#define CHECK_MOST (64u << 20)
#define LIST_MOST 64u
#define TRACK0_MOST (1u << 20)
#define EXTENDED_MOST (1u << 20)

static enum platter_result no_memory(const struct mrimgx *m, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, m->files[0]->block->name, PLATTER_NO_OFFSET, "out of memory");
}

/* Goes to the end of a list of metadata blocks, calling `take` for each. */
typedef enum platter_result take_fn(void *context, const struct mrimgx_meta *meta, struct platter_error *err);

static enum platter_result read_list(struct mrimgx_file *file, uint64_t *at, take_fn *take, void *context,
                                     struct platter_error *err)
{
    struct mrimgx_meta meta = {.flags = 0};
    enum platter_result result = PLATTER_OK;

    for (unsigned i = 0; i < LIST_MOST && result == PLATTER_OK; i++) {
        result = platter_mrimgx_meta_next(file->block, at, &meta, err);
        if (result == PLATTER_OK && take)
            result = take(context, &meta, err);
        if (meta.flags & MRIMGX_META_LAST)
            return result;
    }
    return result ? result
                  : platter_error_set(err, PLATTER_E_FORMAT, file->block->name, *at,
                                      "a list of metadata blocks does not end");
}

static enum platter_result take_disk(void *context, const struct mrimgx_meta *meta, struct platter_error *err)
{
    struct mrimgx *m = context;
    struct platter_block *file = m->files[0]->block;

    if (memcmp(meta->name, "$TRACK0 ", 8) == 0 && !m->track0)
        return platter_mrimgx_meta_load(file, meta, &m->key, TRACK0_MOST, &m->track0, &m->track0_length, err);
    if (memcmp(meta->name, "$EPT    ", 8) == 0 && !m->extended)
        return platter_mrimgx_meta_load(file, meta, &m->key, EXTENDED_MOST, &m->extended, &m->extended_length, err);
    return PLATTER_OK;
}

static enum platter_result take_index(void *context, const struct mrimgx_meta *meta, struct platter_error *err)
{
    struct mrimgx_index *index = context;

    (void)err;
    if (memcmp(meta->name, "$INDEX  ", 8) == 0)
        index->meta = *meta;
    return PLATTER_OK;
}

/* A count and that many entries, at *at within the index. */
static enum platter_result place_table(struct mrimgx *m, struct mrimgx_index *index, uint32_t entry, uint64_t *at,
                                       struct mrimgx_table *table, struct platter_error *err)
{
    struct platter_block *file = index->file->block;
    uint64_t end = index->meta.data + index->meta.length;
    enum platter_result result;
    uint8_t count[4];

    if (!platter_inside(*at, sizeof(count), end))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, *at, "the index is too short to be one");
    result = platter_block_read(file, count, sizeof(count), *at, err);
    if (result)
        return result;
    table->file = index->file;
    table->offset = *at + sizeof(count);
    table->count = platter_le32(count);
    table->entry = entry;
    table->id = (uint32_t)m->table_count;
    if (!platter_inside(table->offset, (uint64_t)table->count * entry, end))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, *at,
                                 "the index is said to have %u entries, but has %u bytes", table->count,
                                 index->meta.length);
    if (!platter_mrimgx_room((void **)&m->tables, &m->table_room, m->table_count, sizeof(*m->tables)))
        return no_memory(m, err);
    m->tables[m->table_count++] = *table;
    *at = table->offset + (uint64_t)table->count * entry;
    return PLATTER_OK;
}

static enum platter_result open_index(struct mrimgx *m, struct mrimgx_index *index, struct platter_error *err)
{
    uint64_t at = index->meta.data;
    struct platter_block *file = index->file->block;
    enum platter_result result;

    if (index->meta.name[0] == 0)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET, "a partition has no index");
    if (index->meta.flags & (MRIMGX_META_PACKED | MRIMGX_META_ENCRYPTED))
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, at,
                                 "an index that is compressed or encrypted is not supported");
    result = place_table(m, index, MRIMGX_ELEMENT, &at, &index->reserved, err);
    if (result == PLATTER_OK)
        result = place_table(m, index, index->file->layout.delta ? MRIMGX_DELTA_ELEMENT : MRIMGX_ELEMENT, &at,
                             &index->blocks, err);
    return result;
}

/* Whether disk `index` of a file is the one that is being opened. */
bool platter_mrimgx_is_the_disk(const struct mrimgx *m, const struct mrimgx_file *file, size_t index)
{
    const struct mrimgx_disk *wanted = mrimgx_disk(m), *disk = &file->layout.disks[index];

    if (file == m->files[0])
        return index == m->disk;
    /* Windows may have counted it differently from one backup to the next. */
    if (wanted->signature[0] && disk->signature[0])
        return strcmp(wanted->signature, disk->signature) == 0;
    return wanted->number == disk->number;
}

/* Finds the indexes of the disk in m->files[which] and appends them to m->indexes; track 0 too if it is the first. */
static enum platter_result read_parts(struct mrimgx *m, size_t which, struct platter_error *err)
{
    struct mrimgx_file *file = m->files[which];
    uint64_t at = file->layout.index_position;
    enum platter_result result;

    for (size_t d = 0; d < file->layout.disk_count; d++) {
        const struct mrimgx_disk *disk = &file->layout.disks[d];
        bool wanted = platter_mrimgx_is_the_disk(m, file, d);

        result = read_list(file, &at, wanted && which == 0 ? take_disk : NULL, m, err);
        if (result == PLATTER_OK && wanted && which == 0 && !m->track0)
            result = platter_error_set(err, PLATTER_E_FORMAT, file->block->name, at,
                                       "the backup has no first track of its disk");
        for (size_t p = 0; p < disk->partition_count && result == PLATTER_OK; p++) {
            struct mrimgx_index index = {.file = file};

            result = read_list(file, &at, wanted ? take_index : NULL, &index, err);
            if (result || !wanted)
                continue;
            result = open_index(m, &index, err);
            if (result == PLATTER_OK &&
                !platter_mrimgx_room((void **)&m->indexes, &m->index_room, m->index_count, sizeof(*m->indexes)))
                result = no_memory(m, err);
            if (result == PLATTER_OK)
                m->indexes[m->index_count++] = index;
        }
        if (result || wanted)
            return result;
    }
    return platter_error_set(err, PLATTER_E_FORMAT, file->block->name, PLATTER_NO_OFFSET,
                             "has nothing of the disk that %s has", m->files[0]->block->name);
}

static enum platter_result check_indexes(struct mrimgx *m, struct platter_error *err)
{
    uint64_t budget = CHECK_MOST;

    for (size_t i = 0; i < m->index_count; i++) {
        struct mrimgx_index *index = &m->indexes[i];
        enum platter_result result;

        if (index->meta.length > budget)
            continue;
        budget -= index->meta.length;
        result = platter_mrimgx_meta_check(index->file->block, &index->meta, err);
        if (result)
            return result;
        index->checked = true;
    }
    return PLATTER_OK;
}

/* m->files[0] first, then what its delta index stands on, back to the file with a whole index. */
static enum platter_result read_chain(struct mrimgx *m, size_t *chain, struct platter_error *err)
{
    uint32_t number = m->files[0]->layout.file_number;
    size_t which = 0;
    enum platter_result result;

    for (*chain = 1;; ++*chain) {
        result = read_parts(m, which, err);
        if (result || !m->files[which]->layout.delta)
            return result;
        /* The next older file with an index. */
        do {
            if (number == 0)
                return platter_error_set(err, PLATTER_E_FORMAT, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                         "has a delta index, and no file with a whole one is in its history");
            number--;
        } while (!m->file_of[number] || m->files[m->file_of[number] - 1]->layout.split ||
                 m->files[m->file_of[number] - 1]->layout.file_number != number);
        which = m->file_of[number] - 1u;
    }
}

enum platter_result platter_mrimgx_parts_read(struct mrimgx *m, size_t *chain, struct platter_error *err)
{
    enum platter_result result = read_chain(m, chain, err);

    return result ? result : check_indexes(m, err);
}
