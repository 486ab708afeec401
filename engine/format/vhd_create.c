/* SPDX-License-Identifier: MIT */
/* VHD: a new, empty image, fixed or dynamic. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bytes.h"
#include "../os/file.h"
#include "../os/system.h"
#include "vhd.h"

#define EPOCH 946684800 /* 2000-01-01 00:00 UTC in seconds since 1970 */
#define HEADER_AT VHD_FOOTER_SIZE
#define HEADER_BYTES 1024u
#define HEADER_CHECKSUM_AT 36u
#define SECTOR 512u
#define FILL (1u << 16)
#define CYLINDERS_MOST 65535u
#define HEADS_MOST 16u
#define TRACK_MOST 255u

static const char *const subformats[] = {"dynamic", "fixed", NULL};

/* The specification's "CHS Calculation". */
static void calculate_geometry(uint64_t sectors, struct vhd_footer *footer)
{
    uint64_t most = (uint64_t)CYLINDERS_MOST * HEADS_MOST * TRACK_MOST, tracks, heads = 16, per_track;

    if (sectors > most)
        sectors = most;
    if (sectors >= (uint64_t)CYLINDERS_MOST * HEADS_MOST * 63) {
        per_track = TRACK_MOST;
        tracks = sectors / per_track;
    } else {
        per_track = 17;
        tracks = sectors / per_track;
        heads = (tracks + 1023) / 1024 < 4 ? 4 : (tracks + 1023) / 1024;
        if (tracks >= heads * 1024 || heads > 16) {
            per_track = 31;
            heads = 16;
            tracks = sectors / per_track;
        }
        if (tracks >= heads * 1024) {
            per_track = 63;
            tracks = sectors / per_track;
        }
    }
    footer->cylinders = (uint16_t)(tracks / heads);
    footer->heads = (uint8_t)heads;
    footer->sectors_per_track = (uint8_t)per_track;
}

/*
 * Most readers go by the size; Virtual PC, and QEMU for creators that it does not know, by the geometry, which rounds
 * down. Only the largest geometry is taken for "too large to tell" by them: then the size counts, everywhere.
 */
static void fill_geometry(uint64_t size, struct vhd_footer *footer)
{
    calculate_geometry(size / SECTOR, footer);
    if ((uint64_t)footer->cylinders * footer->heads * footer->sectors_per_track * SECTOR == size)
        return;
    footer->cylinders = CYLINDERS_MOST;
    footer->heads = HEADS_MOST;
    footer->sectors_per_track = TRACK_MOST;
}

/*
 * Footer copy, header, table, footer. The table begins so that it ends where the bitmap of a block, one sector, makes
 * the data behind it begin at a multiple of 4 KiB.
 */
static enum platter_result create_dynamic(struct platter_os_file *file, const char *path, const uint8_t *footer,
                                          const struct platter_new_image *wanted, struct platter_error *err)
{
    uint64_t entries = (wanted->size + wanted->block_size - 1) / wanted->block_size;
    uint64_t table = (entries * 4 + SECTOR - 1) / SECTOR * SECTOR, at = HEADER_AT + HEADER_BYTES;
    uint8_t header[HEADER_BYTES] = {0}, *unused;
    enum platter_result result;

    while ((at + table + SECTOR) % 4096)
        at += SECTOR;
    memcpy(header, "cxsparse", 8);
    platter_put_be64(header + 8, UINT64_MAX);
    platter_put_be64(header + 16, at);
    platter_put_be32(header + 24, 1u << 16);
    platter_put_be32(header + 28, (uint32_t)entries);
    platter_put_be32(header + 32, wanted->block_size);
    platter_put_be32(header + HEADER_CHECKSUM_AT, platter_vhd_checksum(header, sizeof(header), HEADER_CHECKSUM_AT));
    unused = malloc(FILL);
    if (!unused)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    memset(unused, 0xFF, FILL);
    result = platter_os_file_write(file, footer, VHD_FOOTER_SIZE, 0, err);
    if (result == PLATTER_OK)
        result = platter_os_file_write(file, header, sizeof(header), HEADER_AT, err);
    for (uint64_t end = at + table; at < end && result == PLATTER_OK;) {
        size_t piece = end - at < FILL ? (size_t)(end - at) : FILL;

        result = platter_os_file_write(file, unused, piece, at, err);
        at += piece;
    }
    if (result == PLATTER_OK)
        result = platter_os_file_write(file, footer, VHD_FOOTER_SIZE, at, err);
    free(unused);
    return result;
}

static enum platter_result vhd_create(struct platter_os_file *file, const char *path,
                                      const struct platter_new_image *wanted, struct platter_error *err)
{
    bool fixed = wanted->subformat == subformats[1];
    struct vhd_footer footer = {
        .data_offset = fixed ? UINT64_MAX : HEADER_AT,
        .current_size = wanted->size,
        .original_size = wanted->size,
        .creator = "pltr",
        .creator_version = 1u << 16,
        .creator_os = "Wi2k", /* this, or the Macintosh: there is no third */
        .type = fixed ? VHD_FIXED : VHD_DYNAMIC,
    };
    uint8_t raw[VHD_FOOTER_SIZE];
    enum platter_result result = platter_os_random(footer.id, sizeof(footer.id), err);

    if (result)
        return result;
    footer.timestamp = (uint32_t)(time(NULL) - EPOCH);
    fill_geometry(wanted->size, &footer);
    platter_vhd_footer_put(&footer, raw);
    return fixed ? platter_os_file_write(file, raw, sizeof(raw), wanted->size, err)
                 : create_dynamic(file, path, raw, wanted, err);
}

static const char *const extensions[] = {"vhd", NULL};

const struct platter_maker platter_vhd_maker = {
    .extensions = extensions,
    .subformats = subformats,
    .size_most = 2040ull << 30, /* what Windows takes; sectors of the file are counted in 32 bits */
    .sector_most = 512,
    .block_least = 512u << 10, /* what Windows makes, and */
    .block_most = 2u << 20,
    .block_usual = 2u << 20,
    .create = vhd_create,
};
