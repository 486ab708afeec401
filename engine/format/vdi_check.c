/* SPDX-License-Identifier: MIT */
/* VDI: blocks at places that cannot be, blocks at one place, and a header that does not agree with the map. */
#include <stdlib.h>

#include "vdi.h"

#define PIECE (1u << 20)

/* One word of the map. */
static void scan_word(struct vdi *v, struct vdi_scan *scan, uint64_t block, uint32_t entry,
                      struct platter_findings *findings)
{
    uint64_t at = v->header.map_offset + block * 4, left;

    if (entry >= VDI_ZERO)
        return;
    /* Of the last block only what the disk has of it has to be there. */
    left = v->header.disk_size - (block << v->block_bits);
    if (left > v->header.block_size)
        left = v->header.block_size;
    if (entry >= v->header.blocks || !platter_inside(v->header.data_offset + entry * v->stride + v->header.block_extra,
                                                     left, platter_block_size(v->m.file))) {
        platter_found(findings, v->m.file->name, true, at,
                      "the block of disk byte %llu is said to be at place %u, where none can be",
                      (unsigned long long)(block << v->block_bits), entry);
        return;
    }
    if (scan->used[entry / 8] >> entry % 8 & 1) {
        platter_found(findings, v->m.file->name, true, at,
                      "the block of disk byte %llu is said to be at place %u, where another one is",
                      (unsigned long long)(block << v->block_bits), entry);
        return;
    }
    scan->used[entry / 8] |= (uint8_t)(1u << entry % 8);
    scan->count++;
    if (entry >= scan->used_end)
        scan->used_end = entry + 1;
}

enum platter_result platter_vdi_scan(struct vdi *v, struct vdi_scan *scan, struct platter_findings *findings,
                                     struct platter_error *err)
{
    /* Entries behind the disk's end say nothing of it. */
    uint64_t bytes = ((v->header.disk_size - 1) / v->header.block_size + 1) * 4;
    enum platter_result result = PLATTER_OK;
    uint8_t *piece = malloc(bytes < PIECE ? (size_t)bytes : PIECE);

    if (!piece)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, v->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    for (uint64_t at = 0; at < bytes && result == PLATTER_OK; at += PIECE) {
        size_t length = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;

        result = platter_block_read(v->m.file, piece, length, v->header.map_offset + at, err);
        for (size_t i = 0; result == PLATTER_OK && i < length; i += 4)
            scan_word(v, scan, (at + i) / 4, platter_le32(piece + i), findings);
    }
    free(piece);
    return result;
}

enum platter_result platter_vdi_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                       const struct platter_progress *progress, struct platter_verify_report *report,
                                       struct platter_error *err)
{
    struct platter_findings findings = {.function = finding, .context = context, .report = report};
    struct vdi *v = (struct vdi *)disk;
    struct vdi_scan scan = {.used = calloc(1, v->header.blocks / 8 + 1)};
    enum platter_result result;

    (void)progress; /* the map is small beside the data, whose reading shows it */
    if (!scan.used)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, v->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_vdi_scan(v, &scan, &findings, err);
    /* Too few, and whoever trusts it puts the next block over one that is there. */
    if (result == PLATTER_OK && scan.count != v->header.allocated)
        platter_found(&findings, v->m.file->name, v->header.allocated < scan.used_end, VDI_COUNT_AT,
                      "the header counts %u blocks, the map has %u", v->header.allocated, scan.count);
    free(scan.used);
    return result;
}
