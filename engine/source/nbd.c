/* SPDX-License-Identifier: MIT */
#include "nbd.h"

#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../os/system.h"
#include "nbd_link.h"

/* Of one request: large enough for any network, small enough to be moved by a slow one before patience ends. */
#define PIECE_MOST (1u << 20)
/* Zeros from here on are told to the server instead of sent. */
#define ZEROES_LEAST 4096u
#define STATUS_MOST (1u << 30)
/* For how long an answer about holes is taken for true: a walk over the disk asks for run after run. */
#define MAP_MS 2000u

struct nbd_block {
    struct platter_block base;
    struct platter_nbd_link *link;
    const struct platter_nbd_export *export;
    uint32_t piece; /* bytes of a request, a multiple of the minimum */
    /* Held from the read to the write of a block of which only a part is changed. */
    struct platter_mutex edges;
    struct platter_mutex map_lock; /* guards what follows */
    struct platter_nbd_runs *runs; /* the last answer; NULL or count 0: none */
    uint64_t runs_until;           /* platter_os_monotonic_ms() */
    unsigned runs_change;          /* grows with each write: an answer on its way is not kept then */
};

static bool aligned(const struct nbd_block *block, uint64_t offset, size_t length)
{
    return ((offset | length) & (block->export->minimum - 1)) == 0;
}

static uint32_t piece_of(const struct nbd_block *block, size_t left)
{
    return left < block->piece ? (uint32_t)left : block->piece;
}

static enum platter_result call_of(struct nbd_block *block, enum nbd_command command, uint8_t *buffer, uint32_t length,
                                   uint64_t offset, struct platter_error *err)
{
    struct platter_nbd_call call = {.command = command, .buffer = buffer, .length = length, .offset = offset};

    return platter_nbd_link_call(block->link, &call, err);
}

static enum platter_result read_aligned(struct nbd_block *block, uint8_t *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        uint32_t piece = piece_of(block, length);

        result = call_of(block, NBD_CMD_READ, buffer, piece, offset, err);
        buffer += piece;
        offset += piece;
        length -= piece;
    }
    return result;
}

/* Reads the whole blocks that hold a range into memory of its own, to be freed. */
static enum platter_result read_around(struct nbd_block *block, size_t length, uint64_t offset, uint8_t **around,
                                       struct platter_error *err)
{
    uint32_t mask = block->export->minimum - 1;
    size_t skip = (size_t)(offset & mask), whole = (skip + length + mask) & ~(size_t)mask;
    enum platter_result result;

    *around = malloc(whole);
    if (!*around)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, block->base.name, PLATTER_NO_OFFSET, "out of memory");
    result = read_aligned(block, *around, whole, offset - skip, err);
    if (result) {
        free(*around);
        *around = NULL;
    }
    return result;
}

static enum platter_result nbd_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                    struct platter_error *err)
{
    struct nbd_block *block = (struct nbd_block *)base;
    enum platter_result result = PLATTER_OK;
    uint8_t *to = buffer, *around;

    if (aligned(block, offset, length))
        return read_aligned(block, buffer, length, offset, err);
    while (length && result == PLATTER_OK) {
        uint32_t piece = piece_of(block, length);

        result = read_around(block, piece, offset, &around, err);
        if (result)
            break;
        memcpy(to, around + (offset & (block->export->minimum - 1)), piece);
        free(around);
        to += piece;
        offset += piece;
        length -= piece;
    }
    return result;
}

/* Whole blocks. */
static enum platter_result write_aligned(struct nbd_block *block, const uint8_t *data, size_t length, uint64_t offset,
                                         struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    while (length && result == PLATTER_OK) {
        uint32_t piece = piece_of(block, length);
        bool zeroes = (block->export->flags & NBD_FLAG_SEND_WRITE_ZEROES) && piece >= ZEROES_LEAST &&
                      platter_all_zero(data, piece);

        if (zeroes)
            result = call_of(block, NBD_CMD_WRITE_ZEROES, NULL, piece, offset, err);
        /* A server that can do it in general may not be able to here. */
        if (!zeroes || result == PLATTER_E_UNSUPPORTED)
            result = call_of(block, NBD_CMD_WRITE, (uint8_t *)(uintptr_t)data, piece, offset, err);
        data += piece;
        offset += piece;
        length -= piece;
    }
    return result;
}

/* A part of one block. */
static enum platter_result write_part(struct nbd_block *block, const uint8_t *data, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    uint32_t minimum = block->export->minimum, skip = (uint32_t)(offset & (minimum - 1));
    enum platter_result result;
    uint8_t *around;

    platter_mutex_lock(&block->edges);
    result = read_around(block, length, offset, &around, err);
    if (result == PLATTER_OK) {
        memcpy(around + skip, data, length);
        result = write_aligned(block, around, minimum, offset - skip, err);
        free(around);
    }
    platter_mutex_unlock(&block->edges);
    return result;
}

static void forget_map(struct nbd_block *block)
{
    platter_mutex_lock(&block->map_lock);
    if (block->runs)
        block->runs->count = 0;
    block->runs_change++;
    platter_mutex_unlock(&block->map_lock);
}

static enum platter_result nbd_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    struct nbd_block *block = (struct nbd_block *)base;
    uint32_t minimum = block->export->minimum, skip = (uint32_t)(offset & (minimum - 1));
    const uint8_t *data = buffer;
    enum platter_result result = PLATTER_OK;
    size_t part, middle;

    if (skip) {
        part = length < minimum - skip ? length : minimum - skip;
        result = write_part(block, data, part, offset, err);
        data += part;
        offset += part;
        length -= part;
    }
    middle = length & ~(size_t)(minimum - 1);
    if (result == PLATTER_OK)
        result = write_aligned(block, data, middle, offset, err);
    if (result == PLATTER_OK && length > middle)
        result = write_part(block, data + middle, length - middle, offset + middle, err);
    forget_map(block);
    return result;
}

static enum platter_result nbd_flush(struct platter_block *base, struct platter_error *err)
{
    struct nbd_block *block = (struct nbd_block *)base;

    /* A server without it has nothing that could be lost, as far as one can know. */
    return block->export->flags & NBD_FLAG_SEND_FLUSH ? platter_nbd_link_flush(block->link, err) : PLATTER_OK;
}

static enum platter_result nbd_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                       struct platter_error *err)
{
    struct nbd_block *block = (struct nbd_block *)base;
    uint64_t mask = block->export->minimum - 1, end = (offset + length) & ~mask;
    enum platter_result result = PLATTER_OK;

    offset = (offset + mask) & ~mask;
    while (offset < end && result == PLATTER_OK) {
        uint32_t piece = end - offset < STATUS_MOST ? (uint32_t)(end - offset) : STATUS_MOST;

        result = call_of(block, NBD_CMD_TRIM, NULL, piece, offset, err);
        offset += piece;
    }
    forget_map(block);
    return result;
}

/* map_lock held. The run at `offset` from what the server has said lately. */
static bool known_run(const struct nbd_block *block, uint64_t offset, uint64_t length, struct platter_extent *extent)
{
    const struct platter_nbd_runs *runs = block->runs;
    uint32_t low = 0, high;

    if (!runs || !runs->count || offset < runs->start || offset >= runs->end[runs->count - 1] ||
        platter_os_monotonic_ms() >= block->runs_until)
        return false;
    high = runs->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (runs->end[middle] > offset)
            high = middle;
        else
            low = middle + 1;
    }
    extent->length = runs->end[low] - offset < length ? runs->end[low] - offset : length;
    extent->flags = runs->data[low] ? PLATTER_EXTENT_DATA : 0;
    return true;
}

static enum platter_result nbd_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                   struct platter_extent *extent, struct platter_error *err)
{
    struct nbd_block *block = (struct nbd_block *)base;
    uint64_t mask = block->export->minimum - 1, start = offset & ~mask, left = base->size - start;
    struct platter_nbd_call call = {.command = NBD_CMD_BLOCK_STATUS, .offset = start};
    enum platter_result result;
    unsigned change;
    bool known;

    platter_mutex_lock(&block->map_lock);
    known = known_run(block, offset, length, extent);
    change = block->runs_change;
    platter_mutex_unlock(&block->map_lock);
    if (known)
        return PLATTER_OK;
    call.length = left < STATUS_MOST ? (uint32_t)left : STATUS_MOST;
    call.runs = malloc(sizeof(*call.runs));
    if (!call.runs)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, base->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_nbd_link_call(block->link, &call, err);
    if (result == PLATTER_OK) {
        struct platter_nbd_runs *old;

        platter_mutex_lock(&block->map_lock);
        old = block->runs;
        block->runs = call.runs;
        block->runs_until = platter_os_monotonic_ms() + MAP_MS;
        call.runs = old;
        /* A server may describe less than the block that was asked for: then all of it is data. */
        if (!known_run(block, offset, length, extent))
            extent->length =
                length < block->export->minimum - (offset & mask) ? length : block->export->minimum - (offset & mask);
        if (change != block->runs_change)
            block->runs->count = 0;
        platter_mutex_unlock(&block->map_lock);
    }
    free(call.runs);
    return result;
}

static void nbd_close(struct platter_block *base)
{
    struct nbd_block *block = (struct nbd_block *)base;

    platter_nbd_link_close(block->link);
    platter_mutex_destroy(&block->map_lock);
    platter_mutex_destroy(&block->edges);
    free(block->runs);
    free(block);
}

static const struct platter_block_ops nbd_ops = {
    .layer = "NBD",
    .close = nbd_close,
    .read = nbd_read,
    .write = nbd_write,
    .flush = nbd_flush,
    .discard = nbd_discard,
    .map = nbd_map,
};

enum platter_result platter_nbd_open(const char *uri, uint32_t flags, struct platter_block **block,
                                     struct platter_error *err)
{
    struct nbd_block *made = calloc(1, sizeof(*made));
    const struct platter_nbd_export *export;
    enum platter_result result;
    uint32_t caps;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, uri, PLATTER_NO_OFFSET, "out of memory");
    result = platter_nbd_link_open(uri, &made->link, err);
    if (result)
        goto fail_link;
    made->export = export = platter_nbd_link_export(made->link);
    made->piece = export->maximum < PIECE_MOST ? export->maximum : PIECE_MOST;
    caps = export->allocation ? PLATTER_CAP_MAP : 0;
    if ((flags & PLATTER_OPEN_WRITABLE) && (export->flags & NBD_FLAG_READ_ONLY)) {
        result = platter_error_set(err, PLATTER_E_READ_ONLY, uri, PLATTER_NO_OFFSET,
                                   "the server exports it for reading only");
        goto fail_block;
    }
    if (flags & PLATTER_OPEN_WRITABLE)
        caps |= PLATTER_CAP_WRITE | (export->flags & NBD_FLAG_SEND_TRIM ? PLATTER_CAP_DISCARD : 0);
    result = platter_block_init(&made->base, &nbd_ops, uri, export->size, 0, 0, caps, err);
    if (result)
        goto fail_block;
    platter_mutex_init(&made->edges);
    platter_mutex_init(&made->map_lock);
    *block = &made->base;
    return PLATTER_OK;
fail_block:
    platter_nbd_link_close(made->link);
fail_link:
    free(made);
    return result;
}
