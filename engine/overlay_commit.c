/* SPDX-License-Identifier: MIT */
/*
 * The end of an overlay: written into its image, or thrown away. Committing changes nothing in the overlay until all of
 * it is on the image's medium; then its file is removed. Stopped anywhere before that, it can be done again.
 */
#include <string.h>

#include "copy/walk.h"
#include "detail.h"
#include "format/qcow2.h"
#include "image.h"
#include "overlay.h"

extern const struct platter_format platter_format_qcow2;

struct commit {
    struct qcow2 *overlay;
    struct platter_block *base;
    uint8_t *data; /* PLATTER_PIECE bytes */
    uint64_t done, total;
    struct platter_pace pace;
};

/* The next run from *at on that the overlay holds: PLATTER_PIECE of it at most; length 0 at the end. */
static enum platter_result next_run(struct commit *commit, uint64_t *at, struct qcow2_run *run,
                                    struct platter_error *err)
{
    uint64_t size = platter_block_size(&commit->overlay->base);

    while (*at < size) {
        enum platter_result result = platter_qcow2_lookup(commit->overlay, *at, size - *at, run, err);

        if (result)
            return result;
        if (run->kind != QCOW2_UNALLOCATED) {
            if (run->length > PLATTER_PIECE)
                run->length = PLATTER_PIECE;
            return PLATTER_OK;
        }
        *at += run->length;
    }
    run->length = 0;
    return PLATTER_OK;
}

/* Makes the range read as zero where it does not yet. */
static enum platter_result write_zeros(struct commit *commit, uint64_t offset, uint64_t length,
                                       struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    memset(commit->data, 0, (size_t)length);
    while (length && result == PLATTER_OK) {
        struct platter_extent there;

        result = platter_block_map(commit->base, offset, length, &there, err);
        if (result)
            return result;
        if (there.flags & PLATTER_EXTENT_DATA)
            result = platter_block_write(commit->base, commit->data, (size_t)there.length, offset, err);
        offset += there.length;
        length -= there.length;
    }
    return result;
}

static enum platter_result count(struct commit *commit, struct platter_error *err)
{
    enum platter_result result;
    struct qcow2_run run;

    for (uint64_t at = 0; (result = next_run(commit, &at, &run, err)) == PLATTER_OK && run.length; at += run.length)
        commit->total += run.length;
    return result;
}

static enum platter_result write_all(struct commit *commit, struct platter_error *err)
{
    enum platter_result result;
    struct qcow2_run run;

    for (uint64_t at = 0; (result = next_run(commit, &at, &run, err)) == PLATTER_OK && run.length; at += run.length) {
        result = platter_pace_tell(&commit->pace, commit->done, commit->total, commit->done == 0, err);
        if (result)
            return result;
        if (run.kind == QCOW2_ZEROES) {
            result = write_zeros(commit, at, run.length, err);
        } else {
            result = platter_block_read(&commit->overlay->base, commit->data, (size_t)run.length, at, err);
            if (result == PLATTER_OK)
                result = platter_block_write(commit->base, commit->data, (size_t)run.length, at, err);
        }
        if (result)
            return result;
        commit->done += run.length;
    }
    if (result == PLATTER_OK)
        result = platter_block_flush(commit->base, err);
    return result ? result : platter_pace_tell(&commit->pace, commit->done, commit->total, true, err);
}

static enum platter_result check_base(const char *path, const struct platter_overlay_file *file,
                                      const struct platter_image_info *base, struct platter_error *err)
{
    if (base->compressed || !base->writable)
        return platter_error_set(err, PLATTER_E_READ_ONLY, base->path, PLATTER_NO_OFFSET,
                                 "is a compressed image, a backup or the like, which are not written to; 'platter "
                                 "convert' makes one new image of it and the overlay");
    if (base->virtual_size != file->size)
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET,
                                 "was made on a disk of %llu bytes; \"%.200s\" has %llu now, so it has been changed",
                                 (unsigned long long)file->size, base->path, (unsigned long long)base->virtual_size);
    return PLATTER_OK;
}

/* The image below, open for writing; nobody else has it meanwhile. */
static enum platter_result open_base(const char *path, const struct platter_overlay_file *file,
                                     struct platter_image **base, struct platter_error *err)
{
    struct platter_open_options options = {.format = file->base_format};
    /* For reading first: opening for writing may already change a file that is not to be changed. */
    enum platter_result result = platter_image_open(file->base_path, &options, base, err);

    if (result)
        return result;
    result = check_base(path, file, platter_image_info(*base), err);
    platter_image_close(*base);
    if (result)
        return result;
    options.flags = PLATTER_OPEN_WRITABLE;
    return platter_image_open(file->base_path, &options, base, err);
}

enum platter_result platter_overlay_commit(const char *path, const struct platter_progress *progress, uint64_t *bytes,
                                           struct platter_error *err)
{
    static const struct platter_open_options reading;
    struct commit commit = {.pace = {.progress = progress}};
    struct platter_overlay_file file;
    struct platter_detail_list unused = {0};
    struct platter_opened opened = {.details = &unused};
    struct platter_open_request request = {.path = path, .options = &reading};
    struct platter_image *base;
    enum platter_result result = platter_overlay_file_open(path, &file, err);

    if (result)
        return result;
    result = open_base(path, &file, &base, err);
    if (result)
        goto close_file;
    request.backing = commit.base = platter_image_block(base);
    result = platter_format_qcow2.open(file.block, &request, &opened, err);
    if (result)
        goto close_base;
    commit.overlay = (struct qcow2 *)opened.block;
    commit.data = platter_piece_alloc();
    if (!commit.data)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    if (result == PLATTER_OK)
        result = count(&commit, err);
    if (result == PLATTER_OK)
        result = write_all(&commit, err);
    if (result == PLATTER_OK)
        result = platter_os_file_remove(file.os, err);
    *bytes = commit.done;
    platter_piece_free(commit.data);
    platter_block_unref(opened.block);
close_base:
    platter_detail_free(&unused);
    platter_image_close(base);
close_file:
    platter_overlay_file_close(&file);
    return result;
}

enum platter_result platter_overlay_discard(const char *path, struct platter_error *err)
{
    struct platter_overlay_file file;
    enum platter_result result = platter_overlay_file_open(path, &file, err);

    if (result)
        return result;
    result = platter_os_file_remove(file.os, err);
    platter_overlay_file_close(&file);
    return result;
}
