/* SPDX-License-Identifier: MIT */
/*
 * Writes a new image as any other is written: made empty, opened, and filled in place, which saves writing every format
 * twice. That its tables reach the medium in order matters to nobody before it has a name, so only the end flushes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../detail.h"
#include "../os/temp.h"
#include "../source/file.h"
#include "writer.h"

/* How much is written before the medium is given it: it works while the rest is read, not only in the last flush. */
#define FLUSH_STEP (32u << 20)

struct image_writer {
    struct platter_writer base;
    struct platter_temp temp;
    struct platter_block *disk;
    uint64_t written; /* bytes; atomic */
};

static enum platter_result image_write(struct platter_writer *base, const void *data, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct image_writer *writer = (struct image_writer *)base;
    enum platter_result result = platter_block_write(writer->disk, data, length, offset, err);
    uint64_t before = __atomic_fetch_add(&writer->written, length, __ATOMIC_RELAXED);

    if (before / FLUSH_STEP != (before + length) / FLUSH_STEP)
        platter_temp_start_flush(&writer->temp);
    return result;
}

static void image_discard(struct platter_writer *base)
{
    struct image_writer *writer = (struct image_writer *)base;

    platter_block_unref(writer->disk);
    platter_temp_discard(&writer->temp);
    free(writer);
}

static enum platter_result image_commit(struct platter_writer *base, bool replace, struct platter_error *err)
{
    struct image_writer *writer = (struct image_writer *)base;
    enum platter_result result = platter_block_flush(writer->disk, err);

    /* Closing it writes, too: that the image was closed properly. */
    platter_block_unref(writer->disk);
    writer->disk = NULL;
    if (result == PLATTER_OK)
        result = platter_temp_commit(&writer->temp, replace, err);
    image_discard(base);
    return result;
}

static const struct platter_writer_ops image_ops = {
    .write = image_write,
    .commit = image_commit,
    .discard = image_discard,
};

/* The image in the temporary file, as it is found. */
static enum platter_result open_disk(struct image_writer *writer, const char *path, const struct platter_format *format,
                                     struct platter_block *backing, struct platter_error *err)
{
    const struct platter_open_options options = {.flags = PLATTER_OPEN_WRITABLE};
    const struct platter_open_request request = {.path = path, .options = &options, .backing = backing};
    struct platter_detail_list details = {0};
    struct platter_opened opened = {.variant = "", .details = &details};
    struct platter_block *file;
    enum platter_result result =
        platter_file_over(writer->temp.file, path, PLATTER_OPEN_WRITABLE | PLATTER_FILE_UNFLUSHED, &file, err);

    if (result)
        return result;
    result = format->open(file, &request, &opened, err);
    writer->disk = opened.block;
    platter_block_unref(file);
    platter_detail_free(&details);
    return result;
}

enum platter_result platter_writer_image(const char *path, const struct platter_format *format,
                                         const struct platter_new_image *wanted, struct platter_writer **writer,
                                         struct platter_error *err)
{
    struct image_writer *made = calloc(1, sizeof(*made));
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    made->base.ops = &image_ops;
    result = platter_temp_create(path, &made->temp, err);
    if (result == PLATTER_OK) {
        platter_os_file_set_sparse(made->temp.file);
        result = format->maker->create(made->temp.file, path, wanted, err);
    }
    if (result == PLATTER_OK)
        result = open_disk(made, path, format, wanted->backing, err);
    if (result) {
        /* The temporary name means nothing to anybody. */
        if (err)
            (void)snprintf(err->file, sizeof(err->file), "%s", path);
        image_discard(&made->base);
        return result;
    }
    *writer = &made->base;
    return PLATTER_OK;
}
