/* SPDX-License-Identifier: MIT */
/* Raw images, sparse where nothing is written; and the list of writers. */
#include <stdlib.h>

#include "../os/temp.h"
#include "writer.h"

struct raw_writer {
    struct platter_writer base;
    struct platter_temp temp;
};

static enum platter_result raw_create(const char *path, struct platter_block *source, struct platter_writer **writer,
                                      struct platter_error *err);

static enum platter_result raw_write(struct platter_writer *base, const void *data, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    struct raw_writer *writer = (struct raw_writer *)base;

    return platter_os_file_write(writer->temp.file, data, length, offset, err);
}

static enum platter_result raw_commit(struct platter_writer *base, bool replace, struct platter_error *err)
{
    struct raw_writer *writer = (struct raw_writer *)base;
    enum platter_result result = platter_temp_commit(&writer->temp, replace, err);

    free(writer);
    return result;
}

static void raw_discard(struct platter_writer *base)
{
    struct raw_writer *writer = (struct raw_writer *)base;

    platter_temp_discard(&writer->temp);
    free(writer);
}

static const struct platter_writer_ops raw_ops = {
    .format = "raw",
    .create = raw_create,
    .write = raw_write,
    .commit = raw_commit,
    .discard = raw_discard,
};

static enum platter_result raw_create(const char *path, struct platter_block *source, struct platter_writer **writer,
                                      struct platter_error *err)
{
    struct raw_writer *made = calloc(1, sizeof(*made));
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = platter_temp_create(path, &made->temp, err);
    if (result)
        goto fail_create;
    platter_os_file_set_sparse(made->temp.file);
    result = platter_os_file_resize(made->temp.file, platter_block_size(source), err);
    if (result)
        goto fail_resize;
    made->base.ops = &raw_ops;
    *writer = &made->base;
    return PLATTER_OK;
fail_resize:
    platter_temp_discard(&made->temp);
fail_create:
    free(made);
    return result;
}

const struct platter_writer_ops *const platter_writers[] = {
    &raw_ops,
    NULL,
};
