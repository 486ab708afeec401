/* SPDX-License-Identifier: MIT */
/*
 * A sparse extent of a VMDK: writing in place.
 *
 * New grains go behind the file's end. Their words of the grain tables are held back in memory until a flush has seen
 * the data to the medium; then the spare table is written, and the table. A table that is new is written, empty, before
 * the directories point to it. While tables are changed the header says that the extent was not closed properly.
 */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "parent.h"
#include "vmdk.h"

#define MAX_DIRTY 512u /* grain tables held back at most */
#define PIECE (1u << 20)
#define UNCLEAN_AT 72u

static enum platter_result no_memory(struct vmdk_sparse *s, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, s->file->name, PLATTER_NO_OFFSET, "out of memory");
}

struct first_finding {
    bool any;
    struct platter_error error;
};

static void remember(void *context, bool fatal, const struct platter_error *finding)
{
    struct first_finding *first = context;

    if (fatal && !first->any)
        first->error = *finding;
    first->any |= fatal;
}

enum platter_result platter_vmdk_write_prepare(struct vmdk_sparse *s, struct platter_error *err)
{
    struct first_finding first = {.any = false};
    enum platter_result result = platter_vmdk_scan(s, remember, &first, err);

    if (result)
        return result;
    /* A new grain could come to lie where such an entry points: what is wrong is not made worse. */
    if (first.any) {
        char text[400];

        memcpy(text, first.error.message, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        return platter_error_set(err, PLATTER_E_READ_ONLY, first.error.file, first.error.offset,
                                 "is damaged and can only be read: %s", text);
    }
    s->dirty = calloc(MAX_DIRTY, sizeof(*s->dirty));
    return s->dirty ? PLATTER_OK : no_memory(s, err);
}

/* `change` held. */
static enum platter_result write_table(struct vmdk_sparse *s, const struct vmdk_dirty *dirty, struct platter_error *err)
{
    const uint8_t *data = platter_cache_data(dirty->table);
    uint64_t at = platter_cache_key(dirty->table);
    size_t bytes = (size_t)s->header.table_words * 4;
    enum platter_result result = PLATTER_OK;
    uint32_t spare = 0;

    if (s->header.spare_directory)
        result = platter_vmdk_directory_word(&s->spare, dirty->directory_word, &spare, err);
    /* Some have one table under both directories. */
    if (result == PLATTER_OK && spare && (uint64_t)spare * VMDK_SECTOR != at)
        result = platter_block_write(s->file, data, bytes, (uint64_t)spare * VMDK_SECTOR, err);
    return result ? result : platter_block_write(s->file, data, bytes, at, err);
}

/* `change` held. */
static enum platter_result flush_tables(struct vmdk_sparse *s, struct platter_error *err)
{
    enum platter_result result = platter_block_flush(s->file, err);

    if (result || !s->dirty_count)
        return result;
    while (s->dirty_count) {
        if ((result = write_table(s, &s->dirty[s->dirty_count - 1], err)))
            return result;
        platter_cache_release(s->tables, s->dirty[--s->dirty_count].table);
    }
    return platter_block_flush(s->file, err);
}

enum platter_result platter_vmdk_flush(struct platter_block *base, struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)base;
    enum platter_result result;

    platter_mutex_lock(&s->change);
    result = flush_tables(s, err);
    platter_mutex_unlock(&s->change);
    return result;
}

void platter_vmdk_write_end(struct vmdk_sparse *s)
{
    static const uint8_t clean = 0;

    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (flush_tables(s, NULL) == PLATTER_OK && s->marked)
        (void)platter_block_write(s->file, &clean, 1, UNCLEAN_AT, NULL);
}

/* `change` held. */
static enum platter_result mark_unclean(struct vmdk_sparse *s, struct platter_error *err)
{
    static const uint8_t unclean = 1;
    enum platter_result result;

    if (s->marked)
        return PLATTER_OK;
    result = platter_block_write(s->file, &unclean, 1, UNCLEAN_AT, err);
    s->marked = result == PLATTER_OK;
    return result;
}

/* `change` held. Makes room of `bytes` at a multiple of `alignment` behind the end of the file; it is zero. */
static enum platter_result extend(struct vmdk_sparse *s, uint64_t bytes, uint32_t alignment, uint64_t *at,
                                  struct platter_error *err)
{
    *at = (platter_block_size(s->file) + alignment - 1) / alignment * alignment;
    /* Words of tables are sectors in 32 bits. */
    if ((*at + bytes) / VMDK_SECTOR > UINT32_MAX)
        return platter_error_set(err, PLATTER_E_NO_SPACE, s->file->name, *at,
                                 "a sparse extent cannot become larger than 2 TiB");
    return platter_file_resize(s->file, *at + bytes, err);
}

/* `change` held. Changes a word of a directory, in the file first. */
static enum platter_result set_directory(struct vmdk_sparse *s, struct platter_page_table *directory, uint64_t index,
                                         uint32_t sector, struct platter_error *err)
{
    uint32_t raw;
    uint8_t *page;
    enum platter_result result;

    platter_put_le32(&raw, sector);
    result = platter_block_write(s->file, &raw, sizeof(raw), directory->offset + index * 4, err);
    if (result == PLATTER_OK)
        result = platter_page_table_hold(directory, index * 4, &page, err);
    if (result)
        return result;
    __atomic_store_n((uint32_t *)(void *)(page + index * 4 % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    platter_page_table_release(directory);
    return PLATTER_OK;
}

/* `change` held. Gives the directory an empty table at `index`, and the spare directory one if it has none. */
static enum platter_result new_table(struct vmdk_sparse *s, uint64_t index, uint32_t *sector, struct platter_error *err)
{
    uint64_t bytes = ((uint64_t)s->header.table_words * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR, at;
    enum platter_result result = mark_unclean(s, err);
    uint32_t spare = 1;

    if (result == PLATTER_OK && s->header.spare_directory)
        result = platter_vmdk_directory_word(&s->spare, index, &spare, err);
    if (result || (result = extend(s, bytes * 2, VMDK_SECTOR, &at, err)) ||
        (result = platter_block_flush(s->file, err)))
        return result;
    if (spare == 0) {
        result = set_directory(s, &s->spare, index, (uint32_t)((at + bytes) / VMDK_SECTOR), err);
        if (result)
            return result;
    }
    *sector = (uint32_t)(at / VMDK_SECTOR);
    return set_directory(s, &s->directory, index, *sector, err);
}

/* `change` held. Holds the table for the grain; its words may be changed. */
static enum platter_result table_to_change(struct vmdk_sparse *s, uint64_t grain, struct platter_cache_entry **table,
                                           struct platter_error *err)
{
    uint64_t index = grain / s->header.table_words;
    uint32_t sector;
    enum platter_result result = platter_vmdk_directory_word(&s->directory, index, &sector, err);

    if (result == PLATTER_OK && sector == 0)
        result = new_table(s, index, &sector, err);
    return result ? result : platter_vmdk_table(s, index, sector, table, err);
}

/* `change` held. `count` grains from `grain` on, all of this table, lie at `host` from now on. */
static void set_words(struct vmdk_sparse *s, struct platter_cache_entry *table, uint64_t grain, uint64_t count,
                      uint64_t host)
{
    size_t slot = (size_t)(grain % s->header.table_words), i = 0;

    for (uint64_t n = 0; n < count; n++) {
        uint32_t raw;

        platter_put_le32(&raw, (uint32_t)((host + (n << s->grain_bits)) / VMDK_SECTOR));
        __atomic_store_n((uint32_t *)(void *)(platter_cache_data(table) + (slot + n) * 4), raw, __ATOMIC_RELEASE);
    }
    while (i < s->dirty_count && s->dirty[i].table != table)
        i++;
    if (i == s->dirty_count) {
        platter_cache_hold_again(s->tables, table);
        s->dirty[s->dirty_count++] =
            (struct vmdk_dirty){.table = table, .directory_word = grain / s->header.table_words};
    }
}

/* Fills a part of a new grain with what the parent has there; without one the file is zero there already. */
static enum platter_result fill(struct vmdk_sparse *s, bool parents, uint64_t offset, uint64_t length, uint64_t host,
                                struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    uint8_t *copy;

    if (length == 0 || !parents)
        return PLATTER_OK;
    copy = malloc(length < PIECE ? (size_t)length : PIECE);
    if (!copy)
        return no_memory(s, err);
    while (length && result == PLATTER_OK) {
        size_t piece = length < PIECE ? (size_t)length : PIECE;

        result = platter_parent_read(s->parent, copy, piece, s->start + offset, err);
        if (result == PLATTER_OK)
            result = platter_block_write(s->file, copy, piece, host, err);
        offset += piece;
        host += piece;
        length -= piece;
    }
    free(copy);
    return result;
}

/* `change` held. Writes `length` bytes of a run that lookup gave, none of which is in the file, into new grains. */
static enum platter_result write_new(struct vmdk_sparse *s, const uint8_t *buffer, uint64_t length, uint64_t offset,
                                     bool parents, uint64_t *done, struct platter_error *err)
{
    uint64_t first = offset >> s->grain_bits, within = offset & (s->header.grain - 1), host, tail, count;
    struct platter_cache_entry *table = NULL;
    enum platter_result result = PLATTER_OK;

    if (s->dirty_count == MAX_DIRTY)
        result = flush_tables(s, err);
    if (result || (result = mark_unclean(s, err)) || (result = table_to_change(s, first, &table, err)))
        return result;
    count = ((offset + length - 1) >> s->grain_bits) - first + 1;
    tail = (count << s->grain_bits) - within - length;
    if ((result = extend(s, count << s->grain_bits, s->header.grain, &host, err)) ||
        (result = fill(s, parents, offset - within, within, host, err)) ||
        (result = platter_block_write(s->file, buffer, (size_t)length, host + within, err)) ||
        (result = fill(s, parents, offset + length, tail, host + within + length, err)))
        goto out;
    set_words(s, table, first, count, host);
    *done = length;
out:
    platter_cache_release(s->tables, table);
    return result;
}

/* Overwrites what is there; *done 0: the first grain is not. */
static enum platter_result write_in_place(struct vmdk_sparse *s, const uint8_t *buffer, uint64_t length,
                                          uint64_t offset, struct vmdk_run *run, uint64_t *done,
                                          struct platter_error *err)
{
    enum platter_result result = platter_vmdk_lookup(s, offset, length, run, err);

    *done = 0;
    if (result || run->kind != VMDK_RUN_PLAIN)
        return result;
    *done = run->length;
    return platter_block_write(s->file, buffer, (size_t)run->length, run->host, err);
}

enum platter_result platter_vmdk_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)base;
    const uint8_t *data = buffer;
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        struct vmdk_run run;
        uint64_t done;

        result = write_in_place(s, data, length, offset, &run, &done, err);
        if (result == PLATTER_OK && done == 0) {
            platter_mutex_lock(&s->change);
            /* Somebody else may have put it there meanwhile. */
            result = write_in_place(s, data, length, offset, &run, &done, err);
            if (result == PLATTER_OK && done == 0)
                result = write_new(s, data, run.length, offset, run.kind == VMDK_RUN_PARENT, &done, err);
            platter_mutex_unlock(&s->change);
        }
        data += done;
        offset += done;
        length -= (size_t)done;
    }
    return result;
}

/* What is there becomes a hole in the file, which reads as zero; what is not there stays as it is. */
enum platter_result platter_vmdk_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                         struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)base;
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        struct vmdk_run run;

        result = platter_vmdk_lookup(s, offset, length, &run, err);
        if (result == PLATTER_OK && run.kind == VMDK_RUN_PLAIN)
            result = platter_block_discard(s->file, run.host, run.length, err);
        offset += run.length;
        length -= run.length;
    }
    return result;
}
