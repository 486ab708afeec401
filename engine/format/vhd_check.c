/* SPDX-License-Identifier: MIT */
/* Dynamic and differencing VHD: blocks outside the file, blocks over each other, and copies that differ. */
#include <stdlib.h>
#include <string.h>

#include "vhd_sparse.h"

#define PIECE (1u << 20) /* bytes of the table that are read at once */

struct scan {
    struct vhd_sparse *s;
    uint32_t *starts; /* of the blocks that are there, in sectors */
    size_t count, room;
    struct platter_findings *findings;
};

static bool add(struct scan *scan, uint32_t start)
{
    if (scan->count == scan->room) {
        size_t room = scan->room ? scan->room * 2 : 1024;
        uint32_t *grown = realloc(scan->starts, room * sizeof(*grown));

        if (!grown)
            return false;
        scan->starts = grown;
        scan->room = room;
    }
    scan->starts[scan->count++] = start;
    return true;
}

static int by_place(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return (one > other) - (one < other);
}

static bool meets(uint64_t start, uint64_t length, uint64_t other, uint64_t other_length)
{
    return start < other + other_length && other < start + length;
}

/* One word of the table. False: no memory. */
static bool scan_word(struct scan *scan, uint64_t block, uint32_t entry)
{
    struct vhd_sparse *s = scan->s;
    uint64_t start = (uint64_t)entry * VHD_SECTOR, room = (uint64_t)s->bitmap_bytes + s->header.block_size;
    uint64_t end = s->footer.copy_used ? platter_block_size(s->m.file) : s->footer.offset;

    if (entry == VHD_UNUSED)
        return true;
    if (!platter_inside(start, room, end) || meets(start, room, 0, VHD_FOOTER_SIZE) ||
        meets(start, room, s->header.offset, VHD_HEADER_SIZE) || meets(start, room, s->table.offset, s->table.bytes)) {
        platter_found(scan->findings, s->m.file->name, true, s->table.offset + block * 4,
                      "the block of disk byte %llu is said to be at byte %llu, where none can be",
                      (unsigned long long)(block << s->block_bits), (unsigned long long)start);
        return true;
    }
    return add(scan, entry);
}

static void find_overlaps(struct scan *scan)
{
    uint64_t room = (uint64_t)scan->s->bitmap_bytes + scan->s->header.block_size;

    if (scan->count)
        qsort(scan->starts, scan->count, sizeof(*scan->starts), by_place);
    for (size_t i = 1; i < scan->count; i++) {
        uint64_t before = (uint64_t)scan->starts[i - 1] * VHD_SECTOR, start = (uint64_t)scan->starts[i] * VHD_SECTOR;

        if (start < before + room)
            platter_found(scan->findings, scan->s->m.file->name, true, start, "two blocks lie over each other here");
    }
}

enum platter_result platter_vhd_scan(struct vhd_sparse *s, struct platter_findings *findings, struct platter_error *err)
{
    struct scan scan = {.s = s, .findings = findings};
    enum platter_result result = PLATTER_OK;
    uint8_t *piece = malloc(s->table.bytes < PIECE ? (size_t)s->table.bytes + 1 : PIECE);
    bool memory = piece != NULL;

    for (uint64_t at = 0; memory && at < s->table.bytes && findings->count < PLATTER_FINDINGS_MOST; at += PIECE) {
        uint64_t left = s->table.bytes - at;
        size_t length = left < PIECE ? (size_t)left : PIECE;

        if ((result = platter_block_read(s->m.file, piece, length, s->table.offset + at, err)))
            break;
        for (size_t i = 0; memory && i < length; i += 4)
            memory = scan_word(&scan, (at + i) / 4, platter_be32(piece + i));
    }
    if (!memory)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    if (result == PLATTER_OK)
        find_overlaps(&scan);
    free(scan.starts);
    free(piece);
    return result;
}

enum platter_result platter_vhd_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                       const struct platter_progress *progress, struct platter_verify_report *report,
                                       struct platter_error *err)
{
    struct platter_findings findings = {.function = finding, .context = context, .report = report};
    struct vhd_sparse *s = (struct vhd_sparse *)disk;
    uint8_t copy[VHD_FOOTER_SIZE];
    enum platter_result result;

    (void)progress;                           /* the table is small beside the data, whose reading shows it */
    if (disk->ops != &platter_vhd_sparse_ops) /* a fixed disk has no structure but its footer */
        return PLATTER_OK;
    if ((result = platter_block_read(s->m.file, copy, sizeof(copy), 0, err)))
        return result;
    if (s->footer.copy_used)
        platter_found(&findings, s->m.file->name, false, PLATTER_NO_OFFSET,
                      "the footer at the end is damaged; its copy at the start is used");
    else if (memcmp(copy, s->footer.raw, sizeof(copy)) != 0)
        platter_found(&findings, s->m.file->name, false, 0, "the footer's copy at the start is not what the footer is");
    return platter_vhd_scan(s, &findings, err);
}
