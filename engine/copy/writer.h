/* SPDX-License-Identifier: MIT */
/* What platter_convert writes with: one of these for each format it can make. */
#ifndef PLATTER_ENGINE_COPY_WRITER_H
#define PLATTER_ENGINE_COPY_WRITER_H

#include <platter/engine.h>

struct platter_writer {
    const struct platter_writer_ops *ops;
};

struct platter_writer_ops {
    const char *format;
    /* Starts an image of `source`'s size and sectors under a temporary name beside `path`. */
    enum platter_result (*create)(const char *path, struct platter_block *source, struct platter_writer **writer,
                                  struct platter_error *err);
    /*
     * Called from many threads at once, in no order, for ranges that do not overlap and are not all zero; what is
     * never written reads as zero.
     */
    enum platter_result (*write)(struct platter_writer *writer, const void *data, size_t length, uint64_t offset,
                                 struct platter_error *err);
    /* Completes, flushes and renames. The writer is gone afterwards, and on failure so is its file. */
    enum platter_result (*commit)(struct platter_writer *writer, bool replace, struct platter_error *err);
    /* Leaves nothing. */
    void (*discard)(struct platter_writer *writer);
};

/* NULL-terminated; the first is the default. */
extern const struct platter_writer_ops *const platter_writers[];

#endif
