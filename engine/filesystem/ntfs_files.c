/* SPDX-License-Identifier: MIT */
/*
 * NTFS: whose clusters are damaged. Goes through all records of the master file table in order and looks at the runs of
 * every attribute. What a file has beyond its first record lies in others that name that one, so lists of attributes
 * need not be followed. Names are looked up for those only that are touched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../utf.h"
#include "filesystem.h"
#include "ntfs_record.h"
#include "owner.h"

#define MFT_RUNS_MOST 65536u
#define MFT_MOST (16ull << 30) /* bytes of it that are gone through */
#define PIECE 65536u           /* bytes of the table at a time, a multiple of any record */
#define SYSTEM_RECORDS 24u
#define ROOT_RECORD 5u
#define BOOT_RECORD 7u
#define DEPTH_MOST 64u
#define REFERENCE(value) ((value)&0xFFFFFFFFFFFFull) /* the rest counts how often the record was used anew */

struct mft_run {
    uint64_t first, clusters, cluster; /* of the table; how many; of the volume */
};

struct ntfs {
    struct platter_owner_search *search;
    struct ntfs_geometry geometry;
    struct mft_run *runs; /* of the table, by `first`, without gaps */
    size_t run_count, run_room;
    uint64_t mft_clusters;            /* that are known of the table */
    uint64_t mft_size;                /* bytes of it that hold records */
    uint8_t record[NTFS_RECORD_MOST]; /* for names */
    char path[PLATTER_OWNER_PATH];
};

/* Adds what this attribute, a part of the table's own data, says of where the table lies. */
static void extend_mft(struct ntfs *ntfs, const struct ntfs_attribute *attribute)
{
    const uint8_t *at = attribute->runs;
    uint32_t length = attribute->runs_length;
    uint64_t cluster = 0;
    struct ntfs_run run;

    if (attribute->first_cluster != ntfs->mft_clusters)
        return;
    while (platter_ntfs_run_next(&at, &length, &cluster, &run)) {
        if (run.hole || run.clusters > UINT64_MAX / 2 - ntfs->mft_clusters || ntfs->run_count == MFT_RUNS_MOST) {
            ntfs->search->incomplete = true;
            return;
        }
        if (ntfs->run_count == ntfs->run_room) {
            size_t room = ntfs->run_room ? ntfs->run_room * 2 : 64;
            struct mft_run *grown = realloc(ntfs->runs, room * sizeof(*grown));

            if (!grown) {
                ntfs->search->incomplete = true;
                return;
            }
            ntfs->runs = grown;
            ntfs->run_room = room;
        }
        ntfs->runs[ntfs->run_count++] = (struct mft_run){ntfs->mft_clusters, run.clusters, run.cluster};
        ntfs->mft_clusters += run.clusters;
    }
}

/* Reads bytes of the table; false when they are not there or cannot be read. */
static bool read_mft(struct ntfs *ntfs, uint64_t offset, uint8_t *buffer, size_t length)
{
    uint64_t size = platter_block_size(ntfs->search->volume);

    while (length) {
        uint64_t cluster = offset / ntfs->geometry.cluster, within = offset % ntfs->geometry.cluster, at, left;
        size_t low = 0, high = ntfs->run_count, piece;
        const struct mft_run *run;

        while (low < high) {
            size_t middle = low + (high - low) / 2;

            if (ntfs->runs[middle].first + ntfs->runs[middle].clusters <= cluster)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == ntfs->run_count)
            return false;
        run = &ntfs->runs[low];
        left = run->first + run->clusters - cluster;
        if (!platter_multiply(run->cluster + (cluster - run->first), ntfs->geometry.cluster, &at) || at >= size ||
            at + within >= size)
            return false;
        /* Runs are shorter than 2^63 clusters, but not than 2^63 bytes. */
        piece = left > length / ntfs->geometry.cluster + 1 || left * ntfs->geometry.cluster - within > length
                    ? length
                    : (size_t)(left * ntfs->geometry.cluster - within);
        if (piece > size - at - within ||
            platter_block_read(ntfs->search->volume, buffer, piece, at + within, NULL) != PLATTER_OK)
            return false;
        buffer += piece;
        offset += piece;
        length -= piece;
    }
    return true;
}

/* ---- Names ---------------------------------------------------------------------------------------------------------- */

/* The record's best name into `name`, and its folder; false when it has none in it. */
static bool find_name(const uint8_t *record, uint32_t size, char *name, size_t name_size, uint64_t *parent)
{
    struct ntfs_attribute attribute;
    uint32_t at = 0;
    bool found = false;

    while (platter_ntfs_attribute_next(record, size, &at, &attribute)) {
        uint16_t units[255];
        uint32_t count;

        if (attribute.type != NTFS_FILE_NAME || !attribute.resident || attribute.value_length < 66)
            continue;
        count = attribute.value[64];
        /* A name for DOS counts only where there is no other. */
        if (66 + 2 * count > attribute.value_length || (found && attribute.value[65] == 2))
            continue;
        for (uint32_t i = 0; i < count; i++)
            units[i] = platter_le16(attribute.value + 66 + 2 * i);
        (void)platter_utf8_from_utf16(units, count, name, name_size);
        *parent = REFERENCE(platter_le64(attribute.value));
        found = true;
        if (attribute.value[65] != 2)
            break;
    }
    return found;
}

/* Puts "/name" before what stands at *at in the path. */
static void prepend(struct ntfs *ntfs, size_t *at, const char *name)
{
    size_t length = strlen(name);

    if (length + 1 > *at)
        return;
    *at -= length;
    memcpy(ntfs->path + *at, name, length);
    ntfs->path[--*at] = '/';
}

/* The path of the file that record `number` begins; of a file of the system's it begins with "/$". */
static const char *find_path(struct ntfs *ntfs, uint64_t number)
{
    size_t at = sizeof(ntfs->path) - 1;
    char name[255 * 3 + 1];

    ntfs->path[at] = '\0';
    for (unsigned depth = 0; number != ROOT_RECORD; depth++) {
        uint64_t parent;

        if (depth == DEPTH_MOST ||
            !read_mft(ntfs, number * ntfs->geometry.record_size, ntfs->record, ntfs->geometry.record_size) ||
            !platter_ntfs_record_fix(ntfs->record, ntfs->geometry.record_size) ||
            !find_name(ntfs->record, ntfs->geometry.record_size, name, sizeof(name), &parent)) {
            (void)snprintf(name, sizeof(name), "(record %llu)", (unsigned long long)number);
            prepend(ntfs, &at, name);
            break;
        }
        prepend(ntfs, &at, name);
        number = parent;
    }
    return ntfs->path[at] ? ntfs->path + at : "/";
}

/* ---- Records ------------------------------------------------------------------------------------------------------- */

/* Tells of the run, which belongs to an attribute of file `owner`. */
static void tell_run(struct ntfs *ntfs, uint64_t owner, const struct ntfs_attribute *attribute, uint64_t offset,
                     uint64_t length, uint64_t file_offset)
{
    char name[PLATTER_OWNER_PATH + 256 * 3 + 32], stream[255 * 3 + 1] = "";
    const char *path = find_path(ntfs, owner);
    enum platter_owner_kind kind = PLATTER_OWNER_METADATA;
    uint16_t units[255];

    for (uint32_t i = 0; i < attribute->name_length; i++)
        units[i] = platter_le16(attribute->name + 2 * i);
    if (attribute->name_length)
        (void)platter_utf8_from_utf16(units, attribute->name_length, stream, sizeof(stream));
    if (owner < SYSTEM_RECORDS && owner != ROOT_RECORD)
        (void)snprintf(name, sizeof(name), "%s%s%s", path[0] == '/' ? path + 1 : path, stream[0] ? ":" : "", stream);
    else if (strncmp(path, "/$Extend/", 9) == 0)
        (void)snprintf(name, sizeof(name), "%s%s%s", path + 1, stream[0] ? ":" : "", stream);
    else if (attribute->type == NTFS_INDEX_ALLOCATION)
        (void)snprintf(name, sizeof(name), "folder %s", path);
    else if (attribute->type != NTFS_DATA)
        (void)snprintf(name, sizeof(name), "attribute 0x%x of %s", attribute->type, path);
    else {
        kind = PLATTER_OWNER_FILE;
        (void)snprintf(name, sizeof(name), "%s%s%s", path, stream[0] ? ":" : "", stream);
    }
    platter_owner_tell(ntfs->search, offset, length, kind, name, file_offset);
}

static void look_at_attribute(struct ntfs *ntfs, uint64_t owner, const struct ntfs_attribute *attribute)
{
    const uint8_t *at = attribute->runs;
    uint32_t left = attribute->runs_length;
    uint64_t cluster = 0, in_file = attribute->first_cluster;
    struct ntfs_run run;

    while (platter_ntfs_run_next(&at, &left, &cluster, &run)) {
        uint64_t offset, length, file_offset;

        if (!run.hole && platter_multiply(run.cluster, ntfs->geometry.cluster, &offset) &&
            platter_multiply(run.clusters, ntfs->geometry.cluster, &length) &&
            platter_owner_touches(ntfs->search, offset, length)) {
            if (!platter_multiply(in_file, ntfs->geometry.cluster, &file_offset))
                file_offset = 0;
            tell_run(ntfs, owner, attribute, offset, length, file_offset);
        }
        in_file += run.clusters;
    }
}

/* `record` is not fixed yet. */
static void look_at_record(struct ntfs *ntfs, uint64_t number, uint8_t *record)
{
    struct ntfs_attribute attribute;
    uint32_t at = 0;
    uint64_t owner;

    /* What never was one is zeros. */
    if (platter_all_zero(record, 4))
        return;
    if (!platter_ntfs_record_fix(record, ntfs->geometry.record_size)) {
        ntfs->search->incomplete = true;
        return;
    }
    if (!(platter_le16(record + 22) & 1)) /* not in use */
        return;
    owner = REFERENCE(platter_le64(record + 32));
    if (platter_le64(record + 32) == 0)
        owner = number;
    while (platter_ntfs_attribute_next(record, ntfs->geometry.record_size, &at, &attribute)) {
        if (attribute.resident)
            continue;
        if (owner == 0 && number != 0 && attribute.type == NTFS_DATA && attribute.name_length == 0)
            extend_mft(ntfs, &attribute);
        look_at_attribute(ntfs, owner, &attribute);
    }
}

/* Reads the first record and what it says of where the table lies. */
static bool start_mft(struct ntfs *ntfs)
{
    struct ntfs_attribute attribute;
    uint32_t at = 0, size = ntfs->geometry.record_size;

    if (platter_block_read(ntfs->search->volume, ntfs->record, size, ntfs->geometry.mft, NULL) != PLATTER_OK ||
        !platter_ntfs_record_fix(ntfs->record, size))
        return false;
    while (platter_ntfs_attribute_next(ntfs->record, size, &at, &attribute)) {
        if (attribute.type != NTFS_DATA || attribute.resident || attribute.name_length)
            continue;
        ntfs->mft_size = attribute.valid;
        extend_mft(ntfs, &attribute);
    }
    return ntfs->run_count != 0;
}

static void look_at_all(struct ntfs *ntfs, uint8_t *data)
{
    uint32_t size = ntfs->geometry.record_size;

    /* The table may become known further while it is gone through. */
    for (uint64_t at = 0; at < ntfs->mft_size && at / ntfs->geometry.cluster < ntfs->mft_clusters; at += PIECE) {
        uint64_t left = ntfs->mft_size - at;
        uint32_t piece = left < PIECE ? (uint32_t)left / size * size : PIECE;

        if (at >= MFT_MOST)
            break;
        if (at % (PIECE * 64ull) == 0 && platter_owner_stopped(ntfs->search, at, ntfs->mft_size))
            return;
        if (read_mft(ntfs, at, data, piece)) {
            for (uint32_t i = 0; i < piece; i += size)
                look_at_record(ntfs, (at + i) / size, data + i);
            continue;
        }
        for (uint32_t i = 0; i < piece; i += size) {
            if (read_mft(ntfs, at + i, data, size))
                look_at_record(ntfs, (at + i) / size, data);
            else
                ntfs->search->incomplete = true;
        }
    }
    if (ntfs->mft_size > MFT_MOST || ntfs->mft_size / ntfs->geometry.cluster > ntfs->mft_clusters)
        ntfs->search->incomplete = true;
}

void platter_ntfs_owners(struct platter_owner_search *search)
{
    struct ntfs *ntfs = calloc(1, sizeof(*ntfs));
    uint8_t *data = malloc(PIECE), boot[512];
    uint64_t size = platter_block_size(search->volume);

    search->incomplete = true;
    if (!ntfs || !data || size < sizeof(boot))
        goto out;
    ntfs->search = search;
    if (platter_block_read(search->volume, boot, sizeof(boot), 0, NULL) != PLATTER_OK ||
        platter_boot_sector_kind(boot) != PLATTER_BOOT_NTFS || !platter_ntfs_geometry(boot, size, &ntfs->geometry) ||
        !start_mft(ntfs))
        goto out;
    search->incomplete = false;
    look_at_all(ntfs, data);
    /* Behind the last cluster, of no file. */
    platter_owner_tell(search, size - 512, 512, PLATTER_OWNER_METADATA, "copy of the boot sector", 0);
out:
    if (ntfs)
        free(ntfs->runs);
    free(data);
    free(ntfs);
}
