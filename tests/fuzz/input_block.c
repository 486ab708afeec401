/* SPDX-License-Identifier: MIT */
#include "input_block.h"

#include <stdlib.h>
#include <string.h>

#include "../../engine/chain.h"
#include "../../engine/detail.h"

/* A hostile image may claim to be huge; a fuzzer only looks at so many runs and pieces of it. */
#define RUNS_MOST 64u
#define BYTES_MOST (128u << 10)

struct input_block {
    struct platter_block base;
    const uint8_t *data;
    size_t length;
};

static enum platter_result input_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    struct input_block *block = (struct input_block *)base;
    size_t stored = 0;

    (void)err;
    if (offset < block->length)
        stored = length < block->length - offset ? length : (size_t)(block->length - offset);
    if (stored)
        memcpy(buffer, block->data + offset, stored);
    memset((uint8_t *)buffer + stored, 0, length - stored);
    return PLATTER_OK;
}

static void input_close(struct platter_block *base)
{
    free(base);
}

static const struct platter_block_ops input_ops = {.layer = "input", .close = input_close, .read = input_read};

struct platter_block *input_block_create(const uint8_t *data, size_t length, uint64_t size, uint32_t sector_size)
{
    struct input_block *block = calloc(1, sizeof(*block));

    if (!block)
        abort();
    if (platter_block_init(&block->base, &input_ops, "input", size, sector_size, 0, 0, NULL) != PLATTER_OK)
        abort();
    block->data = data;
    block->length = length;
    return &block->base;
}

static void use_disk(struct platter_block *disk)
{
    static uint8_t buffer[65536];
    uint64_t size = platter_block_size(disk), at = 0;
    size_t left = BYTES_MOST;

    for (unsigned i = 0; i < RUNS_MOST && at < size; i++) {
        struct platter_extent extent;

        if (platter_block_map(disk, at, size - at, &extent, NULL) != PLATTER_OK) {
            extent.length = size - at < sizeof(buffer) ? size - at : sizeof(buffer);
            extent.flags = PLATTER_EXTENT_DATA;
        }
        if (extent.flags & PLATTER_EXTENT_DATA) {
            size_t most = left < sizeof(buffer) ? left : sizeof(buffer);
            size_t length = extent.length < most ? (size_t)extent.length : most;

            left -= length;
            (void)platter_block_read(disk, buffer, length, at, NULL);
            (void)platter_block_read(disk, buffer, 1, at + extent.length - 1, NULL);
        }
        at += extent.length;
    }
    if (size > 3)
        (void)platter_block_read(disk, buffer, 3, size / 2 - 1, NULL);
}

void input_open_as(const char *name, const uint8_t *data, size_t length)
{
    static const struct platter_open_options options;
    /* As deep as a chain may be: an input is not to make the fuzzer open files of this machine as its parents. */
    static const struct platter_chain chain = {.path = "child", .depth = PLATTER_CHAIN_MAX};
    static const struct platter_open_request request = {.path = "input", .options = &options, .chain = &chain};
    struct platter_detail_list details = {0};
    struct platter_opened opened = {.variant = "", .details = &details};
    struct platter_block *file = input_block_create(data, length, length, 512);
    const struct platter_format *format = NULL;

    for (size_t i = 0; platter_formats[i]; i++) {
        if (name ? strcmp(platter_formats[i]->name, name) == 0
                 : platter_formats[i]->probe(file) != PLATTER_PROBE_NO && !format)
            format = platter_formats[i];
    }
    if (format && length && format->open(file, &request, &opened, NULL) == PLATTER_OK) {
        use_disk(opened.block);
        if (format->verify) {
            struct platter_verify_report report = {0};

            (void)format->verify(opened.block, NULL, NULL, NULL, &report, NULL);
        }
        platter_block_unref(opened.block);
    }
    platter_detail_free(&details);
    platter_block_unref(file);
}
