/* SPDX-License-Identifier: MIT */
/*
 * Macrium Reflect X: from a block of a partition to where it is stored.
 *
 * An index takes 30 bytes for each 64 KiB of the partition, stored or not: it stays in its file, and pages of it are
 * read as they are wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "mrimgx.h"

#define PAGE_BYTES (2048u * MRIMGX_ELEMENT)
#define PAGES_MOST (8u << 20)

bool platter_mrimgx_room(void **list, size_t *room, size_t count, size_t element)
{
    void *grown;

    if (count < *room)
        return true;
    grown = realloc(*list, (*room ? *room * 2 : 8) * element);
    if (!grown)
        return false;
    *list = grown;
    *room = *room ? *room * 2 : 8;
    return true;
}

static uint32_t page_entries(const struct mrimgx_table *table)
{
    return PAGE_BYTES / table->entry;
}

static enum platter_result load_page(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    struct mrimgx *m = context;
    const struct mrimgx_table *table = &m->tables[key >> 32];
    uint32_t first = (uint32_t)key * page_entries(table);
    uint32_t count = table->count - first < page_entries(table) ? table->count - first : page_entries(table);

    /* That the whole table lies in the file was seen to when it was opened. */
    return platter_block_read(table->file->block, data, (size_t)count * table->entry,
                              table->offset + (uint64_t)first * table->entry, err);
}

/* Holds the page with an entry; *left: entries from there to the page's end. */
static enum platter_result hold_entry(struct mrimgx *m, const struct mrimgx_table *table, uint32_t entry,
                                      struct platter_cache_entry **page, const uint8_t **at, uint32_t *left,
                                      struct platter_error *err)
{
    uint32_t entries = page_entries(table), within = entry % entries;
    enum platter_result result =
        platter_cache_hold(m->pages, (uint64_t)table->id << 32 | entry / entries, load_page, m, page, err);

    if (result)
        return result;
    *at = platter_cache_data(*page) + (size_t)within * table->entry;
    *left = entries - within < table->count - entry ? entries - within : table->count - entry;
    return PLATTER_OK;
}

/* The first change at or after `block`; region->change_count when there is none. */
static size_t find_change(const struct mrimgx_region *region, uint32_t block)
{
    size_t low = 0, high = region->change_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (region->changes[middle].block < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum platter_result decode_element(struct mrimgx *m, const struct mrimgx_region *region,
                                          const struct mrimgx_table *table, uint32_t entry, const uint8_t *at,
                                          struct mrimgx_element *element, struct platter_error *err)
{
    uint64_t place = table->offset + (uint64_t)entry * table->entry;
    uint16_t number = platter_le16(at + 28);

    element->position = platter_le64(at);
    memcpy(element->md5, at + 8, sizeof(element->md5));
    element->length = platter_le32(at + 24);
    if (element->length == 0)
        return PLATTER_OK;
    if (number >= m->numbers || !m->file_of[number])
        return platter_error_set(err, PLATTER_E_FORMAT, table->file->block->name, place,
                                 "a block is said to be in file %u of the set, which is not in its history", number);
    element->file = m->files[m->file_of[number] - 1];
    /* What does not compress grows a little, and AES pads. */
    if (element->length > region->block_size + region->block_size / 128 + 1024)
        return platter_error_set(err, PLATTER_E_FORMAT, table->file->block->name, place,
                                 "a block of %u bytes is said to take %u", region->block_size, element->length);
    if (!platter_inside(element->position, element->length, platter_block_size(element->file->block)))
        return platter_error_set(err, PLATTER_E_FORMAT, table->file->block->name, place,
                                 "a block is said to lie at byte %llu of %s, which is outside it",
                                 (unsigned long long)element->position, element->file->block->name);
    return PLATTER_OK;
}

enum platter_result platter_mrimgx_element(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block,
                                           struct mrimgx_element *element, struct platter_error *err)
{
    const struct mrimgx_table *table = &region->table;
    size_t change = find_change(region, block);
    struct platter_cache_entry *page;
    enum platter_result result;
    uint32_t entry = block, left;
    const uint8_t *at;

    memset(element, 0, sizeof(*element));
    if (change < region->change_count && region->changes[change].block == block) {
        table = &m->tables[region->changes[change].table];
        entry = region->changes[change].entry;
    }
    if (entry >= table->count)
        return PLATTER_OK;
    result = hold_entry(m, table, entry, &page, &at, &left, err);
    if (result)
        return result;
    result = decode_element(m, region, table, entry, at, element, err);
    platter_cache_release(m->pages, page);
    return result;
}

enum platter_result platter_mrimgx_alike(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block,
                                         uint32_t most, bool *stored, uint32_t *count, struct platter_error *err)
{
    const struct mrimgx_table *table = &region->table;
    size_t change = find_change(region, block);
    struct platter_cache_entry *page;
    struct mrimgx_element element;
    enum platter_result result;
    uint32_t left, until = most;
    const uint8_t *at;

    if (change < region->change_count) {
        until = region->changes[change].block - block;
        if (until == 0) {
            *count = 1;
            result = platter_mrimgx_element(m, region, block, &element, err);
            *stored = element.length != 0;
            return result;
        }
        until = until < most ? until : most;
    }
    *stored = false;
    *count = until;
    if (block >= table->count)
        return PLATTER_OK;
    result = hold_entry(m, table, block, &page, &at, &left, err);
    if (result)
        return result;
    *stored = platter_le32(at + 24) != 0;
    left = left < until ? left : until;
    for (*count = 1; *count < left; ++*count) {
        if ((platter_le32(at + (size_t)*count * table->entry + 24) != 0) != *stored)
            break;
    }
    platter_cache_release(m->pages, page);
    return PLATTER_OK;
}

enum platter_result platter_mrimgx_pages_create(struct mrimgx *m, struct platter_error *err)
{
    return platter_cache_create(PAGE_BYTES, PAGES_MOST, &m->pages, err);
}
