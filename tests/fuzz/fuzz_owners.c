/* SPDX-License-Identifier: MIT */
/*
 * The input is a disk of which parts are damaged: its first byte tells how large the disk is said to be, its second
 * where damage is. What is told must lie within the damage, and cover it.
 */
#include "input_block.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RANGES 64u

struct told {
    const struct platter_range *ranges;
    size_t count;
    uint64_t bytes;
    uint64_t calls, steps;
};

static void take(void *context, const struct platter_owner *owner)
{
    struct told *told = context;
    size_t i = 0;

    while (i < told->count && told->ranges[i].offset + told->ranges[i].length <= owner->offset)
        i++;
    if (i == told->count || owner->length == 0 || owner->offset < told->ranges[i].offset ||
        owner->offset + owner->length > told->ranges[i].offset + told->ranges[i].length || !owner->name)
        abort();
    told->bytes += owner->length;
    told->calls++;
}

static bool go_on(void *context, uint64_t done, uint64_t total)
{
    struct told *told = context;

    (void)done;
    (void)total;
    /* A made-up volume may have a table of gigabytes, and files without end that share their bytes. */
    return ++told->steps < 16 && told->calls < 100000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t extra[] = {0, 65536, UINT64_C(64) << 20, UINT64_C(3) << 40};
    struct platter_range ranges[RANGES];
    struct told told = {.ranges = ranges};
    struct platter_progress progress = {go_on, &told};
    struct platter_block *disk;
    uint64_t all, step, damage = 0;

    if (size < 3)
        return 0;
    all = size - 2 + extra[data[0] & 3];
    disk = input_block_create(data + 2, size - 2, all, data[0] & 4 ? 4096 : 512);
    /* All of it, or every other piece of a few sizes. */
    step = data[1] & 1 ? all : (uint64_t)512 << (data[1] >> 1 & 7);
    for (uint64_t at = data[1] & 16 ? 512 : 0; at < all && told.count < RANGES; at += 2 * step) {
        ranges[told.count] = (struct platter_range){at, all - at < step ? all - at : step};
        damage += ranges[told.count++].length;
    }
    if (platter_owners_find(disk, ranges, told.count, take, &told, &progress, NULL) == PLATTER_OK &&
        told.bytes < damage)
        abort();
    platter_block_unref(disk);
    return 0;
}
