/* SPDX-License-Identifier: MIT */
/*
 * What the sectors of a disk may hold while many write to them at once. A read gives, of each sector, what the last write
 * that had ended before it began has put there, or any write that was under way while it was; nothing older, nothing else
 * (a "regular register": Lamport, On Interprocess Communication). No order is asked of writes that overlap in time, since no
 * disk with a queue keeps one. Each 8-byte word is held to it alone, for a sector may be read while it is being written.
 */
#ifndef PLATTER_TESTS_HISTORY_H
#define PLATTER_TESTS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history;

/* A disk of zeroes. Any thread at any time, but for free. */
struct history *history_create(uint64_t sectors, uint32_t sector_size);
void history_free(struct history *history);

/* Before a write is sent: fills `data` with what is to be written, and gives the write's number. */
uint64_t history_write_begins(struct history *history, uint64_t first, uint64_t count, void *data);
/* After it has ended. One that failed may be done or not, even later, but not over a write that began after it had ended. */
void history_write_ends(struct history *history, uint64_t number, uint64_t first, uint64_t count, bool done);

/* Before a read is sent; afterwards the token goes with it, once. */
uint64_t history_read_begins(struct history *history);
/* False: some word is what it cannot be; `why` says which and what it might have been. Without `data` the read failed. */
bool history_read_ends(struct history *history, uint64_t token, uint64_t first, uint64_t count, const void *data,
                       char *why, size_t size);

#endif
