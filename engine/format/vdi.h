/* SPDX-License-Identifier: MIT */
/*
 * VDI, the disk image of VirtualBox: a map says at which place of the file each block of the disk lies. All numbers are
 * little-endian. A fixed image is a dynamic one whose blocks are all there.
 *
 * Files: vdi.c (header, opening), vdi_parent.c, vdi_map.c (reading), vdi_write.c, vdi_check.c.
 *
 * Locks: mapped.h. Words of the map are stored and loaded atomically, after the data they speak of.
 */
#ifndef PLATTER_ENGINE_FORMAT_VDI_H
#define PLATTER_ENGINE_FORMAT_VDI_H

#include "../bytes.h"
#include "findings.h"
#include "format.h"
#include "mapped.h"
#include "page_table.h"

#define VDI_SIGNATURE 0xBEDA107Fu
#define VDI_MAP_MOST (256u << 20) /* bytes: 64 TiB in blocks of 1 MiB */
#define VDI_HEADER_BYTES 512u     /* what is kept of it: all that a version 1 header has in it */
#define VDI_FREE 0xFFFFFFFFu      /* never written: zero, or the parent's */
#define VDI_ZERO 0xFFFFFFFEu      /* discarded: zero whatever the parent has */
#define VDI_COUNT_AT 0x184u       /* blocks allocated */
#define VDI_MODIFIED_AT 0x198u

enum vdi_type { VDI_DYNAMIC = 1, VDI_FIXED = 2, VDI_UNDO = 3, VDI_DIFFERENCING = 4 };

struct vdi_header {
    uint32_t type; /* enum vdi_type, or something else */
    uint32_t map_offset, data_offset;
    uint64_t disk_size;
    uint32_t block_size, block_extra; /* bytes; the extra ones lie before the block's data */
    uint32_t blocks, allocated;
    uint8_t id[16], modified[16];               /* identity, and that of what it holds now */
    uint8_t parent_id[16], parent_modified[16]; /* the same of the parent, when the child was made; zero: none */
    uint8_t raw[VDI_HEADER_BYTES];
};

struct vdi {
    struct platter_mapped m; /* parent: NULL unless it is a differencing disk */
    struct vdi_header header;
    uint32_t block_bits;
    uint64_t stride; /* bytes from one place of the file to the next */
    int stamped;     /* atomic: header.modified tells that this session has written */
    struct platter_page_table map;

    /* Below: under `m.change`, and only when writable. */
    uint8_t *used;         /* a bit a place of the file: some block lies there */
    uint32_t first_free;   /* no place before it is free */
    uint32_t used_end;     /* behind the last place in use */
    uint64_t *dirty_pages; /* offsets in the map of pages that differ from the file */
    size_t dirty_count;
};

/* vdi.c; used for parents too */
enum platter_result platter_vdi_header_read(struct platter_block *file, struct vdi_header *header,
                                            struct platter_error *err);

/* vdi_parent.c */
enum platter_result platter_vdi_parent_open(struct vdi *v, const struct platter_open_request *request,
                                            struct platter_error *err);

/* vdi_map.c */
extern const struct platter_mapped_ops platter_vdi_mapped_ops;

/* vdi_write.c */
enum platter_result platter_vdi_write_prepare(struct vdi *v, struct platter_error *err);
/* See struct platter_mapped_ops. */
enum platter_result platter_vdi_begin(struct platter_mapped *m, struct platter_error *err);
enum platter_result platter_vdi_write_new(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                          const struct platter_run *run, uint64_t *done, struct platter_error *err);
enum platter_result platter_vdi_flush(struct platter_block *base, struct platter_error *err);

/* vdi_create.c */
extern const struct platter_maker platter_vdi_maker;

/* vdi_check.c */
struct vdi_scan {
    uint8_t *used;     /* a bit a place; the caller's, of (blocks + 7) / 8 zero bytes */
    uint32_t count;    /* places in use */
    uint32_t used_end; /* behind the last of them */
};
/* Finds places that cannot be, and those that two blocks share; all of them fatal. */
enum platter_result platter_vdi_scan(struct vdi *v, struct vdi_scan *scan, struct platter_findings *findings,
                                     struct platter_error *err);
enum platter_result platter_vdi_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                       const struct platter_progress *progress, struct platter_verify_report *report,
                                       struct platter_error *err);

#endif
