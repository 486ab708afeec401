/* SPDX-License-Identifier: MIT */
#include "slice.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

struct slice_block {
    struct platter_block base;
    struct platter_block_ops ops; /* a copy, because the layer's name is the creator's */
    struct platter_block *below;
    uint64_t offset, length;
};

static enum platter_result slice_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    struct slice_block *block = (struct slice_block *)base;
    size_t stored = length;

    if (offset >= block->length)
        stored = 0;
    else if (length > block->length - offset)
        stored = (size_t)(block->length - offset);
    memset((uint8_t *)buffer + stored, 0, length - stored);
    return platter_block_read(block->below, buffer, stored, block->offset + (stored ? offset : 0), err);
}

static enum platter_result slice_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct slice_block *block = (struct slice_block *)base;

    return platter_block_write(block->below, buffer, length, block->offset + offset, err);
}

static enum platter_result slice_flush(struct platter_block *base, struct platter_error *err)
{
    return platter_block_flush(((struct slice_block *)base)->below, err);
}

static enum platter_result slice_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                         struct platter_error *err)
{
    struct slice_block *block = (struct slice_block *)base;

    return platter_block_discard(block->below, block->offset + offset, length, err);
}

static enum platter_result slice_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                     struct platter_extent *extent, struct platter_error *err)
{
    struct slice_block *block = (struct slice_block *)base;
    enum platter_result result;

    if (offset >= block->length) { /* the padding */
        extent->flags = 0;
        return PLATTER_OK;
    }
    if (length > block->length - offset)
        length = block->length - offset;
    result = platter_block_map(block->below, block->offset + offset, length, extent, err);
    extent->offset = offset;
    return result;
}

static bool slice_locate(struct platter_block *base, uint64_t offset, uint64_t length,
                         struct platter_location *location)
{
    struct slice_block *block = (struct slice_block *)base;

    if (offset >= block->length)
        return false;
    if (length > block->length - offset)
        length = block->length - offset;
    return platter_block_locate(block->below, block->offset + offset, length, location);
}

static void slice_close(struct platter_block *base)
{
    struct slice_block *block = (struct slice_block *)base;

    platter_block_unref(block->below);
    free(block);
}

static const struct platter_block_ops slice_ops = {
    .close = slice_close,
    .read = slice_read,
    .write = slice_write,
    .flush = slice_flush,
    .discard = slice_discard,
    .map = slice_map,
    .locate = slice_locate,
};

enum platter_result platter_slice_create(struct platter_block *below, const struct platter_slice *slice,
                                         struct platter_block **block, struct platter_error *err)
{
    struct slice_block *made;
    uint32_t caps = below->caps;
    enum platter_result result;

    if (!platter_inside(slice->offset, slice->length, platter_block_size(below)) || slice->padding > INT64_MAX)
        return platter_error_set(err, PLATTER_E_RANGE, below->name, slice->offset,
                                 "the %s of %llu bytes here ends outside the %llu bytes there are", slice->layer,
                                 (unsigned long long)slice->length, (unsigned long long)platter_block_size(below));
    made = calloc(1, sizeof(*made));
    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, below->name, PLATTER_NO_OFFSET, "out of memory");
    if (slice->read_only || slice->padding)
        caps &= ~(uint32_t)(PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD);
    made->ops = slice_ops;
    made->ops.layer = slice->layer;
    made->offset = slice->offset;
    made->length = slice->length;
    result = platter_block_init(
        &made->base, &made->ops, slice->name ? slice->name : below->name, slice->length + slice->padding,
        slice->sector_size ? slice->sector_size : below->sector_size,
        slice->physical_sector_size ? slice->physical_sector_size : below->physical_sector_size, caps, err);
    if (result) {
        free(made);
        return result;
    }
    made->below = platter_block_ref(below);
    *block = &made->base;
    return PLATTER_OK;
}
