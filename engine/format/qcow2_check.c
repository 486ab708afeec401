/* SPDX-License-Identifier: MIT */
/* QCOW2: counts who uses each cluster of the file and compares with the refcounts. */
#include <stdlib.h>

#include "findings.h"
#include "qcow2.h"

#define MAX_CLUSTERS (1ull << 28) /* half a GiB of counters; a file of 16 TiB with clusters of 64 KiB */

struct check {
    struct qcow2 *q;
    uint16_t *users; /* saturating */
    uint64_t clusters;
    struct platter_findings *findings;
};

/* Counts `length` bytes of the file as used once more. False: they are not all inside the file. */
static bool use(struct check *check, uint64_t at, uint64_t length)
{
    uint64_t bits = check->q->header.cluster_bits, last;

    if (length == 0)
        return true;
    if (!platter_inside(at, length, check->clusters << bits))
        return false;
    last = (at + length - 1) >> bits;
    for (uint64_t i = at >> bits; i <= last; i++)
        check->users[i] = (uint16_t)(check->users[i] + (check->users[i] != UINT16_MAX));
    return true;
}

static void check_entry(struct check *check, const uint8_t *raw, uint64_t where, uint64_t guest)
{
    struct qcow2 *q = check->q;
    uint64_t word = platter_be64(raw), host = word & QCOW2_OFFSET_MASK;
    uint32_t bits = 62 - (q->header.cluster_bits - 8);

    if (word & QCOW2_COMPRESSED) {
        uint64_t sectors = (word & ((1ull << 62) - 1)) >> bits;

        host = word & ((1ull << bits) - 1) & ~511ull;
        if (!use(check, host, (sectors + 1) * 512))
            platter_found(check->findings, check->q->file->name, true, where,
                          "the compressed cluster of disk byte %llu lies outside the file", (unsigned long long)guest);
        return;
    }
    if (host == 0 || q->data != q->file)
        return;
    if (host & (q->cluster_size - 1))
        platter_found(check->findings, check->q->file->name, true, where,
                      "the cluster of disk byte %llu does not begin where a cluster can", (unsigned long long)guest);
    else if (!use(check, host, q->cluster_size))
        platter_found(check->findings, check->q->file->name, true, where,
                      "the cluster of disk byte %llu lies outside the file", (unsigned long long)guest);
}

static enum platter_result check_l1(struct check *check, uint64_t offset, uint32_t entries, struct platter_error *err)
{
    struct qcow2 *q = check->q;
    uint8_t *table = malloc((size_t)q->cluster_size), raw[8];
    enum platter_result result = PLATTER_OK;

    if (!table)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    if (!use(check, offset, (uint64_t)entries * 8)) {
        platter_found(check->findings, check->q->file->name, true, offset, "an L1 table lies outside the file");
        goto out;
    }
    for (uint32_t i = 0; i < entries && result == PLATTER_OK; i++) {
        uint64_t at;

        if ((result = platter_block_read(q->file, raw, sizeof(raw), offset + i * 8ull, err)))
            break;
        at = platter_be64(raw) & QCOW2_OFFSET_MASK;
        if (at == 0)
            continue;
        if ((at & (q->cluster_size - 1)) || !use(check, at, q->cluster_size)) {
            platter_found(check->findings, check->q->file->name, true, offset + i * 8ull,
                          "an L2 table is said to be at byte %llu, where none can be", (unsigned long long)at);
            continue;
        }
        result = platter_block_read(q->file, table, (size_t)q->cluster_size, at, err);
        for (uint64_t e = 0; result == PLATTER_OK && e < 1ull << q->l2_bits; e++)
            check_entry(check, table + e * q->l2_entry_size, at + e * q->l2_entry_size,
                        (((uint64_t)i << q->l2_bits) + e) << q->header.cluster_bits);
    }
out:
    free(table);
    return result;
}

/* Compares one refcount block with what was counted. */
static void compare(struct check *check, const uint8_t *block, uint64_t first, uint64_t count)
{
    uint32_t order = check->q->header.refcount_order;

    for (uint64_t i = first; i < first + count && i < check->clusters; i++) {
        uint64_t stored = block ? platter_qcow2_refcount_get(block, order, i - first) : 0;
        uint64_t at = i << check->q->header.cluster_bits;

        if (stored < check->users[i] && check->users[i] != UINT16_MAX)
            platter_found(check->findings, check->q->file->name, true, at,
                          "a cluster is used %u times, but its refcount is %llu", check->users[i],
                          (unsigned long long)stored);
        else if (stored > check->users[i])
            platter_found(check->findings, check->q->file->name, false, at,
                          "a cluster is used %u times, but its refcount is %llu: it is lost room", check->users[i],
                          (unsigned long long)stored);
    }
}

static enum platter_result check_refcounts(struct check *check, struct platter_error *err)
{
    struct qcow2 *q = check->q;
    uint64_t per_block = q->cluster_size * 8 >> q->header.refcount_order;
    uint64_t entries = (uint64_t)q->header.reftable_clusters << (q->header.cluster_bits - 3);
    uint8_t *table = malloc((size_t)entries * 8), *block = malloc((size_t)q->cluster_size);
    enum platter_result result;

    if (!table || !block) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    if ((result = platter_block_read(q->file, table, (size_t)entries * 8, q->header.reftable_offset, err)))
        goto out;
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t at = platter_be64(table + i * 8) & ~511ull;

        if (at && ((at & (q->cluster_size - 1)) || !use(check, at, q->cluster_size)))
            platter_found(check->findings, check->q->file->name, true, q->header.reftable_offset + i * 8,
                          "a refcount block lies outside the file");
    }
    for (uint64_t i = 0; i * per_block < check->clusters && result == PLATTER_OK; i++) {
        uint64_t at = i < entries ? platter_be64(table + i * 8) & ~511ull : 0;

        if (at && platter_inside(at, q->cluster_size, platter_block_size(q->file)))
            result = platter_block_read(q->file, block, (size_t)q->cluster_size, at, err);
        else
            at = 0;
        if (result == PLATTER_OK)
            compare(check, at ? block : NULL, i * per_block, per_block);
    }
out:
    free(block);
    free(table);
    return result;
}

enum platter_result platter_qcow2_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                         const struct platter_progress *progress, struct platter_verify_report *report,
                                         struct platter_error *err)
{
    struct qcow2 *q = (struct qcow2 *)disk;
    uint64_t size = platter_block_size(q->file);
    struct platter_findings findings = {.function = finding, .context = context, .report = report};
    struct check check = {.q = q,
                          .findings = &findings,
                          .clusters = (size >> q->header.cluster_bits) + ((size & (q->cluster_size - 1)) != 0)};
    enum platter_result result;

    (void)progress; /* the tables are small beside the data, whose reading shows it */
    if (check.clusters > MAX_CLUSTERS) {
        platter_found(&findings, q->file->name, false, PLATTER_NO_OFFSET,
                      "the file is too large for its refcounts to be compared");
        return PLATTER_OK;
    }
    check.users = calloc((size_t)check.clusters, sizeof(*check.users));
    if (!check.users)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, q->file->name, PLATTER_NO_OFFSET, "out of memory");
    if (!use(&check, 0, 1) ||
        !use(&check, q->header.reftable_offset, (uint64_t)q->header.reftable_clusters << q->header.cluster_bits))
        platter_found(&findings, q->file->name, true, 48, "the refcount table lies outside the file");
    result = check_l1(&check, q->header.l1_offset, q->header.l1_entries, err);
    for (uint32_t i = 0; i < q->header.snapshot_count && result == PLATTER_OK; i++)
        result = check_l1(&check, q->snapshots[i].l1_offset, q->snapshots[i].l1_entries, err);
    if (q->header.snapshot_count && !use(&check, q->header.snapshots_offset, q->snapshots_length))
        platter_found(&findings, q->file->name, true, 64, "the list of snapshots lies outside the file");
    if (result == PLATTER_OK)
        result = check_refcounts(&check, err);
    free(check.users);
    return result;
}
