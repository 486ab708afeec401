/* SPDX-License-Identifier: MIT */
/* VMDK: grain tables and grains where none can be or over each other, and copies of tables that differ. */
#include <stdlib.h>
#include <string.h>

#include "vmdk.h"

struct place {
    uint32_t sector, sectors;
};

struct scan {
    struct vmdk_sparse *s;
    struct place *places; /* of whatever is in the file */
    size_t count, room;
    bool no_memory;
    uint8_t *table, *spare;
    uint64_t hole_start, hole_end; /* the last hole of the file that was met */
    struct platter_findings *findings;
};

static void add(struct scan *scan, uint64_t sector, uint64_t sectors)
{
    if (scan->count == scan->room) {
        size_t room = scan->room ? scan->room * 2 : 1024;
        struct place *grown = realloc(scan->places, room * sizeof(*grown));

        if (!grown) {
            scan->no_memory = true;
            return;
        }
        scan->places = grown;
        scan->room = room;
    }
    scan->places[scan->count++] = (struct place){.sector = (uint32_t)sector, .sectors = (uint32_t)sectors};
}

static int by_place(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    return (one->sector > other->sector) - (one->sector < other->sector);
}

/* Sorts what is known, and tells what lies over other things. */
static bool find_overlaps(struct scan *scan, const char *what)
{
    bool any = false;

    if (scan->count)
        qsort(scan->places, scan->count, sizeof(*scan->places), by_place);
    for (size_t i = 1; i < scan->count; i++) {
        const struct place *before = &scan->places[i - 1], *here = &scan->places[i];

        if (here->sector < (uint64_t)before->sector + before->sectors) {
            platter_found(scan->findings, scan->s->m.file->name, true, (uint64_t)here->sector * VMDK_SECTOR,
                          "two %s lie over each other here", what);
            any = true;
        }
    }
    return any;
}

/* A table in a hole has nothing in it; those that were made but never used are many. */
static bool in_hole(struct scan *scan, uint64_t at, uint64_t bytes)
{
    struct platter_extent extent;

    if (at >= scan->hole_start && at + bytes <= scan->hole_end)
        return true;
    if (platter_block_map(scan->s->m.file, at, platter_block_size(scan->s->m.file) - at, &extent, NULL) ||
        (extent.flags & PLATTER_EXTENT_DATA))
        return false;
    scan->hole_start = at;
    scan->hole_end = at + extent.length;
    return at + bytes <= scan->hole_end;
}

static void scan_words(struct scan *scan, uint64_t index, uint64_t table_at)
{
    const struct vmdk_sparse *s = scan->s;
    uint64_t size = platter_block_size(s->m.file);

    for (uint32_t i = 0; i < s->header.table_words && !scan->no_memory; i++) {
        uint32_t word = platter_le32(scan->table + (size_t)i * 4);
        uint64_t start = (index * s->header.table_words + i) << s->grain_bits, length = s->header.grain;

        if (word == 0 || (word == VMDK_ZERO_GRAIN && (s->header.flags & VMDK_FLAG_ZERO_GRAINS)))
            continue;
        /* What is behind the extent's end is none of the disk's; of its last grain only what it has has to be there. */
        if (start >= s->header.capacity)
            break;
        if (length > s->header.capacity - start)
            length = s->header.capacity - start;
        if (!platter_inside((uint64_t)word * VMDK_SECTOR, s->grains ? VMDK_SECTOR : length, size))
            platter_found(scan->findings, scan->s->m.file->name, true, table_at + (uint64_t)i * 4,
                          "a grain is said to be at byte %llu, which is not in the file",
                          (unsigned long long)word * VMDK_SECTOR);
        else
            add(scan, word, s->grains ? 1 : s->header.grain / VMDK_SECTOR);
    }
}

static enum platter_result scan_table(struct scan *scan, uint64_t index, uint32_t sector, struct platter_error *err)
{
    struct vmdk_sparse *s = scan->s;
    size_t bytes = (size_t)s->header.table_words * 4;
    uint64_t at = (uint64_t)sector * VMDK_SECTOR, spare_at;
    enum platter_result result = PLATTER_OK;
    uint32_t spare = 0;

    if (s->header.spare_directory)
        result = platter_vmdk_directory_word(&s->spare, index, &spare, err);
    spare_at = (uint64_t)spare * VMDK_SECTOR;
    if (result)
        return result;
    if (!in_hole(scan, at, bytes)) {
        result = platter_block_read(s->m.file, scan->table, bytes, at, err);
        if (result)
            return result;
        scan_words(scan, index, at);
    } else {
        memset(scan->table, 0, bytes);
    }
    if (!s->header.spare_directory || spare_at == at)
        return PLATTER_OK;
    if (!platter_inside(spare_at, bytes, platter_block_size(s->m.file))) {
        platter_found(scan->findings, scan->s->m.file->name, true, s->header.spare_directory + index * 4,
                      "a spare grain table is not in the file");
        return PLATTER_OK;
    }
    result = spare ? platter_block_read(s->m.file, scan->spare, bytes, spare_at, err) : PLATTER_OK;
    if (result == PLATTER_OK && (spare == 0 || memcmp(scan->table, scan->spare, bytes) != 0))
        platter_found(scan->findings, scan->s->m.file->name, false, spare_at,
                      "the spare copy of the grain table at byte %llu is not the same", (unsigned long long)at);
    return result;
}

/* Notes where the tables are, so that none that is named again and again is looked at again and again. */
static enum platter_result scan_directory(struct scan *scan, struct platter_page_table *directory,
                                          struct platter_error *err)
{
    struct vmdk_sparse *s = scan->s;
    uint64_t bytes = (uint64_t)s->header.table_words * 4;

    for (uint64_t i = 0; i < s->header.directory_words && !scan->no_memory; i++) {
        uint32_t sector;
        enum platter_result result = platter_vmdk_directory_word(directory, i, &sector, err);

        if (result)
            return result;
        if (sector && !platter_inside((uint64_t)sector * VMDK_SECTOR, bytes, platter_block_size(s->m.file)))
            platter_found(scan->findings, scan->s->m.file->name, true, directory->offset + i * 4,
                          "a grain table is said to be at byte %llu, which is not in the file",
                          (unsigned long long)sector * VMDK_SECTOR);
        else if (sector)
            add(scan, sector, (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR);
    }
    return PLATTER_OK;
}

static enum platter_result scan_all(struct scan *scan, struct platter_error *err)
{
    struct vmdk_sparse *s = scan->s;
    uint64_t bytes = s->header.directory_words * 4, sectors = (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR;
    enum platter_result result = scan_directory(scan, &s->directory, err);

    if (result || find_overlaps(scan, "grain tables"))
        return result;
    add(scan, 0, 1);
    add(scan, s->header.directory / VMDK_SECTOR, sectors);
    if (s->header.spare_directory && s->header.spare_directory != s->header.directory)
        add(scan, s->header.spare_directory / VMDK_SECTOR, sectors);
    for (uint64_t i = 0; i < s->header.directory_words && result == PLATTER_OK && !scan->no_memory; i++) {
        uint32_t sector;

        result = platter_vmdk_directory_word(&s->directory, i, &sector, err);
        if (result == PLATTER_OK && sector &&
            platter_inside((uint64_t)sector * VMDK_SECTOR, (uint64_t)s->header.table_words * 4,
                           platter_block_size(s->m.file)))
            result = scan_table(scan, i, sector, err);
    }
    if (result == PLATTER_OK)
        (void)find_overlaps(scan, "grains or tables");
    return result;
}

enum platter_result platter_vmdk_scan(struct vmdk_sparse *s, struct platter_findings *findings,
                                      struct platter_error *err)
{
    struct scan scan = {.s = s, .findings = findings};
    enum platter_result result = PLATTER_OK;

    scan.table = malloc((size_t)s->header.table_words * 4);
    scan.spare = malloc((size_t)s->header.table_words * 4);
    scan.no_memory = !scan.table || !scan.spare;
    if (!scan.no_memory)
        result = scan_all(&scan, err);
    if (result == PLATTER_OK && scan.no_memory)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    free(scan.places);
    free(scan.table);
    free(scan.spare);
    return result;
}

enum platter_result platter_vmdk_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                        const struct platter_progress *progress, struct platter_verify_report *report,
                                        struct platter_error *err)
{
    struct platter_findings findings = {.function = finding, .context = context, .report = report};
    struct vmdk *v = (struct vmdk *)disk;
    enum platter_result result = PLATTER_OK;

    (void)progress; /* tables are small beside the data, whose reading shows it */
    for (size_t i = 0; i < v->sparse_count && result == PLATTER_OK; i++)
        result = platter_vmdk_scan((struct vmdk_sparse *)v->sparse[i], &findings, err);
    return result;
}
