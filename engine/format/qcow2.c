/* SPDX-License-Identifier: MIT */
/* QCOW2: recognising and opening an image, and the operations of its block. */
#include "qcow2.h"

#include <stdlib.h>
#include <string.h>

#include "../chain.h"
#include "../source/file.h"

#define TABLE_CACHE_BYTES (16u << 20) /* L2 entries of 128 GiB with clusters of 64 KiB */
#define PACKED_CACHE_BYTES (32u << 20)
#define SLICE_BYTES 16384u
#define PACKED_LOOK 16u /* slices */

bool platter_qcow2_room(void **list, size_t *room, size_t count, size_t element)
{
    void *grown;

    if (count < *room)
        return true;
    grown = realloc(*list, (*room ? *room * 2 : 64) * element);
    if (!grown)
        return false;
    *list = grown;
    *room = *room ? *room * 2 : 64;
    return true;
}

static enum platter_probe qcow2_probe(struct platter_block *file)
{
    uint8_t head[8];

    if (platter_block_read(file, head, sizeof(head), 0, NULL) || platter_be32(head) != QCOW2_MAGIC)
        return PLATTER_PROBE_NO;
    /* Version 1 is another format that shares the magic. */
    return platter_be32(head + 4) >= 2 ? PLATTER_PROBE_YES : PLATTER_PROBE_NO;
}

static void qcow2_free(struct qcow2 *q)
{
    for (size_t i = 0; i < q->dirty_count; i++)
        platter_cache_release(q->tables, q->dirty[i]);
    free(q->dirty);
    free(q->l1_dirty);
    free(q->freed);
    free(q->reftable);
    free(q->l1);
    platter_cache_free(q->refblocks);
    platter_cache_free(q->packed);
    platter_cache_free(q->tables);
    platter_qcow2_snapshots_free(q);
    platter_qcow2_header_free(&q->header);
    if (q->data != q->file)
        platter_block_unref(q->data);
    platter_block_unref(q->backing);
    platter_block_unref(q->file);
    platter_rwlock_destroy(&q->access);
    platter_mutex_destroy(&q->change);
    free(q);
}

static void qcow2_close(struct platter_block *base)
{
    /* Who wanted to know whether his last writes arrived has flushed; the others still get them written. */
    if (((struct qcow2 *)base)->writable)
        (void)platter_qcow2_flush(base, NULL);
    qcow2_free((struct qcow2 *)base);
}

static const struct platter_block_ops qcow2_ops = {
    .layer = "QCOW2",
    .close = qcow2_close,
    .read = platter_qcow2_read,
    .write = platter_qcow2_write,
    .flush = platter_qcow2_flush,
    .discard = platter_qcow2_discard,
    .map = platter_qcow2_map,
};

static enum platter_result read_l1(struct qcow2 *q, uint64_t offset, uint32_t entries, struct platter_error *err)
{
    size_t bytes = (size_t)entries * 8;
    enum platter_result result;

    if (!platter_inside(offset, bytes, platter_block_size(q->file)))
        return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, offset, "the L1 table lies outside the file");
    q->l1 = malloc(bytes ? bytes : 1);
    if (!q->l1)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    q->l1_entries = entries;
    result = platter_block_read(q->file, q->l1, bytes, offset, err);
    for (uint32_t i = 0; result == PLATTER_OK && i < entries; i++)
        q->l1[i] = platter_be64(&q->l1[i]);
    return result;
}

/* Ids go before names, as in QEMU: a name may look like the id of another. NULL: there is none. */
static const struct qcow2_snapshot *find_snapshot(const struct qcow2 *q, const char *wanted)
{
    for (uint32_t i = 0; i < q->header.snapshot_count; i++) {
        if (strcmp(q->snapshots[i].id, wanted) == 0)
            return &q->snapshots[i];
    }
    for (uint32_t i = 0; i < q->header.snapshot_count; i++) {
        if (strcmp(q->snapshots[i].name, wanted) == 0)
            return &q->snapshots[i];
    }
    return NULL;
}

static enum platter_result choose_snapshot(struct qcow2 *q, const char *wanted, uint64_t *size,
                                           struct platter_error *err)
{
    const struct qcow2_snapshot *snapshot = find_snapshot(q, wanted);
    uint64_t span = q->cluster_size << q->l2_bits;

    if (!snapshot)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, q->file->name, PLATTER_NO_OFFSET,
                                 "there is no snapshot \"%s\" in this image; `platter info` lists them", wanted);
    if (snapshot->disk_size / span + (snapshot->disk_size % span != 0) > snapshot->l1_entries ||
        snapshot->disk_size > INT64_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, q->header.snapshots_offset,
                                 "snapshot \"%s\" has too small an L1 table", wanted);
    *size = snapshot->disk_size;
    return read_l1(q, snapshot->l1_offset, snapshot->l1_entries, err);
}

static enum platter_result open_others(struct qcow2 *q, const struct platter_open_request *request,
                                       struct platter_error *err)
{
    enum platter_result result;
    const char *format;
    char *path, *name;

    q->data = q->file;
    if (q->header.incompatible & QCOW2_DATA_FILE) {
        q->data = NULL;
        result = platter_chain_follow(request->path, q->header.data_file, &path, err);
        if (result)
            return result;
        result = platter_file_open(path, request->options->flags, &q->data, err);
        free(path);
        if (result)
            return result;
    }
    if (request->backing) {
        q->backing = platter_block_ref(request->backing);
        return PLATTER_OK;
    }
    if (!q->header.backing_name)
        return PLATTER_OK;
    result = platter_qcow2_backing(request->path, &q->header, &name, &format, err);
    if (result)
        return result;
    result = platter_chain_open(request, name, format, &q->backing, err);
    free(name);
    return result;
}

static void add_details(struct qcow2 *q, struct platter_detail_list *details)
{
    platter_detail_add(details, "version", "%u", q->header.version);
    platter_detail_add(details, "cluster_size", "%llu", (unsigned long long)q->cluster_size);
    platter_detail_add(details, "compression", "%s", q->header.compression_type ? "zstd" : "zlib");
    if (q->subclusters > 1)
        platter_detail_add(details, "extended_l2", "yes");
    if (q->header.backing_name)
        platter_detail_add(details, "backing_file", "%s", q->header.backing_name);
    if (q->header.backing_format)
        platter_detail_add(details, "backing_format", "%s", q->header.backing_format);
    if (q->header.data_file)
        platter_detail_add(details, "data_file", "%s", q->header.data_file);
    if (q->header.incompatible & QCOW2_DIRTY)
        platter_detail_add(details, "dirty", "yes");
    if (q->header.incompatible & QCOW2_CORRUPT)
        platter_detail_add(details, "corrupt", "yes");
    for (uint32_t i = 0; i < q->header.snapshot_count; i++)
        platter_detail_add(details, "snapshot", "%s %s", q->snapshots[i].id, q->snapshots[i].name);
}

static bool slice_is_packed(struct qcow2 *q, uint64_t offset)
{
    struct platter_cache_entry *slice;
    uint32_t index;
    bool found = false;

    if (platter_qcow2_slice(q, offset, &slice, &index, NULL) || !slice)
        return false;
    for (size_t at = 0; at < q->slice_bytes && !found; at += q->l2_entry_size)
        found = qcow2_load(platter_cache_data(slice) + at) & QCOW2_COMPRESSED;
    platter_cache_release(q->tables, slice);
    return found;
}

/* Whether compressed clusters are among the first: who compresses an image compresses what can be of all of it. */
static bool is_packed(struct qcow2 *q)
{
    uint64_t table_span = q->cluster_size << q->l2_bits;
    uint64_t slice_span = q->slice_bytes / q->l2_entry_size * q->cluster_size, at = 0;
    unsigned looked = 0;

    while (at < q->base.size && looked < PACKED_LOOK) {
        if ((q->l1[at / table_span] & QCOW2_OFFSET_MASK) == 0) {
            at = (at / table_span + 1) * table_span;
            continue;
        }
        if (slice_is_packed(q, at))
            return true;
        looked++;
        at += slice_span;
    }
    return false;
}

/* Why an image that can be read may not be written; NULL: it may. */
static const char *why_read_only(const struct qcow2 *q, const struct platter_open_options *options)
{
    if (options->snapshot)
        return "a snapshot can only be read";
    if (q->header.incompatible & QCOW2_CORRUPT)
        return "it is marked as corrupt; `qemu-img check -r all` may repair it";
    if (q->header.incompatible & QCOW2_DIRTY)
        return "it was not closed properly; `qemu-img check -r all` makes it whole again";
    return NULL;
}

static enum platter_result caches_create(struct qcow2 *q, struct platter_error *err)
{
    enum platter_result result;

    q->slice_bytes = q->cluster_size < SLICE_BYTES ? (size_t)q->cluster_size : SLICE_BYTES;
    result = platter_cache_create(q->slice_bytes, TABLE_CACHE_BYTES, &q->tables, err);
    if (result == PLATTER_OK)
        result = platter_cache_create((size_t)q->cluster_size, PACKED_CACHE_BYTES, &q->packed, err);
    return result;
}

static enum platter_result qcow2_open(struct platter_block *file, const struct platter_open_request *request,
                                      struct platter_opened *opened, struct platter_error *err)
{
    const struct platter_open_options *options = request->options;
    struct qcow2 *q = calloc(1, sizeof(*q));
    const char *obstacle;
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;
    uint64_t size;

    if (!q)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&q->change);
    platter_rwlock_init(&q->access);
    q->file = platter_block_ref(file);
    q->data = q->file;
    result = platter_qcow2_header_read(file, &q->header, err);
    if (result)
        goto fail;
    q->cluster_size = 1ull << q->header.cluster_bits;
    q->subclusters = q->header.incompatible & QCOW2_EXTENDED_L2 ? 32 : 1;
    q->l2_entry_size = q->subclusters > 1 ? 16 : 8;
    q->l2_bits = q->header.cluster_bits - (q->subclusters > 1 ? 4 : 3);
    size = q->header.size;
    if ((result = caches_create(q, err)) || (result = platter_qcow2_snapshots_read(q, err)))
        goto fail;
    result = options->snapshot ? choose_snapshot(q, options->snapshot, &size, err)
                               : read_l1(q, q->header.l1_offset, q->header.l1_entries, err);
    if (result || (result = open_others(q, request, err)))
        goto fail;
    obstacle = why_read_only(q, options);
    opened->writable = obstacle == NULL;
    if (options->flags & PLATTER_OPEN_WRITABLE) {
        if (obstacle) {
            result = platter_error_set(err, PLATTER_E_READ_ONLY, request->path, PLATTER_NO_OFFSET, "%s", obstacle);
            goto fail;
        }
        if ((result = platter_qcow2_alloc_open(q, err)))
            goto fail;
        q->writable = true;
        /* With an external data file guest offsets may be fixed to host offsets, so nothing is ever given back. */
        caps |= PLATTER_CAP_WRITE | (q->data == q->file ? PLATTER_CAP_DISCARD : 0);
    }
    add_details(q, opened->details);
    result = platter_block_init(&q->base, &qcow2_ops, request->path, size, options->sector_size, 0, caps, err);
    if (result)
        goto fail;
    opened->compressed = is_packed(q);
    opened->unit = opened->compressed ? (uint32_t)q->cluster_size : 0;
    opened->variant = q->header.version == 2 ? "v2" : "v3";
    opened->block = &q->base;
    return PLATTER_OK;
fail:
    qcow2_free(q);
    return result;
}

const struct platter_format platter_format_qcow2 = {
    .name = "qcow2",
    .features = PLATTER_FORMAT_SNAPSHOTS,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .verify = platter_qcow2_verify,
    .maker = &platter_qcow2_maker,
};
