/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <stdlib.h>
#include <string.h>

#include "../os/file.h"
#include "../os/system.h"
#include "../os/thread.h"

/* What unaligned transfers go through, a multiple of every alignment. */
#define BOUNCE_SIZE (256u * 1024u)

struct file_block {
    struct platter_block base;
    struct platter_os_file *file;
    uint32_t alignment;
    bool borrowed;  /* somebody else closes the file */
    bool unflushed; /* and flushes it, once */
    bool lossy;     /* atomic; a flush has failed: see file_flush */
    /*
     * Held alone from the read to the write of a block of which only a part is changed, and together by those who write whole
     * blocks: one of these in between would be undone, where nobody else wrote, by what was read before it.
     */
    struct platter_rwlock edges;
};

static enum platter_result ended(struct file_block *block, uint64_t offset, size_t got, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_IO, block->base.name, offset + got,
                             "the file ends here though it was longer when it was opened");
}

/* Reads the aligned span at `offset`; fewer bytes at the end of the file are zero-filled. */
static enum platter_result read_span(struct file_block *block, uint8_t *span, size_t length, uint64_t offset,
                                     size_t least, struct platter_error *err)
{
    size_t done = 0;
    enum platter_result result = platter_os_file_read(block->file, span, length, offset, &done, err);

    if (result)
        return result;
    if (done < least)
        return ended(block, offset, done, err);
    memset(span + done, 0, length - done);
    return PLATTER_OK;
}

static enum platter_result no_memory(struct file_block *block, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, block->base.name, PLATTER_NO_OFFSET, "out of memory");
}

static bool aligned(const struct file_block *block, const void *buffer, size_t length, uint64_t offset)
{
    return (((uintptr_t)buffer | length | offset) & (block->alignment - 1)) == 0;
}

/* The aligned span that holds the next piece of a transfer. */
struct span {
    uint64_t offset; /* where it starts in the file */
    size_t skip;     /* bytes of it before the piece */
    size_t piece;    /* bytes of the piece */
    size_t length;   /* bytes of the span */
};

static struct span next_span(const struct file_block *block, uint64_t offset, size_t left)
{
    struct span span;
    size_t mask = block->alignment - 1;

    span.skip = (size_t)(offset & mask);
    span.offset = offset - span.skip;
    span.piece = left < BOUNCE_SIZE - span.skip ? left : BOUNCE_SIZE - span.skip;
    span.length = (span.skip + span.piece + mask) & ~mask;
    return span;
}

static enum platter_result file_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    struct file_block *block = (struct file_block *)base;
    enum platter_result result = PLATTER_OK;
    uint8_t *bounce;
    size_t done = 0;

    if (aligned(block, buffer, length, offset)) {
        result = platter_os_file_read(block->file, buffer, length, offset, &done, err);
        if (result == PLATTER_OK && done < length)
            result = ended(block, offset, done, err);
        return result;
    }
    bounce = platter_os_aligned_alloc(block->alignment, BOUNCE_SIZE);
    if (!bounce)
        return no_memory(block, err);
    while (done < length && result == PLATTER_OK) {
        struct span span = next_span(block, offset + done, length - done);

        result = read_span(block, bounce, span.length, span.offset, span.skip + span.piece, err);
        memcpy((uint8_t *)buffer + done, bounce + span.skip, result ? 0 : span.piece);
        done += span.piece;
    }
    platter_os_aligned_free(bounce);
    return result;
}

static enum platter_result write_whole(struct file_block *block, const void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    enum platter_result result;

    if (block->alignment == 1)
        return platter_os_file_write(block->file, buffer, length, offset, err);
    platter_rwlock_read(&block->edges);
    result = platter_os_file_write(block->file, buffer, length, offset, err);
    platter_rwlock_read_unlock(&block->edges);
    return result;
}

/* Writes one span, of which the ends may be somebody else's bytes. */
static enum platter_result write_span(struct file_block *block, uint8_t *bounce, const struct span *span,
                                      const uint8_t *data, struct platter_error *err)
{
    enum platter_result result;
    bool edges = span->skip || span->piece != span->length;
    uint64_t size;

    if (!edges) {
        memcpy(bounce, data, span->piece);
        return write_whole(block, bounce, span->length, span->offset, err);
    }
    platter_rwlock_write(&block->edges);
    size = platter_block_size(&block->base); /* under the lock: see platter_file_resize */
    result = read_span(block, bounce, span->length, span->offset, 0, err);
    if (result == PLATTER_OK) {
        memcpy(bounce + span->skip, data, span->piece);
        result = platter_os_file_write(block->file, bounce, span->length, span->offset, err);
    }
    /* A file whose end is not aligned has just become longer by the rest of its last sector. */
    if (result == PLATTER_OK && !platter_os_file_is_device(block->file) && span->offset + span->length > size)
        result = platter_os_file_resize(block->file, size, err);
    platter_rwlock_write_unlock(&block->edges);
    return result;
}

static enum platter_result file_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    struct file_block *block = (struct file_block *)base;
    enum platter_result result = PLATTER_OK;
    uint8_t *bounce;
    size_t done = 0;

    if (aligned(block, buffer, length, offset))
        return write_whole(block, buffer, length, offset, err);
    bounce = platter_os_aligned_alloc(block->alignment, BOUNCE_SIZE);
    if (!bounce)
        return no_memory(block, err);
    while (done < length && result == PLATTER_OK) {
        struct span span = next_span(block, offset + done, length - done);

        result = write_span(block, bounce, &span, (const uint8_t *)buffer + done, err);
        done += span.piece;
    }
    platter_os_aligned_free(bounce);
    return result;
}

static enum platter_result file_flush(struct platter_block *base, struct platter_error *err)
{
    struct file_block *block = (struct file_block *)base;
    enum platter_result result;

    if (block->unflushed)
        return PLATTER_OK;
    /*
     * Systems tell once that they could not write, forget what it was, and say that the next flush went well. A format
     * that believed it would let its tables point at data that is not there.
     */
    if (__atomic_load_n(&block->lossy, __ATOMIC_RELAXED))
        return platter_error_set(err, PLATTER_E_IO, base->name, PLATTER_NO_OFFSET,
                                 "an earlier flush failed, so what was written may be lost; nothing more can be "
                                 "flushed until it is opened again");
    result = platter_os_file_flush(block->file, err);
    if (result)
        __atomic_store_n(&block->lossy, true, __ATOMIC_RELAXED);
    return result;
}

static enum platter_result file_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                        struct platter_error *err)
{
    return platter_os_file_punch(((struct file_block *)base)->file, offset, length, err);
}

static enum platter_result file_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                    struct platter_extent *extent, struct platter_error *err)
{
    struct platter_os_file *file = ((struct file_block *)base)->file;
    enum platter_result result = platter_os_file_map(file, offset, length, extent, err);
    uint64_t size;

    if (result || (extent->flags & PLATTER_EXTENT_DATA))
        return result;
    /* What lies behind the end of a file that has become shorter is no hole: it is to be read, and found missing. */
    result = platter_os_file_size(file, &size, err);
    if (result == PLATTER_OK && extent->offset >= size)
        extent->flags = PLATTER_EXTENT_DATA;
    else if (result == PLATTER_OK && extent->length > size - extent->offset)
        extent->length = size - extent->offset;
    return result;
}

static bool file_locate(struct platter_block *base, uint64_t offset, uint64_t length, struct platter_location *location)
{
    struct file_block *block = (struct file_block *)base;

    /* What is kept out of the system's cache would be brought into it, and find it stale. */
    if (block->alignment != 1)
        return false;
    location->file = block->file;
    location->offset = offset;
    location->length = length;
    return true;
}

static void file_close(struct platter_block *base)
{
    struct file_block *block = (struct file_block *)base;

    if (!block->borrowed)
        platter_os_file_close(block->file);
    platter_rwlock_destroy(&block->edges);
    free(block);
}

static const struct platter_block_ops file_ops = {
    .layer = "file",
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .discard = file_discard,
    .map = file_map,
    .locate = file_locate,
};

static enum platter_result make_block(struct platter_os_file *file, const char *path, uint32_t flags, bool borrowed,
                                      struct platter_block **block, struct platter_error *err)
{
    struct file_block *made = calloc(1, sizeof(*made));
    uint32_t caps = PLATTER_CAP_MAP;
    enum platter_result result;
    uint64_t size;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    made->file = file;
    made->borrowed = borrowed;
    made->unflushed = flags & PLATTER_FILE_UNFLUSHED;
    made->alignment = platter_os_file_alignment(file);
    result = platter_os_file_size(file, &size, err);
    if (result)
        goto fail;
    if (flags & PLATTER_OPEN_WRITABLE)
        caps |= PLATTER_CAP_WRITE;
    if ((flags & PLATTER_OPEN_WRITABLE) && !platter_os_file_is_device(file))
        caps |= PLATTER_CAP_DISCARD;
    if (platter_os_file_is_device(file))
        caps &= ~(uint32_t)PLATTER_CAP_MAP;
    result = platter_block_init(&made->base, &file_ops, path, size, 0, 0, caps, err);
    if (result)
        goto fail;
    platter_rwlock_init(&made->edges);
    *block = &made->base;
    return PLATTER_OK;
fail:
    free(made);
    return result;
}

enum platter_result platter_file_open(const char *path, uint32_t flags, struct platter_block **block,
                                      struct platter_error *err)
{
    struct platter_os_file *file;
    uint32_t os_flags = 0;
    enum platter_result result;

    if (flags & PLATTER_OPEN_WRITABLE)
        os_flags |= PLATTER_OS_FILE_WRITE;
    if (flags & PLATTER_OPEN_UNBUFFERED)
        os_flags |= PLATTER_OS_FILE_UNBUFFERED;
    if (flags & PLATTER_OPEN_SHARE_WRITERS)
        os_flags |= PLATTER_OS_FILE_SHARE_WRITERS;
    result = platter_os_file_open(path, os_flags, &file, err);
    if (result)
        return result;
    result = make_block(file, path, flags, false, block, err);
    if (result)
        platter_os_file_close(file);
    return result;
}

enum platter_result platter_file_over(struct platter_os_file *file, const char *path, uint32_t flags,
                                      struct platter_block **block, struct platter_error *err)
{
    return make_block(file, path, flags, true, block, err);
}

enum platter_result platter_file_take(struct platter_os_file *file, const char *path, uint32_t flags,
                                      struct platter_block **block, struct platter_error *err)
{
    return make_block(file, path, flags, false, block, err);
}

uint64_t platter_file_allocated(struct platter_block *block)
{
    if (block->ops != &file_ops)
        return platter_block_size(block);
    return platter_os_file_allocated(((struct file_block *)block)->file);
}

enum platter_result platter_file_resize(struct platter_block *block, uint64_t size, struct platter_error *err)
{
    enum platter_result result;

    if (block->ops != &file_ops || !(block->caps & PLATTER_CAP_WRITE))
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, block->name, PLATTER_NO_OFFSET, "cannot change its size");
    if (size > INT64_MAX)
        return platter_error_set(err, PLATTER_E_RANGE, block->name, PLATTER_NO_OFFSET, "cannot become that large");
    /* Whoever writes over the file's end puts the end back where it was: not to where it was before this. */
    platter_rwlock_write(&((struct file_block *)block)->edges);
    result = platter_os_file_resize(((struct file_block *)block)->file, size, err);
    if (result == PLATTER_OK)
        __atomic_store_n(&block->size, size, __ATOMIC_RELEASE);
    platter_rwlock_write_unlock(&((struct file_block *)block)->edges);
    return result;
}
