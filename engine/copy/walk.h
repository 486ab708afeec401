/* SPDX-License-Identifier: MIT */
/* Goes over a disk from start to end in pieces, telling data from holes. */
#ifndef PLATTER_ENGINE_COPY_WALK_H
#define PLATTER_ENGINE_COPY_WALK_H

#include <platter/engine.h>

/* What one transfer moves: long enough for the medium, short enough to cancel, and a multiple of every cluster. */
#define PLATTER_PIECE (1u << 20)

/* Room for one piece, where pages of a file are copied fast; NULL without memory, which is fine for free. */
uint8_t *platter_piece_alloc(void);
void platter_piece_free(uint8_t *piece);

struct platter_walk {
    struct platter_block *block;
    uint64_t at, end;
    struct platter_extent run; /* the one `at` lies in; length 0 before the first */
};

void platter_walk_start(struct platter_walk *walk, struct platter_block *block);
/*
 * The next piece: a hole of any length, or at most PLATTER_PIECE of data that ends at a multiple of it.
 * Its length is 0 at the end. On failure the walk stands where it stood; platter_walk_skip_map goes on.
 */
enum platter_result platter_walk_next(struct platter_walk *walk, struct platter_extent *piece,
                                      struct platter_error *err);
/* Takes the next piece for data without asking the map. */
void platter_walk_skip_map(struct platter_walk *walk);

/* Calls a progress function not too often. */
struct platter_pace {
    const struct platter_progress *progress; /* may be NULL */
    uint64_t next_ms;
};

/* `always`: also when the last call was just now. PLATTER_E_CANCELLED when the function says so. */
enum platter_result platter_pace_tell(struct platter_pace *pace, uint64_t done, uint64_t total, bool always,
                                      struct platter_error *err);

#endif
