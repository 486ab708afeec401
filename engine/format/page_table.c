/* SPDX-License-Identifier: MIT */
#include "page_table.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_BYTES (32u << 20)

enum platter_result platter_page_table_open(struct platter_page_table *table, struct platter_block *file,
                                            uint64_t offset, uint64_t bytes, size_t extra, struct platter_error *err)
{
    uint64_t count = bytes / PLATTER_TABLE_PAGE + (bytes % PLATTER_TABLE_PAGE != 0);

    platter_rwlock_init(&table->lock);
    table->file = file;
    table->offset = offset;
    table->bytes = bytes;
    table->extra = extra;
    table->limit = LIMIT_BYTES / PLATTER_TABLE_PAGE;
    table->page_count = (size_t)count;
    if (count <= SIZE_MAX / sizeof(*table->pages)) {
        table->pages = calloc((size_t)count, sizeof(*table->pages));
        table->changed = calloc((size_t)count, 1);
    }
    if (!table->pages || !table->changed)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, offset, "out of memory");
    return PLATTER_OK;
}

void platter_page_table_close(struct platter_page_table *table)
{
    if (!table->file)
        return;
    for (size_t i = 0; table->pages && i < table->page_count; i++)
        free(table->pages[i]);
    free(table->pages);
    free(table->changed);
    platter_rwlock_destroy(&table->lock);
}

/* The lock held for writing. */
static void shrink(struct platter_page_table *table)
{
    table->gone++;
    for (size_t i = 0; i < table->page_count; i++) {
        if (table->pages[i] && !table->changed[i]) {
            free(table->pages[i]);
            table->pages[i] = NULL;
            table->loaded--;
        }
    }
}

/*
 * `gone`: as it was when the page was not there. When pages have gone since, this one may have been among them, changed and
 * written by somebody else after it was read here: then it is left to be read once more.
 */
static enum platter_result load(struct platter_page_table *table, size_t number, uint64_t gone,
                                struct platter_error *err)
{
    uint64_t at = (uint64_t)number * PLATTER_TABLE_PAGE, left = table->bytes - at;
    uint8_t *page = calloc(1, PLATTER_TABLE_PAGE + table->extra);
    enum platter_result result;

    if (!page)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, table->file->name, table->offset + at, "out of memory");
    result = platter_block_read(table->file, page, left < PLATTER_TABLE_PAGE ? (size_t)left : PLATTER_TABLE_PAGE,
                                table->offset + at, err);
    if (result) {
        free(page);
        return result;
    }
    platter_rwlock_write(&table->lock);
    if (!table->pages[number] && table->gone == gone) {
        if (table->loaded >= table->limit)
            shrink(table);
        table->pages[number] = page;
        table->loaded++;
        page = NULL;
    }
    platter_rwlock_write_unlock(&table->lock);
    free(page); /* not needed, or not to be trusted */
    return PLATTER_OK;
}

enum platter_result platter_page_table_hold(struct platter_page_table *table, uint64_t at, uint8_t **page,
                                            struct platter_error *err)
{
    size_t number = (size_t)(at / PLATTER_TABLE_PAGE);

    for (;;) {
        enum platter_result result;
        uint64_t gone;

        platter_rwlock_read(&table->lock);
        *page = table->pages[number];
        if (*page)
            return PLATTER_OK;
        gone = table->gone;
        platter_rwlock_read_unlock(&table->lock);
        if ((result = load(table, number, gone, err)))
            return result;
    }
}

void platter_page_table_release(struct platter_page_table *table)
{
    platter_rwlock_read_unlock(&table->lock);
}

void platter_page_table_set_changed(struct platter_page_table *table, uint64_t at, bool changed)
{
    __atomic_store_n(&table->changed[at / PLATTER_TABLE_PAGE], changed, __ATOMIC_RELAXED);
}
