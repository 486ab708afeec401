/* SPDX-License-Identifier: MIT */
/*
 * A sparse extent of a VMDK: writing in place.
 *
 * New grains go behind the file's end. Their words of the grain tables are held back in memory until a flush has seen
 * the data to the medium; then the spare table is written, and the table. A table that is new is written, empty, before
 * the directories point to it. While tables are changed the header says that the extent was not closed properly; if it
 * said so before, spare tables may be older than theirs, and are made like them first.
 */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "vmdk.h"

#define MAX_DIRTY 512u /* grain tables held back at most */
#define UNCLEAN_AT 72u

static enum platter_result no_memory(struct vmdk_sparse *s, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
}

enum platter_result platter_vmdk_write_prepare(struct vmdk_sparse *s, struct platter_error *err)
{
    struct platter_findings findings = {.count = 0};
    enum platter_result result = platter_vmdk_scan(s, &findings, err);

    if (result || (result = platter_findings_allow_writing(&findings, err)))
        return result;
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
        result = platter_block_write(s->m.file, data, bytes, (uint64_t)spare * VMDK_SECTOR, err);
    return result ? result : platter_block_write(s->m.file, data, bytes, at, err);
}

/* `change` held. */
static enum platter_result flush_tables(struct vmdk_sparse *s, struct platter_error *err)
{
    enum platter_result result = platter_block_flush(s->m.file, err);

    if (result || !s->dirty_count)
        return result;
    while (s->dirty_count) {
        if ((result = write_table(s, &s->dirty[s->dirty_count - 1], err)))
            return result;
        platter_cache_release(s->tables, s->dirty[--s->dirty_count].table);
    }
    return platter_block_flush(s->m.file, err);
}

enum platter_result platter_vmdk_flush(struct platter_block *base, struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)base;
    enum platter_result result;

    platter_mutex_lock(&s->m.change);
    result = flush_tables(s, err);
    platter_mutex_unlock(&s->m.change);
    return result;
}

void platter_vmdk_write_end(struct vmdk_sparse *s)
{
    static const uint8_t clean = 0;

    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (flush_tables(s, NULL) == PLATTER_OK && s->marked)
        (void)platter_block_write(s->m.file, &clean, 1, UNCLEAN_AT, NULL);
}

/* `change` held. Makes room of `bytes` at a multiple of `alignment` behind the end of the file; it is zero. */
static enum platter_result extend(struct vmdk_sparse *s, uint64_t bytes, uint32_t alignment, uint64_t *at,
                                  struct platter_error *err)
{
    *at = (platter_block_size(s->m.file) + alignment - 1) / alignment * alignment;
    /* Words of tables are sectors in 32 bits. */
    if ((*at + bytes) / VMDK_SECTOR > UINT32_MAX)
        return platter_error_set(err, PLATTER_E_NO_SPACE, s->m.file->name, *at,
                                 "a sparse extent cannot become larger than 2 TiB");
    return platter_file_resize(s->m.file, *at + bytes, err);
}

/* `change` held. Changes a word of a directory, in the file first. */
static enum platter_result set_directory(struct vmdk_sparse *s, struct platter_page_table *directory, uint64_t index,
                                         uint32_t sector, struct platter_error *err)
{
    uint32_t raw;
    uint8_t *page;
    enum platter_result result;

    platter_put_le32(&raw, sector);
    result = platter_page_table_hold(directory, index * 4, &page, err);
    if (result)
        return result;
    result = platter_block_write(s->m.file, &raw, sizeof(raw), directory->offset + index * 4, err);
    if (result == PLATTER_OK)
        __atomic_store_n((uint32_t *)(void *)(page + index * 4 % PLATTER_TABLE_PAGE), raw, __ATOMIC_RELEASE);
    platter_page_table_release(directory);
    return result;
}

/* `change` held. Gives the table at `index` a spare copy that is the same; `table` and `copy` have room for one each. */
static enum platter_result mend_spare(struct vmdk_sparse *s, uint64_t index, uint8_t *table, uint8_t *copy,
                                      struct platter_error *err)
{
    size_t bytes = (size_t)s->header.table_words * 4;
    uint32_t sector, spare = 0;
    uint64_t at;
    enum platter_result result = platter_vmdk_directory_word(&s->directory, index, &sector, err);

    if (result == PLATTER_OK && sector)
        result = platter_vmdk_directory_word(&s->spare, index, &spare, err);
    if (result || sector == 0 || sector == spare ||
        (result = platter_block_read(s->m.file, table, bytes, (uint64_t)sector * VMDK_SECTOR, err)))
        return result;
    if (spare) {
        at = (uint64_t)spare * VMDK_SECTOR;
        result = platter_block_read(s->m.file, copy, bytes, at, err);
        if (result || memcmp(table, copy, bytes) == 0)
            return result;
        return platter_block_write(s->m.file, table, bytes, at, err);
    }
    if ((result = extend(s, (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR, VMDK_SECTOR, &at, err)) ||
        (result = platter_block_write(s->m.file, table, bytes, at, err)) ||
        (result = platter_block_flush(s->m.file, err)))
        return result;
    return set_directory(s, &s->spare, index, (uint32_t)(at / VMDK_SECTOR), err);
}

/* `change` held. Who last wrote was cut off, and closing will take away the mark that says so. */
static enum platter_result mend_spares(struct vmdk_sparse *s, struct platter_error *err)
{
    size_t bytes = (size_t)s->header.table_words * 4;
    uint8_t *tables = malloc(2 * bytes);
    enum platter_result result = tables ? PLATTER_OK : no_memory(s, err);

    for (uint64_t i = 0; i < s->header.directory_words && result == PLATTER_OK; i++)
        result = mend_spare(s, i, tables, tables + bytes, err);
    free(tables);
    return result;
}

/* `change` held. */
static enum platter_result mark_unclean(struct vmdk_sparse *s, struct platter_error *err)
{
    static const uint8_t unclean = 1;
    enum platter_result result;

    if (s->marked)
        return PLATTER_OK;
    result = platter_block_write(s->m.file, &unclean, 1, UNCLEAN_AT, err);
    if (result == PLATTER_OK && s->header.unclean && s->header.spare_directory)
        result = mend_spares(s, err);
    s->marked = result == PLATTER_OK;
    return result;
}

/* `change` held. Gives the directory an empty table at `index`, and the spare directory one if it has none. */
static enum platter_result new_table(struct vmdk_sparse *s, uint64_t index, uint32_t *sector, struct platter_error *err)
{
    uint64_t bytes = ((uint64_t)s->header.table_words * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR, at;
    enum platter_result result = mark_unclean(s, err);
    uint64_t before = platter_block_size(s->m.file);
    bool pointed_to = false;
    uint32_t spare = 1;

    if (result == PLATTER_OK && s->header.spare_directory)
        result = platter_vmdk_directory_word(&s->spare, index, &spare, err);
    if (result || (result = extend(s, bytes * 2, VMDK_SECTOR, &at, err)) ||
        (result = platter_block_flush(s->m.file, err)))
        return result;
    if (spare == 0) {
        result = set_directory(s, &s->spare, index, (uint32_t)((at + bytes) / VMDK_SECTOR), err);
        pointed_to = result != PLATTER_E_NO_SPACE; /* after any other error nobody knows what the file holds */
    }
    if (result == PLATTER_OK) {
        *sector = (uint32_t)(at / VMDK_SECTOR);
        result = set_directory(s, &s->directory, index, *sector, err);
        pointed_to = pointed_to || result != PLATTER_E_NO_SPACE;
    }
    if (!pointed_to)
        (void)platter_file_resize(s->m.file, before, NULL);
    return result;
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

/* `change` held. What flush_tables will write has its room in the file: a disk that is full fails writes, not flushes. */
static enum platter_result settle_table(struct vmdk_sparse *s, const struct platter_cache_entry *table, uint64_t index,
                                        struct platter_error *err)
{
    size_t bytes = (size_t)s->header.table_words * 4;
    enum platter_result result = PLATTER_OK;
    uint32_t spare = 0;

    for (size_t i = 0; i < s->dirty_count; i++) {
        if (s->dirty[i].table == table)
            return PLATTER_OK;
    }
    if (s->header.spare_directory)
        result = platter_vmdk_directory_word(&s->spare, index, &spare, err);
    if (result == PLATTER_OK && spare)
        result = platter_block_settle(s->m.file, (uint64_t)spare * VMDK_SECTOR, bytes, err);
    return result ? result : platter_block_settle(s->m.file, platter_cache_key(table), bytes, err);
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

enum platter_result platter_vmdk_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                           const struct platter_run *run, uint64_t *done, struct platter_error *err)
{
    struct vmdk_sparse *s = (struct vmdk_sparse *)m;
    uint64_t first = offset >> s->grain_bits, within = offset & (s->header.grain - 1), host, tail, count;
    uint64_t length = run->length, before;
    bool parents = run->kind == PLATTER_RUN_PARENT;
    struct platter_cache_entry *table = NULL;
    enum platter_result result = PLATTER_OK;

    if (s->dirty_count == MAX_DIRTY)
        result = flush_tables(s, err);
    if (result || (result = mark_unclean(s, err)) || (result = table_to_change(s, first, &table, err)))
        return result;
    if ((result = settle_table(s, table, first / s->header.table_words, err)))
        goto out;
    count = ((offset + length - 1) >> s->grain_bits) - first + 1;
    tail = (count << s->grain_bits) - within - length;
    before = platter_block_size(s->m.file);
    if ((result = extend(s, count << s->grain_bits, s->header.grain, &host, err)))
        goto out;
    /* Without a parent the file is zero there already. */
    if (parents && ((result = platter_mapped_fill(m, true, offset - within, within, host, err)) ||
                    (result = platter_mapped_fill(m, true, offset + length, tail, host + within + length, err))))
        goto give_back;
    if ((result = platter_block_write(m->file, buffer, (size_t)length, host + within, err)))
        goto give_back;
    set_words(s, table, first, count, host);
    *done = length;
    goto out;
give_back:
    /* Refused writes to a full disk must not make the file grow and grow. */
    (void)platter_file_resize(s->m.file, before, NULL);
out:
    platter_cache_release(s->tables, table);
    return result;
}
