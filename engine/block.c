/* SPDX-License-Identifier: MIT */
/* Blocks: the checks that every layer needs, made once, and the counting of references. */
#include "block.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static bool valid_sector_size(uint32_t size)
{
    return size == 512 || size == 1024 || size == 2048 || size == 4096;
}

enum platter_result platter_block_init(struct platter_block *block, const struct platter_block_ops *ops,
                                       const char *name, uint64_t size, uint32_t sector_size,
                                       uint32_t physical_sector_size, uint32_t caps, struct platter_error *err)
{
    size_t length = strlen(name) + 1;

    if (sector_size == 0)
        sector_size = 512;
    if (physical_sector_size < sector_size)
        physical_sector_size = sector_size;
    if (!valid_sector_size(sector_size))
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, name, PLATTER_NO_OFFSET,
                                 "sectors of %u bytes are not supported; 512, 1024, 2048 and 4096 are", sector_size);
    /* Offsets of files are signed on every system, so a larger device could not be addressed. */
    if (size > INT64_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, name, PLATTER_NO_OFFSET,
                                 "a size of %llu bytes is beyond what any system can address",
                                 (unsigned long long)size);
    block->name = malloc(length);
    if (!block->name)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    memcpy(block->name, name, length);
    block->ops = ops;
    block->size = size;
    block->sector_size = sector_size;
    block->physical_sector_size = physical_sector_size;
    block->caps = caps;
    block->references = 1;
    return PLATTER_OK;
}

uint64_t platter_block_size(const struct platter_block *block)
{
    /* A file that an image format grows changes its size under readers' eyes. */
    return __atomic_load_n(&block->size, __ATOMIC_ACQUIRE);
}

uint32_t platter_block_sector_size(const struct platter_block *block)
{
    return block->sector_size;
}

uint32_t platter_block_physical_sector_size(const struct platter_block *block)
{
    return block->physical_sector_size;
}

uint32_t platter_block_caps(const struct platter_block *block)
{
    return block->caps;
}

const char *platter_block_name(const struct platter_block *block)
{
    return block->name;
}

static enum platter_result check_range(const struct platter_block *block, const char *what, uint64_t offset,
                                       uint64_t length, struct platter_error *err)
{
    uint64_t size = platter_block_size(block);

    if (platter_inside(offset, length, size))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_RANGE, block->name, offset,
                             "%s of %llu bytes ends outside the %llu bytes there are", what, (unsigned long long)length,
                             (unsigned long long)size);
}

enum platter_result platter_block_read(struct platter_block *block, void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    enum platter_result result = check_range(block, "a read", offset, length, err);

    if (result || length == 0)
        return result;
    return block->ops->read(block, buffer, length, offset, err);
}

enum platter_result platter_block_write(struct platter_block *block, const void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    enum platter_result result;

    if (!(block->caps & PLATTER_CAP_WRITE) || !block->ops->write)
        return platter_error_set(err, PLATTER_E_READ_ONLY, block->name, PLATTER_NO_OFFSET, "is open for reading only");
    result = check_range(block, "a write", offset, length, err);
    if (result || length == 0)
        return result;
    return block->ops->write(block, buffer, length, offset, err);
}

enum platter_result platter_block_flush(struct platter_block *block, struct platter_error *err)
{
    if (!(block->caps & PLATTER_CAP_WRITE) || !block->ops->flush)
        return PLATTER_OK;
    return block->ops->flush(block, err);
}

enum platter_result platter_block_settle(struct platter_block *block, uint64_t offset, uint64_t length,
                                         struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    uint8_t piece[4096];

    while (length && result == PLATTER_OK) {
        size_t part = length < sizeof(piece) ? (size_t)length : sizeof(piece);

        result = platter_block_read(block, piece, part, offset, err);
        if (result == PLATTER_OK)
            result = platter_block_write(block, piece, part, offset, err);
        offset += part;
        length -= part;
    }
    return result;
}

enum platter_result platter_block_discard(struct platter_block *block, uint64_t offset, uint64_t length,
                                          struct platter_error *err)
{
    enum platter_result result;

    if (!(block->caps & PLATTER_CAP_DISCARD) || !block->ops->discard)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, block->name, PLATTER_NO_OFFSET,
                                 "discard is not supported here");
    result = check_range(block, "a discard", offset, length, err);
    if (result || length == 0)
        return result;
    return block->ops->discard(block, offset, length, err);
}

enum platter_result platter_block_map(struct platter_block *block, uint64_t offset, uint64_t length,
                                      struct platter_extent *extent, struct platter_error *err)
{
    enum platter_result result = check_range(block, "a map", offset, length, err);

    if (result)
        return result;
    if (length == 0)
        return platter_error_set(err, PLATTER_E_USAGE, block->name, offset, "a map of no bytes makes no sense");
    extent->offset = offset;
    extent->length = length;
    extent->flags = PLATTER_EXTENT_DATA;
    if (!(block->caps & PLATTER_CAP_MAP) || !block->ops->map)
        return PLATTER_OK;
    result = block->ops->map(block, offset, length, extent, err);
    if (result == PLATTER_OK && (extent->offset != offset || extent->length == 0 || extent->length > length))
        return platter_error_set(err, PLATTER_E_FAILED, block->name, offset,
                                 "the %s layer answered a map with a run that was not asked for", block->ops->layer);
    return result;
}

bool platter_block_locate(struct platter_block *block, uint64_t offset, uint64_t length,
                          struct platter_location *location)
{
    if (!block->ops->locate || length == 0 || !platter_inside(offset, length, platter_block_size(block)))
        return false;
    return block->ops->locate(block, offset, length, location);
}

struct platter_block *platter_block_ref(struct platter_block *block)
{
    __atomic_add_fetch(&block->references, 1, __ATOMIC_RELAXED);
    return block;
}

void platter_block_unref(struct platter_block *block)
{
    char *name;

    if (!block || __atomic_sub_fetch(&block->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    /* close frees the layer's structure, and may still want the name for a message. */
    name = block->name;
    block->ops->close(block);
    free(name);
}
