/* SPDX-License-Identifier: MIT */
/*
 * VHDX. Source of all rules: [MS-VHDX] ("the specification" below). All numbers on disk are little-endian.
 *
 * Files: vhdx.c (opening, the block's operations), vhdx_header.c (headers and regions), vhdx_metadata.c,
 * vhdx_log.c (finding what is in the log), vhdx_replay.c (replaying it, into the file or in memory), vhdx_map.c
 * (reading), vhdx_write.c, vhdx_journal.c (writing the log), vhdx_parent.c, vhdx_check.c.
 *
 * Locks: mapped.h; `m.change` is also for headers and log. Entries of the BAT and bytes of sector bitmaps are stored and
 * loaded atomically, after the data they speak of.
 */
#ifndef PLATTER_ENGINE_FORMAT_VHDX_H
#define PLATTER_ENGINE_FORMAT_VHDX_H

#include "../bytes.h"
#include "../cache.h"
#include "findings.h"
#include "format.h"
#include "mapped.h"
#include "page_table.h"

#define VHDX_MIB (1u << 20)
#define VHDX_SIGNATURE "vhdxfile"
#define VHDX_HEADER_SIZE 4096u
#define VHDX_HEADER_AT(i) (65536u * ((i) + 1u))       /* i: 0 or 1 */
#define VHDX_REGION_TABLE_AT(i) (65536u * ((i) + 3u)) /* i: 0 or 1 */
#define VHDX_REGION_TABLE_SIZE 65536u
#define VHDX_SECTOR 4096u             /* of the log, and of what is changed through it */
#define VHDX_MAX_DISK (64ull << 40)   /* bytes */
#define VHDX_CHUNK_SECTORS (1u << 23) /* logical sectors that one sector bitmap block covers */
#define VHDX_MAX_DIRTY 120u           /* sectors in one log entry; their descriptors fit into its first sector */

typedef uint8_t vhdx_guid[16];

enum vhdx_state { /* of a BAT entry */
                  VHDX_NOT_PRESENT = 0,
                  VHDX_UNDEFINED = 1,
                  VHDX_ZERO = 2,
                  VHDX_UNMAPPED = 3,
                  VHDX_UNMAPPED_OLD = 5, /* version 0.95 of the specification */
                  VHDX_FULLY_PRESENT = 6,
                  VHDX_PARTIALLY_PRESENT = 7,
};
#define VHDX_BITMAP_PRESENT 6u
#define VHDX_STATE(entry) ((unsigned)((entry)&7u))
#define VHDX_OFFSET(entry) ((entry) >> 20 << 20) /* bytes */

struct vhdx_header {
    unsigned current; /* which of the two */
    bool other_damaged;
    uint64_t sequence, log_offset;
    uint32_t log_length;
    uint16_t log_version;
    vhdx_guid file_write, data_write, log;
};

struct vhdx_region {
    uint64_t offset;
    uint32_t length;
};

struct vhdx_regions {
    struct vhdx_region bat, metadata;
    bool other_damaged;
};

struct vhdx_metadata {
    uint64_t disk_size;
    uint32_t block_size, logical_sector, physical_sector;
    bool leave_allocated, has_parent;
    vhdx_guid page83;
    uint64_t locator_offset; /* in the file; 0: none */
    uint32_t locator_length;
};

/* A 4 KiB sector, or with `zeros` a longer run, that the log has for the file. */
struct vhdx_patch {
    uint64_t target; /* byte in the file */
    uint64_t zeros;  /* bytes; 0: one sector of data */
    uint64_t source; /* byte in the file of the log's data sector */
    uint8_t leading[8], trailing[4];
};

/* The active sequence of a log, in the order in which it is replayed. */
struct vhdx_log {
    struct vhdx_patch *patches;
    size_t count, room;
    uint64_t entries;
    uint64_t flushed_size, last_size; /* bytes the file must have, and has to get */
};

/* A sector of the BAT or of a bitmap that differs from the file. */
struct vhdx_dirty {
    uint64_t offset;                   /* byte in the file */
    struct platter_cache_entry *piece; /* of a bitmap, held; NULL: of the BAT */
};

struct vhdx {
    struct platter_mapped m; /* file: with the log replayed */
    struct vhdx_header header;
    struct vhdx_regions regions;
    struct vhdx_metadata meta;
    uint32_t block_bits, chunk_bits; /* blocks of a chunk: 1 << chunk_bits */
    uint32_t sector_bits;
    bool replayed;
    struct platter_page_table bat;
    struct platter_cache *bitmaps; /* sectors of sector bitmaps, by their offset in the file */

    bool started; /* atomic; the headers tell that somebody has written */
    /* Below: under `m.change`, and only when writable. */
    struct vhdx_dirty dirty[VHDX_MAX_DIRTY];
    size_t dirty_count;
    vhdx_guid log_id; /* what the session's log entries carry */
    uint64_t log_sequence;
    size_t log_settled; /* sectors of each half of the log that have their room in the file */
};

/* vhdx_header.c */
enum platter_result platter_vhdx_header_read(struct platter_block *file, struct vhdx_header *header,
                                             struct platter_error *err);
/* Writes both headers, one after the other, each flushed, with what `header` says. */
enum platter_result platter_vhdx_header_write(struct platter_block *file, struct vhdx_header *header,
                                              struct platter_error *err);
enum platter_result platter_vhdx_regions_read(struct platter_block *file, const struct vhdx_header *header,
                                              struct vhdx_regions *regions, struct platter_error *err);
enum platter_result platter_vhdx_regions_write(struct platter_block *file, const struct vhdx_regions *regions,
                                               struct platter_error *err);
bool platter_vhdx_guid_is_zero(const vhdx_guid id);
/* As Windows writes it: lower case, no braces. */
void platter_vhdx_guid_text(const vhdx_guid id, char text[37]);

/* vhdx_metadata.c */
enum platter_result platter_vhdx_metadata_read(struct platter_block *file, const struct vhdx_regions *regions,
                                               struct vhdx_metadata *meta, struct platter_error *err);

/* All but a parent. */
enum platter_result platter_vhdx_metadata_write(struct platter_block *file, const struct vhdx_region *region,
                                                const struct vhdx_metadata *meta, struct platter_error *err);

/* vhdx_create.c */
extern const struct platter_maker platter_vhdx_maker;

/* vhdx_log.c; the header's log GUID is not zero */
enum platter_result platter_vhdx_log_read(struct platter_block *file, const struct vhdx_header *header,
                                          struct vhdx_log *log, struct platter_error *err);
void platter_vhdx_log_free(struct vhdx_log *log);

/* vhdx_replay.c */
/* Into the file, which is open for writing; the log is empty afterwards. */
enum platter_result platter_vhdx_replay(struct platter_block *file, struct vhdx_header *header,
                                        const struct vhdx_log *log, struct platter_error *err);
/* A block that reads as the file would after its replay; takes over the log's patches when it succeeds. */
enum platter_result platter_vhdx_replayed(struct platter_block *file, struct vhdx_log *log,
                                          struct platter_block **block, struct platter_error *err);

/* vhdx_parent.c */
enum platter_result platter_vhdx_parent_open(struct vhdx *x, const struct platter_open_request *request,
                                             struct platter_detail_list *details, struct platter_error *err);

/* vhdx_map.c */
static inline uint64_t vhdx_bat_index(const struct vhdx *x, uint64_t block)
{
    return block + (block >> x->chunk_bits);
}
static inline uint64_t vhdx_bitmap_index(const struct vhdx *x, uint64_t block)
{
    uint64_t chunk = block >> x->chunk_bits;

    return ((chunk + 1) << x->chunk_bits) + chunk;
}
enum platter_result platter_vhdx_entry(struct vhdx *x, uint64_t index, uint64_t *entry, struct platter_error *err);
enum platter_result platter_vhdx_bitmap_piece(struct vhdx *x, uint64_t at, struct platter_cache_entry **piece,
                                              struct platter_error *err);
/* True when a block of `length` bytes can lie there: not over what else the file holds. */
bool platter_vhdx_room_for(const struct vhdx *x, uint64_t offset, uint64_t length);
extern const struct platter_mapped_ops platter_vhdx_mapped_ops;

/* vhdx_write.c */
enum platter_result platter_vhdx_write_prepare(struct vhdx *x, struct platter_error *err);
/* See struct platter_mapped_ops. */
enum platter_result platter_vhdx_begin(struct platter_mapped *m, struct platter_error *err);
enum platter_result platter_vhdx_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                           const struct platter_run *run, uint64_t *done, struct platter_error *err);

/* vhdx_journal.c */
/* `change` held. Remembers that the sector with this byte of the file will differ; `piece` NULL: it is the BAT's. */
enum platter_result platter_vhdx_mark_dirty(struct vhdx *x, uint64_t offset, struct platter_cache_entry *piece,
                                            struct platter_error *err);
/* `change` held. What memory says of the BAT and the bitmaps is safe when this returns. */
enum platter_result platter_vhdx_commit(struct vhdx *x, struct platter_error *err);
enum platter_result platter_vhdx_flush(struct platter_block *base, struct platter_error *err);
/* Empties the log, as a file that nobody has open should have it; lets go of what could not be written. */
void platter_vhdx_write_end(struct vhdx *x);

/* vhdx_check.c: blocks outside the file, in impossible states, and over each other; all of them fatal */
enum platter_result platter_vhdx_scan(struct vhdx *x, struct platter_findings *findings, struct platter_error *err);
enum platter_result platter_vhdx_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                        const struct platter_progress *progress, struct platter_verify_report *report,
                                        struct platter_error *err);

#endif
