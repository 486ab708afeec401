/* SPDX-License-Identifier: MIT */
/* VHDX: damaged copies, and blocks in impossible states, outside the file, or over each other. */
#include <stdlib.h>
#include <string.h>

#include "vhdx.h"

#define PIECE (64u << 10) /* bytes of the BAT that are read at once */
#define STRETCH 4096u     /* bytes of it that are looked at at once, whether they are zero */

struct scan {
    struct vhdx *x;
    uint8_t *used;   /* a bit for each MiB of the file; blocks begin and end at such */
    uint64_t blocks; /* of the disk */
    struct platter_findings *findings;
};

/* Counts the file's bytes as used. False: some are already. */
static bool use(struct scan *scan, uint64_t offset, uint64_t length)
{
    bool free_before = true;

    for (uint64_t i = offset / VHDX_MIB; i < (offset + length) / VHDX_MIB; i++) {
        free_before = free_before && !(scan->used[i / 8] >> (i % 8) & 1);
        scan->used[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return free_before;
}

static enum platter_result scan_entry(struct scan *scan, uint64_t index, uint64_t entry, struct platter_error *err)
{
    struct vhdx *x = scan->x;
    uint64_t in_chunk = index % ((1ull << x->chunk_bits) + 1), at = x->regions.bat.offset + index * 8;
    bool bitmap = in_chunk == 1ull << x->chunk_bits;
    uint64_t length = bitmap ? VHDX_MIB : x->meta.block_size, offset = VHDX_OFFSET(entry);
    unsigned state = VHDX_STATE(entry);

    /* Nobody reads these; QEMU before 8.0.1 leaves something in them. */
    if (bitmap ? !x->meta.has_parent : (index - index / ((1ull << x->chunk_bits) + 1)) >= scan->blocks)
        return PLATTER_OK;
    if (bitmap ? state != 0 && state != VHDX_BITMAP_PRESENT
               : state == 4 || (state == VHDX_PARTIALLY_PRESENT && !x->meta.has_parent)) {
        platter_found(scan->findings, x->m.file->name, true, at, "a block is in state %u, which cannot be", state);
        return PLATTER_OK;
    }
    if (state < VHDX_FULLY_PRESENT)
        return PLATTER_OK;
    if (!platter_vhdx_room_for(x, offset, length) || !platter_inside(offset, length, platter_block_size(x->m.file)))
        platter_found(scan->findings, x->m.file->name, true, at,
                      "a block is said to be at byte %llu, where none can be", (unsigned long long)offset);
    else if (!use(scan, offset, length))
        platter_found(scan->findings, x->m.file->name, true, at, "the block at byte %llu lies over another",
                      (unsigned long long)offset);
    if (state == VHDX_PARTIALLY_PRESENT) {
        uint64_t chunk = index / ((1ull << x->chunk_bits) + 1), sectors;
        enum platter_result result = platter_vhdx_entry(x, vhdx_bitmap_index(x, chunk << x->chunk_bits), &sectors, err);

        if (result)
            return result;
        if (VHDX_STATE(sectors) != VHDX_BITMAP_PRESENT)
            platter_found(scan->findings, x->m.file->name, true, at,
                          "a block is partially present, and there is no bitmap that says which part");
    }
    return PLATTER_OK;
}

enum platter_result platter_vhdx_scan(struct vhdx *x, struct platter_findings *findings, struct platter_error *err)
{
    struct scan scan = {.x = x, .findings = findings};
    uint64_t size = platter_block_size(x->m.file);
    uint8_t *piece = malloc(x->bat.bytes < PIECE ? (size_t)x->bat.bytes + 1 : PIECE);
    enum platter_result result = PLATTER_OK;

    scan.blocks = (x->meta.disk_size + x->meta.block_size - 1) >> x->block_bits;
    if (size / VHDX_MIB / 8 < SIZE_MAX / 2)
        scan.used = calloc((size_t)(size / VHDX_MIB / 8 + 1), 1);
    if (!piece || !scan.used) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, x->m.file->name, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    for (uint64_t at = 0; at < x->bat.bytes && result == PLATTER_OK && findings->count < PLATTER_FINDINGS_MOST;
         at += PIECE) {
        size_t length = x->bat.bytes - at < PIECE ? (size_t)(x->bat.bytes - at) : PIECE;

        result = platter_block_read(x->m.file, piece, length, x->regions.bat.offset + at, err);
        for (size_t i = 0; i + 8 <= length && result == PLATTER_OK; i += 8) {
            uint64_t entry;

            if (i % STRETCH == 0 && length - i >= STRETCH && platter_all_zero(piece + i, STRETCH)) {
                i += STRETCH - 8; /* most of a large table is empty */
                continue;
            }
            entry = platter_le64(piece + i);
            if (entry)
                result = scan_entry(&scan, (at + i) / 8, entry, err);
        }
    }
out:
    free(scan.used);
    free(piece);
    return result;
}

enum platter_result platter_vhdx_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                        const struct platter_progress *progress, struct platter_verify_report *report,
                                        struct platter_error *err)
{
    struct platter_findings findings = {.function = finding, .context = context, .report = report};
    struct vhdx *x = (struct vhdx *)disk;

    (void)progress; /* the tables are small beside the data, whose reading shows it */
    if (x->header.other_damaged)
        platter_found(&findings, x->m.file->name, false, VHDX_HEADER_AT(1 - x->header.current),
                      "one of the two headers is damaged");
    if (x->regions.other_damaged)
        platter_found(&findings, x->m.file->name, false, VHDX_REGION_TABLE_AT(0),
                      "one of the two region tables is damaged");
    if (x->replayed)
        platter_found(&findings, x->m.file->name, false, x->header.log_offset,
                      "was not closed properly; opening it for writing brings what its log holds into place");
    return platter_vhdx_scan(x, &findings, err);
}
