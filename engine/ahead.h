/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead of those who read from start to end: for blocks where each read waits, for a network or for a decoder.
 *
 * Several such streams at once are told apart, also when threads that share one come a little out of order. What is read
 * ahead lies in a bounded cache; a read that belongs to no stream goes straight below and is made no longer.
 */
#ifndef PLATTER_ENGINE_AHEAD_H
#define PLATTER_ENGINE_AHEAD_H

#include "block.h"

struct platter_ahead_options {
    uint32_t chunk;   /* bytes that are read ahead at a time: a power of two from 256 KiB to 2 MiB */
    unsigned threads; /* that read ahead, 16 at most */
};

/*
 * Keeps its own reference to `below`, whose name, size and capabilities it has. Threads are started when the first stream
 * is found, and end with the block; closing waits for the reads they are in.
 */
enum platter_result platter_ahead_create(struct platter_block *below, const struct platter_ahead_options *options,
                                         struct platter_block **block, struct platter_error *err);
/*
 * The same for a disk whose bytes are decoded, `unit` of them at best together: as many threads as processors, and no layer
 * at all (*block is another reference to `below`) where there is but one, or units are too long to be kept by the dozen.
 */
enum platter_result platter_ahead_of_decoder(struct platter_block *below, uint32_t unit, struct platter_block **block,
                                             struct platter_error *err);

#endif
