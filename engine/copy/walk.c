/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <string.h>

#include "../os/system.h"

#define PACE_MS 100u
/*
 * Pages of a file are copied to and from a buffer several times faster when both lie alike in their pages: malloc's begin
 * 16 bytes into one, and then each load waits for the store before it, whose address has the same low 12 bits.
 */
#define PAGE 4096u

uint8_t *platter_piece_alloc(void)
{
    return platter_os_aligned_alloc(PAGE, PLATTER_PIECE);
}

void platter_piece_free(uint8_t *piece)
{
    platter_os_aligned_free(piece);
}

void platter_walk_start(struct platter_walk *walk, struct platter_block *block)
{
    memset(walk, 0, sizeof(*walk));
    walk->block = block;
    walk->end = platter_block_size(block);
}

enum platter_result platter_walk_next(struct platter_walk *walk, struct platter_extent *piece,
                                      struct platter_error *err)
{
    uint64_t run_end = walk->run.offset + walk->run.length, length;

    memset(piece, 0, sizeof(*piece));
    if (walk->at == walk->end)
        return PLATTER_OK;
    if (walk->at >= run_end) {
        enum platter_result result = platter_block_map(walk->block, walk->at, walk->end - walk->at, &walk->run, err);

        if (result) {
            memset(&walk->run, 0, sizeof(walk->run));
            return result;
        }
        run_end = walk->run.offset + walk->run.length;
    }
    length = run_end - walk->at;
    if ((walk->run.flags & PLATTER_EXTENT_DATA) && length > PLATTER_PIECE - walk->at % PLATTER_PIECE)
        length = PLATTER_PIECE - walk->at % PLATTER_PIECE;
    piece->offset = walk->at;
    piece->length = length;
    piece->flags = walk->run.flags;
    walk->at += length;
    return PLATTER_OK;
}

void platter_walk_skip_map(struct platter_walk *walk)
{
    uint64_t left = walk->end - walk->at, piece = PLATTER_PIECE - walk->at % PLATTER_PIECE;

    walk->run.offset = walk->at;
    walk->run.length = left < piece ? left : piece;
    walk->run.flags = PLATTER_EXTENT_DATA;
}

enum platter_result platter_pace_tell(struct platter_pace *pace, uint64_t done, uint64_t total, bool always,
                                      struct platter_error *err)
{
    uint64_t now;

    if (!pace->progress || !pace->progress->function)
        return PLATTER_OK;
    now = platter_os_monotonic_ms();
    if (!always && now < pace->next_ms)
        return PLATTER_OK;
    pace->next_ms = now + PACE_MS;
    if (pace->progress->function(pace->progress->context, done, total))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "cancelled");
}
