/* SPDX-License-Identifier: MIT */
/* What the tools here do to an image at random, the same way for the same seed, and what it may hold afterwards. */
#ifndef PLATTER_TESTS_WORKLOAD_H
#define PLATTER_TESTS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR 512u

uint64_t workload_seeded(const char *seed);
uint64_t workload_next(uint64_t *state);

struct place {
    uint64_t offset;
    size_t length;
};

/*
 * A range inside [from, to) of at most `largest` bytes, whole sectors if asked; then it may be two sectors longer. Short
 * ones are more likely, and some places come again and again.
 */
struct place workload_pick(uint64_t *state, uint64_t from, uint64_t to, uint64_t largest, bool sectors);

/* Fills a sector so that it tells which one it is, and which write of it this was. */
void workload_tag(uint8_t *sector, uint64_t number, uint64_t generation);

/* What each sector of a disk may hold after a cut. Writes, discards and flushes are numbered from 1 in their order. */
struct expected {
    uint64_t sectors;
    uint64_t *flushed;   /* the last write that a flush covered; 0: none */
    uint64_t *latest;    /* the last write */
    uint64_t *discarded; /* the last discard, after which it may be zero */
};

/* False: no memory. */
bool expected_init(struct expected *expected, uint64_t sectors);
bool expected_copy(struct expected *to, const struct expected *from); /* `to` from expected_init, of as many sectors */
void expected_free(struct expected *expected);
void expected_write(struct expected *expected, const struct place *place, uint64_t generation);
void expected_discard(struct expected *expected, const struct place *place, uint64_t generation);
void expected_flush(struct expected *expected);
/* A write that a flush has covered, where what was written before need not have been. */
void expected_kept(struct expected *expected, const struct place *place, uint64_t generation);
/* Whether `ours` may be what sector `number` holds; `before`: what it held before all writes. If not, says so on stderr. */
bool expected_holds(const struct expected *expected, uint64_t number, const uint8_t *ours, const uint8_t *before);

#endif
