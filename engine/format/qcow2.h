/* SPDX-License-Identifier: MIT */
/*
 * QCOW2, versions 2 and 3. Source of all rules: QEMU's docs/interop/qcow2.rst ("the specification" below).
 *
 * Files: qcow2.c (open and the block's operations), qcow2_header.c (header, extensions, snapshots), qcow2_map.c (from
 * guest offset to what is there), qcow2_alloc.c (refcounts), qcow2_write.c (writing, discarding, flushing),
 * qcow2_create.c, qcow2_check.c, qcow2_backing.c.
 *
 * Locks, in this order: `change` (whoever changes metadata), `access` (readers hold it over their data transfer, so
 * that a cluster is not given away under them). Entries of L2 tables are single 64-bit words that are stored and
 * loaded atomically; with extended L2 they are pairs, and then changed under `access` held for writing.
 */
#ifndef PLATTER_ENGINE_QCOW2_H
#define PLATTER_ENGINE_QCOW2_H

#include "../bytes.h"
#include "../cache.h"
#include "../os/thread.h"
#include "format.h"

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_COPIED (1ull << 63) /* refcount is exactly one: may be written in place */
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO (1ull << 0)
#define QCOW2_MAX_L1_BYTES (32u << 20)      /* what QEMU accepts */
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20) /* what QEMU accepts */
#define QCOW2_MAX_SNAPSHOTS 65536u
#define QCOW2_HEADER_V2 72u
#define QCOW2_HEADER_V3 104u

enum qcow2_incompatible {
    QCOW2_DIRTY = 1u << 0,
    QCOW2_CORRUPT = 1u << 1,
    QCOW2_DATA_FILE = 1u << 2,
    QCOW2_COMPRESSION_TYPE = 1u << 3,
    QCOW2_EXTENDED_L2 = 1u << 4,
};
#define QCOW2_INCOMPATIBLE_KNOWN 0x1fu
#define QCOW2_AUTOCLEAR_RAW_DATA (1u << 1)

/* What the header says, checked. */
struct qcow2_header {
    uint32_t version, cluster_bits, crypt_method, l1_entries, reftable_clusters, snapshot_count;
    uint32_t refcount_order, header_length, compression_type;
    uint64_t size, l1_offset, reftable_offset, snapshots_offset;
    uint64_t incompatible, compatible, autoclear;
    char *backing_name, *backing_format, *data_file; /* NULL: none */
};

struct qcow2_snapshot {
    uint64_t l1_offset, disk_size;
    uint32_t l1_entries, date;
    char *id, *name;
};

/* What lies at a guest offset. */
enum qcow2_kind { QCOW2_UNALLOCATED, QCOW2_ZEROES, QCOW2_DATA, QCOW2_PACKED };

struct qcow2_run {
    enum qcow2_kind kind;
    uint64_t host;   /* DATA: byte in the data file; PACKED: byte in the image where the compressed bytes begin */
    uint64_t length; /* guest bytes alike; DATA: contiguous in the data file; PACKED: to the end of the cluster */
    uint32_t packed; /* PACKED: compressed bytes at most */
    bool in_place;   /* DATA: may be written without allocating */
};

struct qcow2 {
    struct platter_block base;
    struct platter_block *file, *data, *backing; /* data: the image's file or the external one; backing may be NULL */
    struct qcow2_header header;
    struct qcow2_snapshot *snapshots;
    uint64_t snapshots_length; /* bytes of their list in the file */
    uint64_t cluster_size;
    uint32_t l2_bits;       /* entries of an L2 table: 1 << l2_bits */
    uint32_t l2_entry_size; /* 8, or 16 with extended L2 */
    uint32_t subclusters;   /* 1 or 32 */
    bool writable;

    struct platter_mutex change;
    struct platter_rwlock access;
    uint64_t *l1; /* host order; entries stored and loaded atomically */
    uint32_t l1_entries;
    size_t slice_bytes; /* of an L2 table, in `tables` */
    struct platter_cache *tables, *packed;

    /* Below: under `change`, and only when writable. */
    uint64_t *reftable; /* host order */
    uint32_t reftable_entries;
    struct platter_cache *refblocks;
    uint64_t search;                    /* cluster from which to look for a free one */
    uint64_t file_clusters;             /* the file's end, in clusters, rounded up */
    struct platter_cache_entry **dirty; /* L2 slices that differ from the file, held */
    size_t dirty_count, dirty_room;
    uint64_t *l1_dirty; /* indices whose L2 table is new, and whose L1 entry is not in the file yet */
    size_t l1_dirty_count, l1_dirty_room;
    struct qcow2_freed {
        uint64_t cluster, count;
    } * freed; /* to be given back once no table in the file points there any more */
    size_t freed_count, freed_room;
    bool failed; /* a change of metadata stopped half-way: no more writing */
};

/* qcow2_header.c */
enum platter_result platter_qcow2_header_read(struct platter_block *file, struct qcow2_header *header,
                                              struct platter_error *err);
void platter_qcow2_header_free(struct qcow2_header *header);
enum platter_result platter_qcow2_snapshots_read(struct qcow2 *q, struct platter_error *err);
void platter_qcow2_snapshots_free(struct qcow2 *q);

/* qcow2_backing.c */
/*
 * The backing file that the header of the image at `file` names: its name as platter_chain_follow takes it, to be freed,
 * and the name here of its format; NULL: it is to be found by content.
 */
enum platter_result platter_qcow2_backing(const char *file, const struct qcow2_header *header, char **name,
                                          const char **format, struct platter_error *err);
/* QEMU's word for a format of ours; NULL: it does not know that format. */
const char *platter_qcow2_qemu_format(const char *ours);

/* qcow2_map.c; `limit` bytes from guest offset are of interest */
enum platter_result platter_qcow2_lookup(struct qcow2 *q, uint64_t offset, uint64_t limit, struct qcow2_run *run,
                                         struct platter_error *err);
/* Holds the slice with the entry of guest `offset`; *entry NULL when there is no L2 table. *index: entry in the slice. */
enum platter_result platter_qcow2_slice(struct qcow2 *q, uint64_t offset, struct platter_cache_entry **entry,
                                        uint32_t *index, struct platter_error *err);
enum platter_result platter_qcow2_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err);
/* The same for who holds `access` or `change`. */
enum platter_result platter_qcow2_read_held(struct qcow2 *q, uint8_t *buffer, size_t length, uint64_t offset,
                                            struct platter_error *err);
enum platter_result platter_qcow2_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                      struct platter_extent *extent, struct platter_error *err);
static inline uint64_t qcow2_load(const uint8_t *at)
{
    uint64_t raw = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);

    return platter_be64(&raw);
}
static inline void qcow2_store(uint8_t *at, uint64_t value)
{
    uint64_t raw;

    platter_put_be64(&raw, value);
    __atomic_store_n((uint64_t *)(void *)at, raw, __ATOMIC_RELAXED);
}

/* qcow2_alloc.c; `change` held */
enum platter_result platter_qcow2_alloc_open(struct qcow2 *q, struct platter_error *err);
/* A run of at least 1 and at most `wanted` free clusters, now counted once. */
enum platter_result platter_qcow2_allocate(struct qcow2 *q, uint64_t wanted, uint64_t *cluster, uint64_t *got,
                                           struct platter_error *err);
enum platter_result platter_qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *count,
                                           struct platter_error *err);
/* One user less; a cluster that nobody uses is free at once. */
enum platter_result platter_qcow2_release(struct qcow2 *q, uint64_t cluster, uint64_t count, struct platter_error *err);
/* Remembers clusters to be released by the next flush. */
enum platter_result platter_qcow2_free_later(struct qcow2 *q, uint64_t cluster, uint64_t count,
                                             struct platter_error *err);
uint64_t platter_qcow2_refcount_get(const uint8_t *block, uint32_t order, uint64_t index);
void platter_qcow2_refcount_set(uint8_t *block, uint32_t order, uint64_t index, uint64_t value);

/* qcow2_write.c */
enum platter_result platter_qcow2_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err);
enum platter_result platter_qcow2_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                          struct platter_error *err);
enum platter_result platter_qcow2_flush(struct platter_block *base, struct platter_error *err);

/* qcow2_create.c */
extern const struct platter_maker platter_qcow2_maker;

/* qcow2_check.c */
enum platter_result platter_qcow2_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                         const struct platter_progress *progress, struct platter_verify_report *report,
                                         struct platter_error *err);

/* Grows a list by one when it is full. False: no memory. */
bool platter_qcow2_room(void **list, size_t *room, size_t count, size_t element);

#endif
