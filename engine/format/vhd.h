/* SPDX-License-Identifier: MIT */
/*
 * VHD, as "Virtual Hard Disk Image Format Specification" 1.0 (Microsoft, 2006) has it: what the kinds of it share.
 * All numbers on disk are big-endian.
 */
#ifndef PLATTER_ENGINE_FORMAT_VHD_H
#define PLATTER_ENGINE_FORMAT_VHD_H

#include "format.h"

#define VHD_FOOTER_SIZE 512u
/* Virtual PC before 2004 wrote footers without their last byte, which is reserved. */
#define VHD_FOOTER_SIZE_OLD 511u

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

struct vhd_footer {
    uint64_t offset;      /* where this copy lies in the file */
    uint32_t length;      /* VHD_FOOTER_SIZE, or VHD_FOOTER_SIZE_OLD */
    bool copy_used;       /* the one at the end was damaged, this is the one at the start */
    uint64_t data_offset; /* of the dynamic header */
    uint64_t current_size;
    uint64_t original_size;
    uint32_t timestamp; /* seconds since 2000-01-01 00:00 UTC */
    uint32_t creator_version;
    char creator[5];
    char creator_os[5];
    uint16_t cylinders;
    uint8_t heads, sectors_per_track;
    uint32_t type; /* enum vhd_type, or something else */
    uint8_t id[16];
    bool saved_state;
    uint8_t raw[VHD_FOOTER_SIZE]; /* as it lies in the file */
};

/* True when the cookie is at the end of the file or at its start. */
bool platter_vhd_footer_present(struct platter_block *file);
/* Finds the footer and checks its version, its checksum and its size. */
enum platter_result platter_vhd_footer_read(struct platter_block *file, struct vhd_footer *footer,
                                            struct platter_error *err);
/* As it is to lie in a file, checksum included. */
void platter_vhd_footer_put(const struct vhd_footer *footer, uint8_t raw[VHD_FOOTER_SIZE]);
void platter_vhd_footer_details(const struct vhd_footer *footer, struct platter_detail_list *details);
/* The one's complement of the sum of `length` bytes, those of the checksum's own field left out. */
uint32_t platter_vhd_checksum(const uint8_t *data, size_t length, size_t checksum_at);

/* vhd_sparse.c: the dynamic and the differencing kind */
enum platter_result platter_vhd_sparse_open(struct platter_block *file, const struct platter_open_request *request,
                                            const struct vhd_footer *footer, struct platter_opened *opened,
                                            struct platter_error *err);
/* vhd_create.c */
extern const struct platter_maker platter_vhd_maker;

/* vhd_check.c */
enum platter_result platter_vhd_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                       const struct platter_progress *progress, struct platter_verify_report *report,
                                       struct platter_error *err);

#endif
