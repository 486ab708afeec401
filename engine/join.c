/* SPDX-License-Identifier: MIT */
#include "join.h"

#include <stdlib.h>

#include "bytes.h"

struct join {
    struct platter_block base;
    struct platter_block_ops ops; /* with the layer's name */
    size_t count;
    uint64_t *starts; /* of each part, and the end of the last */
    struct platter_block **parts;
};

/* The part that `offset` is in. */
static size_t find(const struct join *join, uint64_t offset)
{
    size_t low = 0, high = join->count - 1;

    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;

        if (join->starts[middle] <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* What of [offset, offset + length) is in the part. */
static uint64_t within(const struct join *join, size_t part, uint64_t offset, uint64_t length)
{
    uint64_t left = join->starts[part + 1] - offset;

    return length < left ? length : left;
}

static enum platter_result join_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    const struct join *join = (const struct join *)base;
    enum platter_result result = PLATTER_OK;
    uint8_t *out = buffer;

    for (size_t i = find(join, offset); length && result == PLATTER_OK; i++) {
        size_t piece = (size_t)within(join, i, offset, length);

        result = platter_block_read(join->parts[i], out, piece, offset - join->starts[i], err);
        out += piece;
        offset += piece;
        length -= piece;
    }
    return result;
}

static enum platter_result join_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    const struct join *join = (const struct join *)base;
    enum platter_result result = PLATTER_OK;
    const uint8_t *data = buffer;

    for (size_t i = find(join, offset); length && result == PLATTER_OK; i++) {
        size_t piece = (size_t)within(join, i, offset, length);

        result = platter_block_write(join->parts[i], data, piece, offset - join->starts[i], err);
        data += piece;
        offset += piece;
        length -= piece;
    }
    return result;
}

static enum platter_result join_flush(struct platter_block *base, struct platter_error *err)
{
    const struct join *join = (const struct join *)base;
    enum platter_result result = PLATTER_OK;

    /* One that fails does not keep the others from arriving. */
    for (size_t i = 0; i < join->count; i++) {
        enum platter_result one = platter_block_flush(join->parts[i], result ? NULL : err);

        if (result == PLATTER_OK)
            result = one;
    }
    return result;
}

static enum platter_result join_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                        struct platter_error *err)
{
    const struct join *join = (const struct join *)base;
    enum platter_result result = PLATTER_OK;

    for (size_t i = find(join, offset); length && result == PLATTER_OK; i++) {
        uint64_t piece = within(join, i, offset, length);

        result = platter_block_discard(join->parts[i], offset - join->starts[i], piece, err);
        offset += piece;
        length -= piece;
    }
    return result;
}

static enum platter_result join_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                    struct platter_extent *extent, struct platter_error *err)
{
    const struct join *join = (const struct join *)base;
    size_t i = find(join, offset);
    enum platter_result result =
        platter_block_map(join->parts[i], offset - join->starts[i], within(join, i, offset, length), extent, err);

    extent->offset = offset;
    return result;
}

static bool join_locate(struct platter_block *base, uint64_t offset, uint64_t length, struct platter_location *location)
{
    const struct join *join = (const struct join *)base;
    size_t i = find(join, offset);

    return platter_block_locate(join->parts[i], offset - join->starts[i], within(join, i, offset, length), location);
}

static void join_free(struct join *join)
{
    for (size_t i = 0; join->parts && i < join->count; i++)
        platter_block_unref(join->parts[i]);
    free(join->parts);
    free(join->starts);
    free(join);
}

static void join_close(struct platter_block *base)
{
    join_free((struct join *)base);
}

static const struct platter_block_ops join_ops = {
    .close = join_close,
    .read = join_read,
    .write = join_write,
    .flush = join_flush,
    .discard = join_discard,
    .map = join_map,
    .locate = join_locate,
};

enum platter_result platter_join_create(const char *layer, const char *name, struct platter_block *const *parts,
                                        size_t count, uint32_t sector_size, struct platter_block **block,
                                        struct platter_error *err)
{
    struct join *join = calloc(1, sizeof(*join));
    uint32_t caps = PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD;
    enum platter_result result;
    uint64_t end = 0;

    if (join) {
        join->starts = calloc(count + 1, sizeof(*join->starts));
        join->parts = calloc(count, sizeof(struct platter_block *));
    }
    if (!join || !join->starts || !join->parts) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
        goto fail;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t size = platter_block_size(parts[i]);

        if (size == 0 || !platter_inside(size, end, INT64_MAX)) {
            result = platter_error_set(err, PLATTER_E_FORMAT, parts[i]->name, PLATTER_NO_OFFSET,
                                       size ? "all parts together are too large" : "is empty");
            goto fail;
        }
        join->parts[join->count++] = platter_block_ref(parts[i]);
        end += size;
        join->starts[join->count] = end;
        caps &= parts[i]->caps;
    }
    join->ops = join_ops;
    join->ops.layer = layer;
    result = platter_block_init(&join->base, &join->ops, name, end, sector_size, 0, caps | PLATTER_CAP_MAP, err);
    if (result)
        goto fail;
    *block = &join->base;
    return PLATTER_OK;
fail:
    if (join)
        join_free(join);
    return result;
}
