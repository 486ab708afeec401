/* SPDX-License-Identifier: MIT */
/* VHDX: bringing what the log holds to where it belongs, in the file or, for who may not write, in what he reads. */
#include <stdlib.h>
#include <string.h>

#include "../os/system.h"
#include "../source/file.h"
#include "vhdx.h"

#define ZEROS (256u << 10) /* bytes written at once */

static uint64_t patch_length(const struct vhdx_patch *patch)
{
    return patch->zeros ? patch->zeros : VHDX_SECTOR;
}

/* The sector that a patch has: the log's, with its first and last bytes, which were given away to its marks. */
static enum platter_result patch_sector(struct platter_block *file, const struct vhdx_patch *patch, uint8_t *sector,
                                        struct platter_error *err)
{
    enum platter_result result = platter_block_read(file, sector, VHDX_SECTOR, patch->source, err);

    memcpy(sector, patch->leading, sizeof(patch->leading));
    memcpy(sector + VHDX_SECTOR - sizeof(patch->trailing), patch->trailing, sizeof(patch->trailing));
    return result;
}

/* Only what is not a hole already: the run may be as long as its writer liked. */
static enum platter_result write_zeros(struct platter_block *file, uint64_t offset, uint64_t length,
                                       struct platter_error *err)
{
    uint8_t *zeros = calloc(1, ZEROS);
    enum platter_result result = PLATTER_OK;

    if (!zeros)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    while (length && result == PLATTER_OK) {
        struct platter_extent extent;
        uint64_t end;

        result = platter_block_map(file, offset, length, &extent, err);
        end = offset + extent.length;
        length -= result ? 0 : extent.length;
        while (result == PLATTER_OK && offset < end && (extent.flags & PLATTER_EXTENT_DATA)) {
            size_t piece = end - offset < ZEROS ? (size_t)(end - offset) : ZEROS;

            result = platter_block_write(file, zeros, piece, offset, err);
            offset += piece;
        }
        offset = end;
    }
    free(zeros);
    return result;
}

enum platter_result platter_vhdx_replay(struct platter_block *file, struct vhdx_header *header,
                                        const struct vhdx_log *log, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    uint8_t sector[VHDX_SECTOR];

    if (log->last_size > platter_block_size(file))
        result = platter_file_resize(file, log->last_size, err);
    for (size_t i = 0; i < log->count && result == PLATTER_OK; i++) {
        const struct vhdx_patch *patch = &log->patches[i];

        if (patch->zeros) {
            result = write_zeros(file, patch->target, patch->zeros, err);
        } else {
            result = patch_sector(file, patch, sector, err);
            if (result == PLATTER_OK)
                result = platter_block_write(file, sector, sizeof(sector), patch->target, err);
        }
    }
    if (result == PLATTER_OK)
        result = platter_block_flush(file, err);
    if (result == PLATTER_OK)
        result = platter_os_random(header->file_write, sizeof(vhdx_guid), err);
    if (result)
        return result;
    memset(header->log, 0, sizeof(vhdx_guid));
    return platter_vhdx_header_write(file, header, err);
}

struct replayed {
    struct platter_block base;
    struct platter_block *file;
    struct vhdx_log log;
    uint64_t first, end; /* no patch lies outside of these */
};

static enum platter_result apply(struct replayed *replayed, const struct vhdx_patch *patch, uint8_t *buffer,
                                 uint64_t length, uint64_t offset, struct platter_error *err)
{
    uint64_t from = patch->target > offset ? patch->target : offset, to = patch->target + patch_length(patch);
    uint8_t sector[VHDX_SECTOR];
    enum platter_result result = PLATTER_OK;

    if (to > offset + length)
        to = offset + length;
    if (from >= to)
        return PLATTER_OK;
    if (patch->zeros) {
        memset(buffer + (from - offset), 0, (size_t)(to - from));
    } else {
        result = patch_sector(replayed->file, patch, sector, err);
        memcpy(buffer + (from - offset), sector + (from - patch->target), (size_t)(to - from));
    }
    return result;
}

static enum platter_result replayed_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                         struct platter_error *err)
{
    struct replayed *replayed = (struct replayed *)base;
    uint64_t size = platter_block_size(replayed->file);
    size_t there = offset >= size ? 0 : length < size - offset ? length : (size_t)(size - offset);
    enum platter_result result = PLATTER_OK;

    memset((uint8_t *)buffer + there, 0, length - there);
    if (there)
        result = platter_block_read(replayed->file, buffer, there, offset, err);
    if (offset >= replayed->end || offset + length <= replayed->first)
        return result;
    for (size_t i = 0; i < replayed->log.count && result == PLATTER_OK; i++)
        result = apply(replayed, &replayed->log.patches[i], buffer, length, offset, err);
    return result;
}

static enum platter_result replayed_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                        struct platter_extent *extent, struct platter_error *err)
{
    struct replayed *replayed = (struct replayed *)base;
    uint64_t size = platter_block_size(replayed->file);

    /* Among the patches all is said to be data, which is never wrong. */
    if (offset < replayed->end && offset + length > replayed->first)
        return PLATTER_OK;
    if (offset >= size) {
        extent->flags = 0;
        return PLATTER_OK;
    }
    return platter_block_map(replayed->file, offset, length < size - offset ? length : size - offset, extent, err);
}

static void replayed_close(struct platter_block *base)
{
    struct replayed *replayed = (struct replayed *)base;

    platter_vhdx_log_free(&replayed->log);
    platter_block_unref(replayed->file);
    free(replayed);
}

static const struct platter_block_ops replayed_ops = {
    .layer = "VHDX log",
    .close = replayed_close,
    .read = replayed_read,
    .map = replayed_map,
};

enum platter_result platter_vhdx_replayed(struct platter_block *file, struct vhdx_log *log,
                                          struct platter_block **block, struct platter_error *err)
{
    uint64_t size = platter_block_size(file);
    struct replayed *made = calloc(1, sizeof(*made));
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_block_init(&made->base, &replayed_ops, file->name, log->last_size > size ? log->last_size : size,
                                0, 0, PLATTER_CAP_MAP, err);
    if (result) {
        free(made);
        return result;
    }
    made->file = platter_block_ref(file);
    made->log = *log;
    memset(log, 0, sizeof(*log));
    made->first = UINT64_MAX;
    for (size_t i = 0; i < made->log.count; i++) {
        const struct vhdx_patch *patch = &made->log.patches[i];

        if (patch->target < made->first)
            made->first = patch->target;
        if (patch->target + patch_length(patch) > made->end)
            made->end = patch->target + patch_length(patch);
    }
    *block = &made->base;
    return PLATTER_OK;
}
