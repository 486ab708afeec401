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

/*
 * Keeps its own reference to `below`, whose name, size and capabilities it has. Threads are started when the first stream
 * is found, and end with the block; closing waits for the reads they are in.
 */
enum platter_result platter_ahead_create(struct platter_block *below, struct platter_block **block,
                                         struct platter_error *err);

#endif
