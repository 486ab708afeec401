/* SPDX-License-Identifier: MIT */
/* What platter_convert writes with. */
#ifndef PLATTER_ENGINE_COPY_WRITER_H
#define PLATTER_ENGINE_COPY_WRITER_H

#include "../format/format.h"

struct platter_writer {
    const struct platter_writer_ops *ops;
};

struct platter_writer_ops {
    /*
     * Called from many threads at once, in no order, for ranges that do not overlap and are not all zero; what is
     * never written reads as zero. A range lies within one multiple of PLATTER_PIECE.
     */
    enum platter_result (*write)(struct platter_writer *writer, const void *data, size_t length, uint64_t offset,
                                 struct platter_error *err);
    /* Completes, flushes and renames. The writer is gone afterwards, and on failure so is its file. */
    enum platter_result (*commit)(struct platter_writer *writer, bool replace, struct platter_error *err);
    /* Leaves nothing. */
    void (*discard)(struct platter_writer *writer);
};

/* writer_image.c: starts an image that is written in place, under a temporary name beside `path`. */
enum platter_result platter_writer_image(const char *path, const struct platter_format *format,
                                         const struct platter_new_image *wanted, struct platter_writer **writer,
                                         struct platter_error *err);

#endif
