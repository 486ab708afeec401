/* SPDX-License-Identifier: MIT */
/* VHDX: a new, empty image, dynamic or fixed. */
#include <stdlib.h>
#include <string.h>

#include "../os/file.h"
#include "../os/system.h"
#include "../source/file.h"
#include "vhdx.h"

/* File identifier, headers and region tables have the first MiB. */
#define LOG_AT VHDX_MIB
#define LOG_BYTES VHDX_MIB
#define METADATA_AT (LOG_AT + LOG_BYTES)
#define METADATA_BYTES VHDX_MIB
#define BAT_AT (METADATA_AT + METADATA_BYTES)
#define SMALL_DISK (1ull << 40)
#define FILL_ENTRIES (1u << 13)

static const char *const subformats[] = {"dynamic", "fixed", NULL};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static enum platter_result write_identifier(struct platter_block *file, struct platter_error *err)
{
    static const char creator[] = "Platter";
    uint8_t raw[8 + 512] = VHDX_SIGNATURE;

    for (size_t i = 0; i < sizeof(creator); i++)
        platter_put_le16(raw + 8 + 2 * i, (uint16_t)creator[i]);
    return platter_block_write(file, raw, sizeof(raw), 0, err);
}

/* A fixed disk's blocks one behind the other from `data` on; the entries of sector bitmaps between them stay zero. */
static enum platter_result write_bat(struct platter_block *file, const struct vhdx_metadata *meta, uint64_t data,
                                     uint64_t blocks, uint64_t ratio, struct platter_error *err)
{
    uint64_t entries = blocks + (blocks - 1) / ratio, block = 0;
    uint8_t *raw = malloc((size_t)FILL_ENTRIES * 8);
    enum platter_result result = PLATTER_OK;

    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    for (uint64_t at = 0; at < entries && result == PLATTER_OK; at += FILL_ENTRIES) {
        uint64_t count = entries - at < FILL_ENTRIES ? entries - at : FILL_ENTRIES;

        for (uint64_t i = 0; i < count; i++) {
            bool bitmap = (at + i) % (ratio + 1) == ratio;

            platter_put_le64(raw + i * 8, bitmap ? 0 : (data + block * meta->block_size) | VHDX_FULLY_PRESENT);
            block += !bitmap;
        }
        result = platter_block_write(file, raw, (size_t)count * 8, BAT_AT + at * 8, err);
    }
    free(raw);
    return result;
}

static enum platter_result fill(struct platter_block *file, const struct vhdx_metadata *meta, bool fixed,
                                struct platter_error *err)
{
    struct vhdx_header header = {.current = 1, .log_offset = LOG_AT, .log_length = LOG_BYTES};
    uint64_t blocks = (meta->disk_size + meta->block_size - 1) / meta->block_size;
    uint64_t ratio = (uint64_t)VHDX_CHUNK_SECTORS * meta->logical_sector / meta->block_size;
    uint64_t bat = round_up((blocks + (blocks - 1) / ratio) * 8, VHDX_MIB), data = BAT_AT + bat;
    struct vhdx_regions regions = {.bat = {.offset = BAT_AT, .length = (uint32_t)bat},
                                   .metadata = {.offset = METADATA_AT, .length = METADATA_BYTES}};
    enum platter_result result = platter_os_random(header.file_write, sizeof(vhdx_guid), err);

    if (result || (result = platter_os_random(header.data_write, sizeof(vhdx_guid), err)) ||
        (result = platter_file_resize(file, fixed ? data + blocks * meta->block_size : data, err)) ||
        (result = write_identifier(file, err)) || (result = platter_vhdx_header_write(file, &header, err)) ||
        (result = platter_vhdx_regions_write(file, &regions, err)) ||
        (result = platter_vhdx_metadata_write(file, &regions.metadata, meta, err)))
        return result;
    return fixed ? write_bat(file, meta, data, blocks, ratio, err) : PLATTER_OK;
}

static enum platter_result vhdx_create(struct platter_os_file *file, const char *path,
                                       const struct platter_new_image *wanted, struct platter_error *err)
{
    bool fixed = wanted->subformat == subformats[1];
    struct vhdx_metadata meta = {
        .disk_size = wanted->size,
        .block_size = wanted->block_size,
        .logical_sector = wanted->sector_size == 4096 ? 4096 : 512,
        .physical_sector = wanted->physical_sector_size == 512 ? 512 : 4096,
        .leave_allocated = fixed,
    };
    enum platter_result result = platter_os_random(meta.page83, sizeof(vhdx_guid), err);
    struct platter_block *block;

    if (meta.logical_sector == 4096)
        meta.physical_sector = 4096;
    /* What Hyper-V takes; less where the disk is small, so that a file with little in it is small, too. */
    if (meta.block_size == 0)
        meta.block_size = (wanted->size > SMALL_DISK ? 32 : 8) * VHDX_MIB;
    if (result == PLATTER_OK)
        result = platter_file_over(file, path, PLATTER_OPEN_WRITABLE | PLATTER_FILE_UNFLUSHED, &block, err);
    if (result)
        return result;
    result = fill(block, &meta, fixed, err);
    platter_block_unref(block);
    return result;
}

static const char *const extensions[] = {"vhdx", NULL};

const struct platter_maker platter_vhdx_maker = {
    .extensions = extensions,
    .subformats = subformats,
    .size_most = VHDX_MAX_DISK,
    .sector_most = 4096,
    .block_least = VHDX_MIB,
    .block_most = 256 * VHDX_MIB,
    .create = vhdx_create,
};
