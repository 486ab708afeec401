/* SPDX-License-Identifier: MIT */
/* A part of another block as a block of its own: partitions, and disks that lie in one piece in their file. */
#ifndef PLATTER_ENGINE_SLICE_H
#define PLATTER_ENGINE_SLICE_H

#include "block.h"

struct platter_slice {
    const char *layer;                          /* static text, for messages */
    const char *name;                           /* NULL: that of the block below */
    uint64_t offset;                            /* bytes, where it starts in the block below */
    uint64_t length;                            /* bytes of it that lie there */
    uint64_t padding;                           /* bytes that follow and read as zero; such a slice is read-only */
    uint32_t sector_size, physical_sector_size; /* 0: of the block below */
    bool read_only;
};

/* Keeps its own reference to `below`. */
enum platter_result platter_slice_create(struct platter_block *below, const struct platter_slice *slice,
                                         struct platter_block **block, struct platter_error *err);

#endif
