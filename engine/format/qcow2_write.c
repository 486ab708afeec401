/* SPDX-License-Identifier: MIT */
/*
 * QCOW2: writing, discarding, flushing.
 *
 * New clusters are filled before any table points to them. Changed L2 entries stay in memory until a flush (or until
 * they are many), which makes data and refcounts stable first, then writes the L2 tables, then the L1 entries of new
 * L2 tables, and only then gives back the clusters that nothing points to any more. All that a flush writes has its
 * room in the file before the write that needs it is answered, so that a disk which is full fails writes, not flushes.
 */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "qcow2.h"

#define MAX_DIRTY 256u /* slices held back at most, 4 MiB */
#define MAX_FREED 4096u
#define MAX_ALLOCATE (8u << 20) /* guest bytes that get new clusters in one step */

static enum platter_result no_memory(struct qcow2 *q, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
}

/* `change` held. Writes a held-back slice into its table. */
static enum platter_result write_slice(struct qcow2 *q, struct platter_cache_entry *slice, struct platter_error *err)
{
    return platter_block_write(q->file, platter_cache_data(slice), q->slice_bytes, platter_cache_key(slice), err);
}

/* `change` held. What the tables in memory say is in the file when this returns, in an order that no cut spoils. */
static enum platter_result flush_tables(struct qcow2 *q, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    if (q->data != q->file)
        result = platter_block_flush(q->data, err);
    if (result == PLATTER_OK)
        result = platter_block_flush(q->file, err);
    if (result || (!q->dirty_count && !q->l1_dirty_count && !q->freed_count))
        return result;
    while (q->dirty_count) {
        if ((result = write_slice(q, q->dirty[q->dirty_count - 1], err)))
            return result;
        platter_cache_release(q->tables, q->dirty[--q->dirty_count]);
    }
    if (q->l1_dirty_count && (result = platter_block_flush(q->file, err)))
        return result;
    while (q->l1_dirty_count) {
        uint64_t index = q->l1_dirty[q->l1_dirty_count - 1];
        uint8_t raw[8];

        platter_put_be64(raw, q->l1[index]);
        if ((result = platter_block_write(q->file, raw, sizeof(raw), q->header.l1_offset + index * 8, err)))
            return result;
        q->l1_dirty_count--;
    }
    if ((result = platter_block_flush(q->file, err)))
        return result;
    if (q->freed_count) {
        /* Readers that still are on the old clusters leave first. */
        platter_rwlock_write(&q->access);
        platter_rwlock_write_unlock(&q->access);
    }
    while (q->freed_count) {
        struct qcow2_freed *freed = &q->freed[q->freed_count - 1];

        /* One by one: after an error those that were given back must not be once more. */
        result = platter_qcow2_release(q, freed->cluster, 1, err);
        if (result)
            break;
        freed->cluster++;
        if (--freed->count == 0)
            q->freed_count--;
    }
    return result;
}

enum platter_result platter_qcow2_flush(struct platter_block *base, struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)base;
    enum platter_result result;

    platter_mutex_lock(&q->change);
    result = flush_tables(q, err);
    platter_mutex_unlock(&q->change);
    return result;
}

/* `change` held. Remembers that the slice differs from the file. */
static enum platter_result mark_dirty(struct qcow2 *q, struct platter_cache_entry *slice, struct platter_error *err)
{
    enum platter_result result;

    for (size_t i = q->dirty_count; i-- > 0;) {
        if (q->dirty[i] == slice)
            return PLATTER_OK;
    }
    if (!platter_qcow2_room((void **)&q->dirty, &q->dirty_room, q->dirty_count, sizeof(struct platter_cache_entry *)))
        return no_memory(q, err);
    /* A copy of an image may have holes where tables are zero. */
    result = platter_block_settle(q->file, platter_cache_key(slice), q->slice_bytes, err);
    if (result == PLATTER_OK) {
        platter_cache_hold_again(q->tables, slice);
        q->dirty[q->dirty_count++] = slice;
    }
    return result;
}

/* `change` held. Puts a new L2 table, of zeros or a copy of `old`, under the L1 entry. */
static enum platter_result new_table(struct qcow2 *q, uint64_t l1_index, uint64_t old, struct platter_error *err)
{
    enum platter_result result;
    uint64_t cluster, got, at;
    uint8_t *table;

    if (!platter_qcow2_room((void **)&q->l1_dirty, &q->l1_dirty_room, q->l1_dirty_count, sizeof(uint64_t)))
        return no_memory(q, err);
    /* A table that is copied must be copied as it is in memory. */
    if (old && (result = flush_tables(q, err)))
        return result;
    if ((result = platter_block_settle(q->file, q->header.l1_offset + l1_index * 8, 8, err)))
        return result;
    table = calloc(1, (size_t)q->cluster_size);
    if (!table)
        return no_memory(q, err);
    result = old ? platter_block_read(q->file, table, (size_t)q->cluster_size, old, err) : PLATTER_OK;
    if (result || (result = platter_qcow2_allocate(q, 1, &cluster, &got, err)))
        goto out;
    at = cluster << q->header.cluster_bits;
    /* The place may have been another table's. */
    for (uint64_t slice = at; slice < at + q->cluster_size; slice += q->slice_bytes)
        platter_cache_forget(q->tables, slice);
    result = platter_block_write(q->file, table, (size_t)q->cluster_size, at, err);
    if (result == PLATTER_OK && old)
        result = platter_qcow2_free_later(q, old >> q->header.cluster_bits, 1, err);
    if (result) {
        (void)platter_qcow2_release(q, cluster, 1, NULL);
        goto out;
    }
    q->l1_dirty[q->l1_dirty_count++] = l1_index;
    __atomic_store_n(&q->l1[l1_index], at | QCOW2_COPIED, __ATOMIC_RELEASE);
out:
    free(table);
    return result;
}

/* `change` held. The slice for guest `offset`, in a table that is this image's alone. */
static enum platter_result slice_to_change(struct qcow2 *q, uint64_t offset, struct platter_cache_entry **slice,
                                           uint32_t *index, struct platter_error *err)
{
    uint64_t l1_index = offset >> q->header.cluster_bits >> q->l2_bits;
    uint64_t entry = q->l1[l1_index], table = entry & QCOW2_OFFSET_MASK;
    enum platter_result result = PLATTER_OK;

    if (table & (q->cluster_size - 1))
        table = 0; /* platter_qcow2_slice says what is wrong */
    else if (table == 0 || !(entry & QCOW2_COPIED))
        result = new_table(q, l1_index, table, err);
    return result ? result : platter_qcow2_slice(q, offset, slice, index, err);
}

/* `change` held. The clusters an entry stands for will be given back. */
static enum platter_result free_entry(struct qcow2 *q, uint64_t word, struct platter_error *err)
{
    uint32_t bits = 62 - (q->header.cluster_bits - 8);
    uint64_t host = word & QCOW2_OFFSET_MASK, first, last;

    if (!(word & QCOW2_COMPRESSED)) {
        if (host == 0 || q->data != q->file)
            return PLATTER_OK;
        return platter_qcow2_free_later(q, host >> q->header.cluster_bits, 1, err);
    }
    host = word & ((1ull << bits) - 1);
    first = host >> q->header.cluster_bits;
    last = ((host & ~511ull) + (((word & ((1ull << 62) - 1)) >> bits) + 1) * 512 - 1) >> q->header.cluster_bits;
    return platter_qcow2_free_later(q, first, last - first + 1, err);
}

/* `change` held. Changes an entry of a slice that slice_to_change gave. */
static enum platter_result set_entry(struct qcow2 *q, struct platter_cache_entry *slice, uint32_t index, uint64_t word,
                                     uint64_t map, struct platter_error *err)
{
    uint8_t *at = platter_cache_data(slice) + (size_t)index * q->l2_entry_size;
    enum platter_result result = mark_dirty(q, slice, err);
    uint64_t old = qcow2_load(at);

    if (result == PLATTER_OK)
        result = free_entry(q, old, err);
    if (result)
        return result;
    if (q->subclusters == 1) {
        qcow2_store(at, word);
        return PLATTER_OK;
    }
    platter_rwlock_write(&q->access);
    qcow2_store(at, word);
    qcow2_store(at + 8, map);
    platter_rwlock_write_unlock(&q->access);
    return PLATTER_OK;
}

/* Fills the part of a cluster that the write leaves as it was. */
static enum platter_result copy_old(struct qcow2 *q, uint64_t guest, uint64_t length, uint64_t host,
                                    struct platter_error *err)
{
    enum platter_result result;
    uint8_t *copy;
    uint64_t there = guest < q->base.size ? q->base.size - guest : 0;

    if (length == 0)
        return PLATTER_OK;
    copy = calloc(1, (size_t)length);
    if (!copy)
        return no_memory(q, err);
    /* The last cluster reaches beyond the disk's end; there it holds zeros. */
    result = platter_qcow2_read_held(q, copy, (size_t)(there < length ? there : length), guest, err);
    if (result == PLATTER_OK)
        result = platter_block_write(q->data, copy, (size_t)length, host, err);
    free(copy);
    return result;
}

/* `change` held. Where the guest's clusters go: with an external data file always to where they are in the guest. */
static enum platter_result place(struct qcow2 *q, uint64_t guest_cluster, uint64_t wanted, uint64_t *cluster,
                                 uint64_t *got, struct platter_error *err)
{
    uint64_t end = (guest_cluster + wanted) << q->header.cluster_bits;

    if (q->data == q->file)
        return platter_qcow2_allocate(q, wanted, cluster, got, err);
    *cluster = guest_cluster;
    *got = wanted;
    return end > platter_block_size(q->data) ? platter_file_resize(q->data, end, err) : PLATTER_OK;
}

/* How many clusters from the entry on are to be allocated: those of the request, up to one that is there already. */
static uint64_t count_new(struct qcow2 *q, uint64_t guest, uint64_t end, uint32_t index)
{
    uint64_t limit = (end - 1) >> q->header.cluster_bits, first = guest >> q->header.cluster_bits, count = 1;
    uint64_t room = q->slice_bytes / q->l2_entry_size - index;
    struct qcow2_run run;

    while (count < room && first + count <= limit && count << q->header.cluster_bits < MAX_ALLOCATE) {
        if (platter_qcow2_lookup(q, (first + count) << q->header.cluster_bits, 1, &run, NULL) ||
            (run.kind == QCOW2_DATA && run.in_place))
            break;
        count++;
    }
    return count;
}

/* `change` held. Writes the first part of the request, *done bytes, into new clusters. */
static enum platter_result write_new(struct qcow2 *q, const uint8_t *buffer, uint64_t length, uint64_t offset,
                                     uint64_t *done, struct platter_error *err)
{
    uint64_t mask = q->cluster_size - 1, head = offset & mask, guest = offset - head, end = offset + length;
    uint64_t cluster, got, host, tail;
    struct platter_cache_entry *slice;
    enum platter_result result;
    uint32_t index;

    if (q->dirty_count >= MAX_DIRTY || q->freed_count >= MAX_FREED) {
        if ((result = flush_tables(q, err)))
            return result;
    }
    if ((result = slice_to_change(q, offset, &slice, &index, err)))
        return result;
    result = place(q, guest >> q->header.cluster_bits, count_new(q, guest, end, index), &cluster, &got, err);
    if (result)
        goto out;
    host = cluster << q->header.cluster_bits;
    if (end > guest + (got << q->header.cluster_bits))
        end = guest + (got << q->header.cluster_bits);
    tail = end & mask ? q->cluster_size - (end & mask) : 0;
    if ((result = copy_old(q, guest, head, host, err)) ||
        (result = platter_block_write(q->data, buffer, (size_t)(end - offset), host + head, err)) ||
        (result = copy_old(q, end, tail, host + (end - guest), err)))
        goto give_back;
    for (uint64_t i = 0; i < got; i++) {
        result = set_entry(q, slice, index + (uint32_t)i, (host + (i << q->header.cluster_bits)) | QCOW2_COPIED,
                           UINT32_MAX, err);
        if (result)
            goto out; /* those that are set stay: their data is written */
    }
    *done = end - offset;
    goto out;
give_back:
    if (q->data == q->file)
        (void)platter_qcow2_release(q, cluster, got, NULL);
out:
    platter_cache_release(q->tables, slice);
    return result;
}

/* Writes what can be written in place; *done 0: new clusters are needed. */
static enum platter_result write_in_place(struct qcow2 *q, const uint8_t *buffer, size_t length, uint64_t offset,
                                          uint64_t *done, struct platter_error *err)
{
    enum platter_result result;
    struct qcow2_run run;

    *done = 0;
    platter_rwlock_read(&q->access);
    result = platter_qcow2_lookup(q, offset, length, &run, err);
    if (result == PLATTER_OK && run.kind == QCOW2_DATA && run.in_place) {
        *done = run.length;
        result = platter_block_write(q->data, buffer, (size_t)run.length, run.host, err);
    }
    platter_rwlock_read_unlock(&q->access);
    return result;
}

enum platter_result platter_qcow2_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)base;
    const uint8_t *data = buffer;
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        uint64_t done;

        result = write_in_place(q, data, length, offset, &done, err);
        if (result == PLATTER_OK && done == 0) {
            platter_mutex_lock(&q->change);
            /* Somebody else may have put a cluster there meanwhile. */
            result = write_in_place(q, data, length, offset, &done, err);
            if (result == PLATTER_OK && done == 0)
                result = write_new(q, data, length, offset, &done, err);
            platter_mutex_unlock(&q->change);
        }
        data += done;
        offset += done;
        length -= (size_t)done;
    }
    return result;
}

/* `change` held. One whole cluster; what the entry becomes depends on what would show through it. */
static enum platter_result discard_cluster(struct qcow2 *q, uint64_t guest, struct platter_error *err)
{
    bool covers = q->backing && guest < platter_block_size(q->backing);
    struct platter_cache_entry *slice;
    struct qcow2_run run;
    enum platter_result result = platter_qcow2_lookup(q, guest, q->cluster_size, &run, err);
    uint32_t index;

    /* Nothing is there that takes room; what shows through from the backing file may stay. Version 2 cannot hide it. */
    if (result || run.kind == QCOW2_UNALLOCATED || run.kind == QCOW2_ZEROES || (covers && q->header.version < 3))
        return result;
    if ((result = slice_to_change(q, guest, &slice, &index, err)))
        return result;
    if (q->subclusters > 1)
        result = set_entry(q, slice, index, 0, covers ? (uint64_t)UINT32_MAX << 32 : 0, err);
    else
        result = set_entry(q, slice, index, covers ? QCOW2_ZERO : 0, 0, err);
    platter_cache_release(q->tables, slice);
    return result;
}

enum platter_result platter_qcow2_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                          struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)base;
    uint64_t mask = q->cluster_size - 1, at = (offset + mask) & ~mask, end = offset + length;
    enum platter_result result = PLATTER_OK;

    while (result == PLATTER_OK && (at + q->cluster_size <= end || (end == base->size && at < end))) {
        platter_mutex_lock(&q->change);
        if (q->dirty_count >= MAX_DIRTY || q->freed_count >= MAX_FREED)
            result = flush_tables(q, err);
        if (result == PLATTER_OK)
            result = discard_cluster(q, at, err);
        platter_mutex_unlock(&q->change);
        at += q->cluster_size;
    }
    return result;
}
