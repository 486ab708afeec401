/* SPDX-License-Identifier: MIT */
/*
 * Dynamic and differencing VHD: a table says where each block lies; before each block's data lies a bitmap, a bit a
 * sector, that says whether the sector is there (1) or reads as zero, or as the parent has it (0).
 *
 * Files: vhd_sparse.c (header, opening), vhd_parent.c, vhd_map.c (reading), vhd_write.c, vhd_check.c.
 *
 * Locks: mapped.h. Words of the table and bytes of bitmaps are stored and loaded atomically, after the data they speak
 * of.
 */
#ifndef PLATTER_ENGINE_FORMAT_VHD_SPARSE_H
#define PLATTER_ENGINE_FORMAT_VHD_SPARSE_H

#include "../bytes.h"
#include "../cache.h"
#include "findings.h"
#include "mapped.h"
#include "page_table.h"
#include "vhd.h"

#define VHD_HEADER_SIZE 1024u
#define VHD_UNUSED 0xFFFFFFFFu
#define VHD_SECTOR 512u
#define VHD_LOCATORS 8u
#define VHD_BITMAP_PIECE 512u /* bytes of a bitmap that are read at once */

/* What is known of a block's bitmap, kept beside its word of the table. */
enum vhd_bitmap_state { VHD_BITMAP_UNREAD, VHD_BITMAP_FULL, VHD_BITMAP_PARTIAL };

struct vhd_locator {
    uint32_t platform;
    uint32_t length; /* bytes */
    uint64_t offset;
};

struct vhd_header {
    uint64_t offset; /* where it lies */
    uint64_t table_offset;
    uint32_t entries, block_size;
    uint8_t parent_id[16];
    uint32_t parent_timestamp;
    uint8_t parent_name[512]; /* UTF-16, big-endian */
    struct vhd_locator locators[VHD_LOCATORS];
};

struct vhd_sparse {
    struct platter_mapped m; /* parent: NULL for a dynamic disk */
    struct vhd_header header;
    struct vhd_footer footer;
    uint32_t block_bits;
    uint32_t bitmap_bytes; /* of a block, whole sectors */
    struct platter_page_table table;
    struct platter_cache *bitmaps; /* pieces, by their offset in the file */

    /* Below: under `m.change`, and only when writable. */
    uint64_t end;                       /* where the next block goes: the footer's place */
    bool started;                       /* what a first change has to see to is done */
    struct platter_cache_entry **dirty; /* pieces of bitmaps that differ from the file, held */
    size_t dirty_count;
    uint64_t *dirty_pages; /* offsets in the table of pages that differ from the file */
    size_t dirty_page_count;
};

/* vhd_parent.c */
enum platter_result platter_vhd_parent_open(struct vhd_sparse *s, const struct platter_open_request *request,
                                            struct platter_detail_list *details, struct platter_error *err);

/* vhd_map.c */
extern const struct platter_mapped_ops platter_vhd_mapped_ops;
/* The block's word of the table: its first sector in the file, or VHD_UNUSED. */
enum platter_result platter_vhd_entry(struct vhd_sparse *s, uint64_t block, uint32_t *entry, struct platter_error *err);
enum platter_result platter_vhd_bitmap_piece(struct vhd_sparse *s, uint64_t at, struct platter_cache_entry **piece,
                                             struct platter_error *err);

/* vhd_write.c */
enum platter_result platter_vhd_write_prepare(struct vhd_sparse *s, struct platter_error *err);
void platter_vhd_write_end(struct vhd_sparse *s);
/* See struct platter_mapped_ops. */
enum platter_result platter_vhd_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                          const struct platter_run *run, uint64_t *done, struct platter_error *err);
enum platter_result platter_vhd_flush(struct platter_block *base, struct platter_error *err);

/* vhd_check.c: blocks outside the file, and blocks that lie over others; all of them fatal */
enum platter_result platter_vhd_scan(struct vhd_sparse *s, struct platter_findings *findings,
                                     struct platter_error *err);

extern const struct platter_block_ops platter_vhd_sparse_ops;

#endif
