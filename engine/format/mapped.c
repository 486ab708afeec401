/* SPDX-License-Identifier: MIT */
#include "mapped.h"

#include <stdlib.h>
#include <string.h>

#include "parent.h"

#define PIECE (1u << 20)

static enum platter_result no_memory(struct platter_mapped *m, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, m->file->name, PLATTER_NO_OFFSET, "out of memory");
}

void platter_mapped_init(struct platter_mapped *m, const struct platter_mapped_ops *ops, struct platter_block *file)
{
    platter_mutex_init(&m->change);
    m->ops = ops;
    m->file = file ? platter_block_ref(file) : NULL;
}

void platter_mapped_free(struct platter_mapped *m)
{
    platter_block_unref(m->parent);
    platter_block_unref(m->file);
    platter_mutex_destroy(&m->change);
}

static enum platter_result read_run(struct platter_mapped *m, const struct platter_run *run, uint8_t *out,
                                    uint64_t offset, struct platter_error *err)
{
    switch (run->kind) {
    case PLATTER_RUN_OWN:
        return platter_block_read(m->file, out, (size_t)run->length, run->host, err);
    case PLATTER_RUN_PACKED:
        return m->ops->unpack(m, run, out, offset, err);
    case PLATTER_RUN_PARENT:
        return platter_parent_read(m->parent, out, (size_t)run->length, m->parent_offset + offset, err);
    case PLATTER_RUN_ZERO:
        break;
    }
    memset(out, 0, (size_t)run->length);
    return PLATTER_OK;
}

enum platter_result platter_mapped_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    struct platter_mapped *m = (struct platter_mapped *)base;
    uint8_t *out = buffer;

    while (length) {
        struct platter_run run;
        enum platter_result result = m->ops->lookup(m, offset, length, &run, err);

        if (result || (result = read_run(m, &run, out, offset, err)))
            return result;
        out += run.length;
        offset += run.length;
        length -= (size_t)run.length;
    }
    return PLATTER_OK;
}

/* Overwrites what is in the file; *done 0: the first byte is not. */
static enum platter_result write_in_place(struct platter_mapped *m, const uint8_t *buffer, uint64_t length,
                                          uint64_t offset, struct platter_run *run, uint64_t *done,
                                          struct platter_error *err)
{
    enum platter_result result = m->ops->lookup(m, offset, length, run, err);

    *done = 0;
    if (result || run->kind != PLATTER_RUN_OWN)
        return result;
    *done = run->length;
    return platter_block_write(m->file, buffer, (size_t)run->length, run->host, err);
}

enum platter_result platter_mapped_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                         struct platter_error *err)
{
    struct platter_mapped *m = (struct platter_mapped *)base;
    const uint8_t *data = buffer;
    enum platter_result result = m->ops->begin ? m->ops->begin(m, err) : PLATTER_OK;

    while (length && result == PLATTER_OK) {
        struct platter_run run;
        uint64_t done;

        result = write_in_place(m, data, length, offset, &run, &done, err);
        if (result == PLATTER_OK && done == 0) {
            platter_mutex_lock(&m->change);
            /* Somebody else may have put it there meanwhile. */
            result = write_in_place(m, data, length, offset, &run, &done, err);
            if (result == PLATTER_OK && done == 0)
                result = m->ops->write_new(m, data, offset, &run, &done, err);
            platter_mutex_unlock(&m->change);
        }
        data += done;
        offset += done;
        length -= (size_t)done;
    }
    return result;
}

enum platter_result platter_mapped_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                           struct platter_error *err)
{
    struct platter_mapped *m = (struct platter_mapped *)base;
    enum platter_result result = m->ops->begin ? m->ops->begin(m, err) : PLATTER_OK;

    while (length && result == PLATTER_OK) {
        struct platter_run run;

        result = m->ops->lookup(m, offset, length, &run, err);
        if (result == PLATTER_OK && run.kind == PLATTER_RUN_OWN)
            result = platter_block_discard(m->file, run.host, run.length, err);
        offset += run.length;
        length -= run.length;
    }
    return result;
}

enum platter_result platter_mapped_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err)
{
    struct platter_mapped *m = (struct platter_mapped *)base;
    struct platter_run run;
    enum platter_result result = m->ops->lookup(m, offset, length, &run, err);

    if (result)
        return result;
    *extent = (struct platter_extent){.length = run.length};
    if (run.kind == PLATTER_RUN_PACKED)
        extent->flags = PLATTER_EXTENT_DATA;
    else if (run.kind == PLATTER_RUN_PARENT)
        result = platter_parent_map(m->parent, m->parent_offset + offset, run.length, extent, err);
    else if (run.kind == PLATTER_RUN_OWN) /* what was discarded is a hole in the file */
        result = platter_block_map(m->file, run.host, run.length, extent, err);
    extent->offset = offset;
    return result;
}

enum platter_result platter_mapped_write_sectors(struct platter_mapped *m, uint32_t sector, const uint8_t *buffer,
                                                 size_t length, uint64_t offset, uint64_t host,
                                                 struct platter_error *err)
{
    size_t head = (size_t)(offset % sector), whole = (head + length + sector - 1) / sector * sector;
    enum platter_result result;
    uint8_t *copy;

    if (whole == length)
        return platter_block_write(m->file, buffer, length, host, err);
    copy = malloc(whole);
    if (!copy)
        return no_memory(m, err);
    /* Only the first and the last sector are in part what they were; the disk consists of whole sectors. */
    result = platter_mapped_read(&m->base, copy, sector, offset - head, err);
    if (result == PLATTER_OK && whole > sector)
        result = platter_mapped_read(&m->base, copy + whole - sector, sector, offset - head + whole - sector, err);
    if (result == PLATTER_OK) {
        memcpy(copy + head, buffer, length);
        result = platter_block_write(m->file, copy, whole, host - head, err);
    }
    free(copy);
    return result;
}

enum platter_result platter_mapped_fill(struct platter_mapped *m, bool parents, uint64_t offset, uint64_t length,
                                        uint64_t host, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    uint8_t *copy;

    if (length == 0)
        return PLATTER_OK;
    copy = calloc(1, length < PIECE ? (size_t)length : PIECE);
    if (!copy)
        return no_memory(m, err);
    while (length && result == PLATTER_OK) {
        size_t piece = length < PIECE ? (size_t)length : PIECE;

        if (parents)
            result = platter_parent_read(m->parent, copy, piece, m->parent_offset + offset, err);
        if (result == PLATTER_OK)
            result = platter_block_write(m->file, copy, piece, host, err);
        offset += piece;
        host += piece;
        length -= piece;
    }
    free(copy);
    return result;
}
