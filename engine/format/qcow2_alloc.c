/* SPDX-License-Identifier: MIT */
/*
 * QCOW2: which clusters of the file are in use.
 *
 * Refcounts are written through and reach the file before any table that counts on them: a cut leaves clusters that
 * nobody uses, never clusters that two use. All of this runs under `change`.
 */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "qcow2.h"

#define REFBLOCK_CACHE_BYTES (4u << 20)

uint64_t platter_qcow2_refcount_get(const uint8_t *block, uint32_t order, uint64_t index)
{
    switch (order) {
    case 3:
        return block[index];
    case 4:
        return platter_be16(block + index * 2);
    case 5:
        return platter_be32(block + index * 4);
    case 6:
        return platter_be64(block + index * 8);
    default: {
        /* Narrower than a byte: the first entry lies in the lowest bits; the specification, "Refcount blocks". */
        uint64_t bit = index << order;

        return block[bit / 8] >> (bit % 8) & ((1u << (1u << order)) - 1);
    }
    }
}

void platter_qcow2_refcount_set(uint8_t *block, uint32_t order, uint64_t index, uint64_t value)
{
    switch (order) {
    case 3:
        block[index] = (uint8_t)value;
        return;
    case 4:
        platter_put_be16(block + index * 2, (uint16_t)value);
        return;
    case 5:
        platter_put_be32(block + index * 4, (uint32_t)value);
        return;
    case 6:
        platter_put_be64(block + index * 8, value);
        return;
    default: {
        uint64_t bit = index << order;
        uint32_t mask = ((1u << (1u << order)) - 1) << (bit % 8);

        block[bit / 8] = (uint8_t)((block[bit / 8] & ~mask) | (uint32_t)(value << (bit % 8)));
    }
    }
}

static uint64_t per_block(const struct qcow2 *q)
{
    return q->cluster_size * 8 >> q->header.refcount_order;
}

static enum platter_result load_refblock(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    struct qcow2 *q = context;

    if (key % q->cluster_size || !platter_inside(key, q->cluster_size, platter_block_size(q->file)))
        return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, key,
                                 "a refcount block is said to lie here, where none can be");
    return platter_block_read(q->file, data, (size_t)q->cluster_size, key, err);
}

/* Holds the refcount block with this index; *entry NULL: there is none, so all it would count is free. */
static enum platter_result hold_refblock(struct qcow2 *q, uint64_t index, struct platter_cache_entry **entry,
                                         struct platter_error *err)
{
    uint64_t offset = index < q->reftable_entries ? q->reftable[index] & ~511ull : 0;

    *entry = NULL;
    return offset ? platter_cache_hold(q->refblocks, offset, load_refblock, q, entry, err) : PLATTER_OK;
}

enum platter_result platter_qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *count,
                                           struct platter_error *err)
{
    struct platter_cache_entry *entry;
    enum platter_result result = hold_refblock(q, cluster / per_block(q), &entry, err);

    *count = 0;
    if (result || !entry)
        return result;
    *count = platter_qcow2_refcount_get(platter_cache_data(entry), q->header.refcount_order, cluster % per_block(q));
    platter_cache_release(q->refblocks, entry);
    return PLATTER_OK;
}

/* Gives `count` clusters, all in one refcount block that exists, this refcount: in the file first, then in memory. */
static enum platter_result set_refcounts(struct qcow2 *q, uint64_t cluster, uint64_t count, uint64_t value,
                                         struct platter_error *err)
{
    uint32_t order = q->header.refcount_order;
    uint64_t index = cluster % per_block(q), first = (index << order) / 8;
    size_t bytes = (size_t)((((index + count) << order) + 7) / 8 - first);
    struct platter_cache_entry *entry;
    enum platter_result result = hold_refblock(q, cluster / per_block(q), &entry, err);
    uint8_t *copy;

    if (result)
        return result;
    copy = malloc(bytes);
    if (!copy) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    memcpy(copy, platter_cache_data(entry) + first, bytes);
    for (uint64_t i = 0; i < count; i++)
        platter_qcow2_refcount_set(copy, order, index + i - (first * 8 >> order), value);
    result = platter_block_write(q->file, copy, bytes, platter_cache_key(entry) + first, err);
    if (result == PLATTER_OK)
        memcpy(platter_cache_data(entry) + first, copy, bytes);
    free(copy);
out:
    platter_cache_release(q->refblocks, entry);
    return result;
}

static enum platter_result extend_file(struct qcow2 *q, uint64_t clusters, struct platter_error *err)
{
    enum platter_result result;

    if (clusters <= q->file_clusters)
        return PLATTER_OK;
    if (clusters > (uint64_t)INT64_MAX >> q->header.cluster_bits)
        return platter_error_set(err, PLATTER_E_NO_SPACE, q->file->name, PLATTER_NO_OFFSET, "cannot become larger");
    result = platter_file_resize(q->file, clusters << q->header.cluster_bits, err);
    if (result == PLATTER_OK)
        q->file_clusters = clusters;
    return result;
}

/*
 * Takes back what was put at the end of the file, from this cluster on, before anything points there: who is told that there is
 * no room asks again, and that must not cost more of it each time. What cannot be taken back is room lost, no more.
 */
static void take_back(struct qcow2 *q, uint64_t start)
{
    uint64_t end = q->file_clusters;

    for (uint64_t i = start; i < end; i++) {
        uint64_t index = i / per_block(q), users;

        if (index >= q->reftable_entries || !(q->reftable[index] & ~511ull))
            continue;
        if (platter_qcow2_refcount(q, i, &users, NULL) || (users && set_refcounts(q, i, 1, 0, NULL)))
            return;
    }
    if (platter_file_resize(q->file, start << q->header.cluster_bits, NULL) == PLATTER_OK)
        q->file_clusters = start;
}

/* Writes a refcount block in which the clusters [first, end) it covers count once. */
static enum platter_result write_refblock(struct qcow2 *q, uint64_t at, uint64_t index, uint64_t first, uint64_t end,
                                          struct platter_error *err)
{
    uint64_t from = index * per_block(q), to = from + per_block(q);
    uint8_t *block = calloc(1, (size_t)q->cluster_size);
    enum platter_result result;

    if (!block)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    for (uint64_t i = first > from ? first : from; i < end && i < to; i++)
        platter_qcow2_refcount_set(block, q->header.refcount_order, i - from, 1);
    platter_cache_forget(q->refblocks, at);
    result = platter_block_write(q->file, block, (size_t)q->cluster_size, at, err);
    free(block);
    return result;
}

/* Gives the file a refcount block for `index`, at its end; the table has room for it. */
static enum platter_result add_refblock(struct qcow2 *q, uint64_t index, struct platter_error *err)
{
    uint64_t cluster = q->file_clusters, own = cluster / per_block(q), at = cluster << q->header.cluster_bits;
    enum platter_result result;
    uint8_t entry[8];

    if (own >= q->reftable_entries)
        return PLATTER_E_RANGE; /* the caller makes the table larger */
    if (own != index && !(q->reftable[own] & ~511ull)) {
        /* The end of the file is not counted yet either; the block that counts it counts itself. */
        result = add_refblock(q, own, err);
        return result ? result : add_refblock(q, index, err);
    }
    result = extend_file(q, cluster + 1, err);
    if (result)
        return result;
    /* The block has to be there before anything points to it, and so has the room for what does. */
    if ((result = write_refblock(q, at, index, own == index ? cluster : 0, own == index ? cluster + 1 : 0, err)) ||
        (own != index && (result = set_refcounts(q, cluster, 1, 1, err))) ||
        (result = platter_block_settle(q->file, q->header.reftable_offset + index * 8, 8, err)) ||
        (result = platter_block_flush(q->file, err))) {
        take_back(q, cluster);
        return result;
    }
    platter_put_be64(entry, at);
    result = platter_block_write(q->file, entry, sizeof(entry), q->header.reftable_offset + index * 8, err);
    if (result == PLATTER_OK)
        q->reftable[index] = at;
    return result;
}

/*
 * Moves the refcount table, made larger, to the end of the file, with the refcount blocks that count the new end. All
 * is written beside what is valid; one write to the header makes it valid.
 */
static enum platter_result grow_reftable(struct qcow2 *q, uint64_t index, struct platter_error *err)
{
    uint64_t start = q->file_clusters, slots = q->cluster_size / 8, old = q->header.reftable_offset;
    uint64_t old_clusters = q->header.reftable_clusters, tables = 2 * old_clusters, blocks = 0, end;
    enum platter_result result = PLATTER_OK;
    uint64_t *table;
    uint8_t *raw, head[12];

    /* What is added must itself be counted, by blocks that are added too: both only grow until they suffice. */
    for (;;) {
        uint64_t missing = 0, last;

        end = start + blocks + tables;
        last = (end - 1) / per_block(q);
        for (uint64_t i = start / per_block(q); i <= last; i++)
            missing += i >= q->reftable_entries || !(q->reftable[i] & ~511ull);
        if (last < index)
            last = index;
        if (missing <= blocks && last / slots < tables)
            break;
        blocks = missing > blocks ? missing : blocks;
        tables = last / slots < tables ? tables : last / slots + 1;
    }
    if (tables << q->header.cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
        return platter_error_set(err, PLATTER_E_NO_SPACE, q->file->name, PLATTER_NO_OFFSET,
                                 "its refcount table is as large as it can be");
    table = calloc((size_t)(tables * slots), 8);
    raw = malloc((size_t)(tables * q->cluster_size));
    if (!table || !raw) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    memcpy(table, q->reftable, (size_t)q->reftable_entries * 8);
    if ((result = extend_file(q, end, err)))
        goto out;
    for (uint64_t i = start / per_block(q), at = start; i <= (end - 1) / per_block(q); i++) {
        if (table[i] & ~511ull) {
            uint64_t from = i * per_block(q) > start ? i * per_block(q) : start;
            uint64_t to = (i + 1) * per_block(q) < end ? (i + 1) * per_block(q) : end;

            result = set_refcounts(q, from, to - from, 1, err);
        } else {
            table[i] = at++ << q->header.cluster_bits;
            result = write_refblock(q, table[i], i, start, end, err);
        }
        if (result)
            goto give_back;
    }
    for (uint64_t i = 0; i < tables * slots; i++)
        platter_put_be64(raw + i * 8, table[i]);
    platter_put_be64(head, (end - tables) << q->header.cluster_bits);
    platter_put_be32(head + 8, (uint32_t)tables);
    if ((result = platter_block_write(q->file, raw, (size_t)(tables * q->cluster_size), platter_be64(head), err)) ||
        (result = platter_block_flush(q->file, err)))
        goto give_back;
    /* From here on the file may point there, also after an error. */
    if ((result = platter_block_write(q->file, head, sizeof(head), 48, err)) ||
        (result = platter_block_flush(q->file, err)))
        goto out;
    q->header.reftable_offset = platter_be64(head);
    q->header.reftable_clusters = (uint32_t)tables;
    q->reftable_entries = (uint32_t)(tables * slots);
    free(q->reftable);
    q->reftable = table;
    table = NULL;
    result = platter_qcow2_release(q, old >> q->header.cluster_bits, old_clusters, err);
    goto out;
give_back:
    take_back(q, start);
out:
    free(raw);
    free(table);
    return result;
}

/* Sees to it that the cluster's refcount has a place to stand. */
static enum platter_result ensure_refblock(struct qcow2 *q, uint64_t index, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    for (int tries = 0; tries < 4; tries++) {
        if (index < q->reftable_entries && (q->reftable[index] & ~511ull))
            return PLATTER_OK;
        result = index < q->reftable_entries ? add_refblock(q, index, err) : PLATTER_E_RANGE;
        if (result == PLATTER_E_RANGE)
            result = grow_reftable(q, index, err);
        if (result)
            return result;
    }
    return platter_error_set(err, PLATTER_E_FAILED, q->file->name, PLATTER_NO_OFFSET,
                             "no refcount block could be added");
}

/* The first run of free clusters from q->search on, inside one refcount block. */
static enum platter_result find_free(struct qcow2 *q, uint64_t wanted, uint64_t *cluster, uint64_t *got,
                                     struct platter_error *err)
{
    uint64_t at = q->search;

    for (;;) {
        uint64_t index = at / per_block(q), base = index * per_block(q), room = base + per_block(q) - at;
        struct platter_cache_entry *entry;
        enum platter_result result = hold_refblock(q, index, &entry, err);
        uint64_t run = 0;

        if (result)
            return result;
        if (!entry || at >= q->file_clusters) {
            run = wanted < room ? wanted : room;
        } else {
            const uint8_t *block = platter_cache_data(entry);

            while (room && platter_qcow2_refcount_get(block, q->header.refcount_order, at - base) != 0) {
                at++;
                room--;
            }
            while (run < room && run < wanted &&
                   platter_qcow2_refcount_get(block, q->header.refcount_order, at + run - base) == 0)
                run++;
        }
        if (entry)
            platter_cache_release(q->refblocks, entry);
        if (run) {
            *cluster = at;
            *got = run;
            return PLATTER_OK;
        }
    }
}

enum platter_result platter_qcow2_allocate(struct qcow2 *q, uint64_t wanted, uint64_t *cluster, uint64_t *got,
                                           struct platter_error *err)
{
    for (;;) {
        enum platter_result result = find_free(q, wanted, cluster, got, err);
        uint64_t index = *cluster / per_block(q);

        if (result)
            return result;
        if (index >= q->reftable_entries || !(q->reftable[index] & ~511ull)) {
            /* The new block may take the very clusters that were just found. */
            result = ensure_refblock(q, index, err);
            if (result)
                return result;
            continue;
        }
        result = extend_file(q, *cluster + *got, err);
        if (result == PLATTER_OK)
            result = set_refcounts(q, *cluster, *got, 1, err);
        if (result == PLATTER_OK)
            q->search = *cluster + *got;
        return result;
    }
}

enum platter_result platter_qcow2_release(struct qcow2 *q, uint64_t cluster, uint64_t count, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    for (uint64_t i = cluster; i < cluster + count && result == PLATTER_OK; i++) {
        uint64_t users;

        result = platter_qcow2_refcount(q, i, &users, err);
        if (result)
            break;
        /* A count that is wrong already stays as it is: that can only cost room. */
        if (users == 0)
            continue;
        result = set_refcounts(q, i, 1, users - 1, err);
        if (result == PLATTER_OK && users == 1) {
            if (i < q->search)
                q->search = i;
            /* Only to give the room back; the cluster is free whether or not the file system can. */
            (void)platter_block_discard(q->file, i << q->header.cluster_bits, q->cluster_size, NULL);
        }
    }
    return result;
}

enum platter_result platter_qcow2_free_later(struct qcow2 *q, uint64_t cluster, uint64_t count,
                                             struct platter_error *err)
{
    if (!platter_qcow2_room((void **)&q->freed, &q->freed_room, q->freed_count, sizeof(*q->freed)))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    q->freed[q->freed_count++] = (struct qcow2_freed){.cluster = cluster, .count = count};
    return PLATTER_OK;
}

enum platter_result platter_qcow2_alloc_open(struct qcow2 *q, struct platter_error *err)
{
    size_t bytes = (size_t)q->header.reftable_clusters << q->header.cluster_bits;
    uint64_t size = platter_block_size(q->file), keep = q->header.autoclear & QCOW2_AUTOCLEAR_RAW_DATA;
    enum platter_result result;
    uint8_t raw[8];

    q->reftable = malloc(bytes);
    if (!q->reftable)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    q->reftable_entries = (uint32_t)(bytes / 8);
    result = platter_block_read(q->file, q->reftable, bytes, q->header.reftable_offset, err);
    if (result)
        return result;
    for (uint32_t i = 0; i < q->reftable_entries; i++)
        q->reftable[i] = platter_be64(&q->reftable[i]);
    result = platter_cache_create((size_t)q->cluster_size, REFBLOCK_CACHE_BYTES, &q->refblocks, err);
    if (result)
        return result;
    q->file_clusters = size >> q->header.cluster_bits;
    result = size % q->cluster_size ? extend_file(q, q->file_clusters + 1, err) : PLATTER_OK;
    if (result == PLATTER_OK && q->header.autoclear != keep) {
        /* Bitmaps and whatever else counts on every writer knowing it is no longer true once we write. */
        platter_put_be64(raw, keep);
        result = platter_block_write(q->file, raw, sizeof(raw), 88, err);
        if (result == PLATTER_OK)
            result = platter_block_flush(q->file, err);
    }
    return result;
}
