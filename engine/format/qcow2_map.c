/* SPDX-License-Identifier: MIT */
/* QCOW2: from a guest offset to what lies there, and reading it. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "qcow2.h"

/* What one lookup looks ahead at most, so that a reader never stays long in the tables. */
#define MAX_RUN (16ull << 20)

static enum platter_result load_slice(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    struct qcow2 *q = context;

    if (!platter_inside(key, q->slice_bytes, platter_block_size(q->file)))
        return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, key,
                                 "an L2 table lies outside the file: the file has been cut short or is damaged");
    return platter_block_read(q->file, data, q->slice_bytes, key, err);
}

enum platter_result platter_qcow2_slice(struct qcow2 *q, uint64_t offset, struct platter_cache_entry **entry,
                                        uint32_t *index, struct platter_error *err)
{
    uint64_t cluster = offset >> q->header.cluster_bits;
    uint64_t in_table = (cluster & ((1ull << q->l2_bits) - 1)) * q->l2_entry_size;
    uint64_t l1_index = cluster >> q->l2_bits;
    uint64_t table = __atomic_load_n(&q->l1[l1_index], __ATOMIC_ACQUIRE) & QCOW2_OFFSET_MASK;

    *entry = NULL;
    if (table == 0)
        return PLATTER_OK;
    if (table & (q->cluster_size - 1))
        return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, q->header.l1_offset + l1_index * 8,
                                 "an L2 table is said to be at byte %llu, which is no start of a cluster",
                                 (unsigned long long)table);
    *index = (uint32_t)(in_table % q->slice_bytes / q->l2_entry_size);
    return platter_cache_hold(q->tables, table + in_table / q->slice_bytes * q->slice_bytes, load_slice, q, entry, err);
}

static enum platter_result misplaced(struct platter_block *file, uint64_t offset, uint64_t host,
                                     struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, file->name, host,
                             "the cluster of disk byte %llu is said to lie here, where none can be in a file of %llu "
                             "bytes",
                             (unsigned long long)offset, (unsigned long long)platter_block_size(file));
}

/* A compressed cluster's descriptor; the specification, "Compressed Clusters Descriptor". */
static enum platter_result packed_run(struct qcow2 *q, uint64_t offset, uint64_t word, struct qcow2_run *run,
                                      struct platter_error *err)
{
    uint32_t bits = 62 - (q->header.cluster_bits - 8);
    uint64_t sectors = (word & ((1ull << 62) - 1)) >> bits;
    uint64_t size = platter_block_size(q->file), length;

    run->kind = QCOW2_PACKED;
    run->host = word & ((1ull << bits) - 1);
    length = (sectors + 1) * 512 - (run->host & 511);
    if (run->host >= size)
        return misplaced(q->file, offset, run->host, err);
    /* The last cluster of a file need not fill its last sector. */
    run->packed = (uint32_t)(length < size - run->host ? length : size - run->host);
    run->length = q->cluster_size - (offset & (q->cluster_size - 1));
    return PLATTER_OK;
}

/* The state of one entry, or with extended L2 of the subclusters of it that are alike, from guest `offset` on. */
static enum platter_result entry_run(struct qcow2 *q, const uint8_t *at, uint64_t offset, struct qcow2_run *run,
                                     struct platter_error *err)
{
    uint64_t word = qcow2_load(at), within = offset & (q->cluster_size - 1);
    uint64_t host = word & QCOW2_OFFSET_MASK;
    bool exists = host != 0 || (q->data != q->file && (word & QCOW2_COPIED));

    if (word & QCOW2_COMPRESSED)
        return packed_run(q, offset, word, run, err);
    run->in_place = (word & QCOW2_COPIED) != 0;
    run->length = q->cluster_size - within;
    run->kind = exists ? QCOW2_DATA : QCOW2_UNALLOCATED;
    if (q->subclusters == 1) {
        if (q->header.version >= 3 && (word & QCOW2_ZERO))
            run->kind = QCOW2_ZEROES;
    } else {
        uint64_t map = qcow2_load(at + 8), sub_size = q->cluster_size / 32;
        uint32_t first = (uint32_t)(within / sub_size), last = first;
        uint32_t alloc = (uint32_t)map, zero = (uint32_t)(map >> 32);
        uint32_t kind = (alloc >> first & 1) | (zero >> first & 1) << 1;

        if (kind == 3 || ((kind & 1) && !exists))
            return platter_error_set(err, PLATTER_E_FORMAT, q->file->name, PLATTER_NO_OFFSET,
                                     "the subcluster of disk byte %llu is in a state that cannot be",
                                     (unsigned long long)offset);
        while (last < 31 && ((alloc >> (last + 1) & 1) | (zero >> (last + 1) & 1) << 1) == kind)
            last++;
        run->length = (last + 1) * sub_size - within;
        run->kind = kind & 1 ? QCOW2_DATA : kind & 2 ? QCOW2_ZEROES : QCOW2_UNALLOCATED;
    }
    if (run->kind == QCOW2_DATA) {
        if (host & (q->cluster_size - 1))
            return misplaced(q->data, offset, host, err);
        run->host = host + within;
    }
    return PLATTER_OK;
}

enum platter_result platter_qcow2_lookup(struct qcow2 *q, uint64_t offset, uint64_t limit, struct qcow2_run *run,
                                         struct platter_error *err)
{
    uint32_t index, entries = (uint32_t)(q->slice_bytes / q->l2_entry_size);
    struct platter_cache_entry *slice;
    enum platter_result result = platter_qcow2_slice(q, offset, &slice, &index, err);
    uint64_t table_span = q->cluster_size << q->l2_bits;

    memset(run, 0, sizeof(*run));
    if (result)
        return result;
    if (!slice) {
        run->length = table_span - (offset & (table_span - 1));
        goto clip;
    }
    result = entry_run(q, platter_cache_data(slice) + (size_t)index * q->l2_entry_size, offset, run, err);
    if (limit > MAX_RUN)
        limit = MAX_RUN;
    /* More of the same kind, one behind the other, is one transfer. */
    while (result == PLATTER_OK && run->kind != QCOW2_PACKED && run->length < limit && ++index < entries) {
        const uint8_t *at = platter_cache_data(slice) + (size_t)index * q->l2_entry_size;
        struct qcow2_run next = {0};

        if (((offset + run->length) & (q->cluster_size - 1)) != 0)
            break;
        /* What is wrong with the next is told to whoever asks for it. */
        if (entry_run(q, at, offset + run->length, &next, NULL) || next.kind != run->kind ||
            next.in_place != run->in_place || (run->kind == QCOW2_DATA && next.host != run->host + run->length))
            break;
        run->length += next.length;
    }
    platter_cache_release(q->tables, slice);
clip:
    if (run->length > limit)
        run->length = limit;
    return result;
}

struct unpack {
    struct qcow2 *q;
    uint64_t offset; /* guest, for messages */
    uint32_t packed;
};

static enum platter_result damaged(struct qcow2 *q, uint64_t host, uint64_t offset, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_DAMAGED, q->file->name, host,
                             "the compressed cluster of disk byte %llu does not unpack to a whole cluster",
                             (unsigned long long)offset);
}

static bool inflate_cluster(const uint8_t *in, size_t in_length, uint8_t *out, size_t out_length)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)in,
                       .avail_in = (uInt)in_length,
                       .next_out = out,
                       .avail_out = (uInt)out_length};
    int status;

    /* Raw deflate with a window of 4 KiB: the specification, "Compressed clusters". */
    if (inflateInit2(&stream, -12) != Z_OK)
        return false;
    status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    /* The padding to the sector's end is read as input that nobody needs: Z_BUF_ERROR with a full cluster is fine. */
    return (status == Z_STREAM_END || status == Z_BUF_ERROR) && stream.avail_out == 0;
}

static bool unzstd_cluster(const uint8_t *in, size_t in_length, uint8_t *out, size_t out_length)
{
    ZSTD_inBuffer input = {.src = in, .size = in_length};
    ZSTD_outBuffer output = {.dst = out, .size = out_length};
    ZSTD_DCtx *context = ZSTD_createDCtx();
    size_t left = 1;

    if (!context)
        return false;
    while (output.pos < output.size && input.pos < input.size) {
        left = ZSTD_decompressStream(context, &output, &input);
        if (ZSTD_isError(left))
            break;
    }
    ZSTD_freeDCtx(context);
    return !ZSTD_isError(left) && output.pos == output.size;
}

static enum platter_result unpack(struct qcow2 *q, uint64_t host, uint32_t packed, uint64_t offset, uint8_t *out,
                                  struct platter_error *err)
{
    uint8_t *in = malloc(packed);
    enum platter_result result;
    bool whole;

    if (!in)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, host, "out of memory");
    result = platter_block_read(q->file, in, packed, host, err);
    if (result == PLATTER_OK) {
        whole = q->header.compression_type ? unzstd_cluster(in, packed, out, (size_t)q->cluster_size)
                                           : inflate_cluster(in, packed, out, (size_t)q->cluster_size);
        if (!whole)
            result = damaged(q, host, offset, err);
    }
    free(in);
    return result;
}

static enum platter_result load_packed(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    const struct unpack *job = context;

    return unpack(job->q, key, job->packed, job->offset, data, err);
}

static enum platter_result read_packed(struct qcow2 *q, const struct qcow2_run *run, uint8_t *buffer, size_t length,
                                       uint64_t offset, struct platter_error *err)
{
    uint64_t within = offset & (q->cluster_size - 1);
    struct unpack job = {.q = q, .offset = offset - within, .packed = run->packed};
    struct platter_cache_entry *entry = platter_cache_peek(q->packed, run->host);
    enum platter_result result = PLATTER_OK;

    /* Who wants the whole cluster gets it straight into his buffer, and nobody keeps a copy. */
    if (!entry && length == q->cluster_size)
        return unpack(q, run->host, run->packed, offset, buffer, err);
    if (!entry)
        result = platter_cache_hold(q->packed, run->host, load_packed, &job, &entry, err);
    if (result)
        return result;
    memcpy(buffer, platter_cache_data(entry) + within, length);
    platter_cache_release(q->packed, entry);
    return PLATTER_OK;
}

/* The part of a backing file that is shorter than the disk reads as zero. */
static enum platter_result read_backing(struct qcow2 *q, uint8_t *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    uint64_t size = q->backing ? platter_block_size(q->backing) : 0;
    size_t there = offset >= size ? 0 : length < size - offset ? length : (size_t)(size - offset);

    memset(buffer + there, 0, length - there);
    return there ? platter_block_read(q->backing, buffer, there, offset, err) : PLATTER_OK;
}

enum platter_result platter_qcow2_read_held(struct qcow2 *q, uint8_t *buffer, size_t length, uint64_t offset,
                                            struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        struct qcow2_run run;

        result = platter_qcow2_lookup(q, offset, length, &run, err);
        if (result)
            break;
        switch (run.kind) {
        case QCOW2_UNALLOCATED:
            result = read_backing(q, buffer, (size_t)run.length, offset, err);
            break;
        case QCOW2_ZEROES:
            memset(buffer, 0, (size_t)run.length);
            break;
        case QCOW2_DATA:
            if (!platter_inside(run.host, run.length, platter_block_size(q->data)))
                result = misplaced(q->data, offset, run.host, err);
            else
                result = platter_block_read(q->data, buffer, (size_t)run.length, run.host, err);
            break;
        case QCOW2_PACKED:
            result = read_packed(q, &run, buffer, (size_t)run.length, offset, err);
            break;
        }
        buffer += run.length;
        offset += run.length;
        length -= (size_t)run.length;
    }
    return result;
}

enum platter_result platter_qcow2_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)base;
    enum platter_result result;

    if (!q->writable)
        return platter_qcow2_read_held(q, buffer, length, offset, err);
    platter_rwlock_read(&q->access);
    result = platter_qcow2_read_held(q, buffer, length, offset, err);
    platter_rwlock_read_unlock(&q->access);
    return result;
}

enum platter_result platter_qcow2_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                      struct platter_extent *extent, struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)base;
    uint64_t backed = q->backing ? platter_block_size(q->backing) : 0;
    struct qcow2_run run;
    enum platter_result result;

    if (q->writable)
        platter_rwlock_read(&q->access);
    result = platter_qcow2_lookup(q, offset, length, &run, err);
    if (q->writable)
        platter_rwlock_read_unlock(&q->access);
    if (result)
        return result;
    extent->offset = offset;
    extent->length = run.length;
    extent->flags = run.kind == QCOW2_DATA || run.kind == QCOW2_PACKED ? PLATTER_EXTENT_DATA : 0;
    if (run.kind == QCOW2_UNALLOCATED && offset < backed) {
        if (extent->length > backed - offset)
            extent->length = backed - offset;
        return platter_block_map(q->backing, offset, extent->length, extent, err);
    }
    return PLATTER_OK;
}
