/* SPDX-License-Identifier: MIT */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*: small, and good enough to pick places. */
uint64_t workload_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

uint64_t workload_seeded(const char *seed)
{
    return strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
}

struct place workload_pick(uint64_t *state, uint64_t from, uint64_t to, uint64_t largest, bool sectors)
{
    uint64_t most = to - from < largest ? to - from : largest;
    uint64_t length = workload_next(state) % (workload_next(state) % 4 ? most / 16 + 1 : most) + 1;
    struct place place;

    place.offset = from + workload_next(state) % (to - from - length + 1);
    if (workload_next(state) % 3 == 0)
        place.offset = from + (place.offset - from) % ((to - from) / 16 + 1);
    if (place.offset + length > to)
        place.offset = to - length;
    place.length = (size_t)length;
    if (sectors) {
        uint64_t end = (place.offset + length + SECTOR - 1) / SECTOR * SECTOR;

        place.offset = place.offset / SECTOR * SECTOR;
        place.length = (size_t)((end < to ? end : to) - place.offset);
    }
    return place;
}

void workload_tag(uint8_t *sector, uint64_t number, uint64_t generation)
{
    for (size_t i = 0; i < SECTOR; i += 16) {
        memcpy(sector + i, &number, 8);
        memcpy(sector + i + 8, &generation, 8);
    }
}

bool expected_init(struct expected *expected, uint64_t sectors)
{
    expected->sectors = sectors;
    expected->flushed = calloc(sectors, sizeof(uint64_t));
    expected->latest = calloc(sectors, sizeof(uint64_t));
    expected->discarded = calloc(sectors, sizeof(uint64_t));
    return expected->flushed && expected->latest && expected->discarded;
}

bool expected_copy(struct expected *to, const struct expected *from)
{
    size_t bytes = (size_t)from->sectors * sizeof(uint64_t);

    if (to->sectors != from->sectors)
        return false;
    memcpy(to->flushed, from->flushed, bytes);
    memcpy(to->latest, from->latest, bytes);
    memcpy(to->discarded, from->discarded, bytes);
    return true;
}

void expected_free(struct expected *expected)
{
    free(expected->flushed);
    free(expected->latest);
    free(expected->discarded);
}

static void set(uint64_t *generations, const struct place *place, uint64_t generation)
{
    for (uint64_t i = place->offset / SECTOR; i < (place->offset + place->length) / SECTOR; i++)
        generations[i] = generation;
}

void expected_write(struct expected *expected, const struct place *place, uint64_t generation)
{
    set(expected->latest, place, generation);
}

void expected_discard(struct expected *expected, const struct place *place, uint64_t generation)
{
    set(expected->discarded, place, generation);
}

void expected_flush(struct expected *expected)
{
    memcpy(expected->flushed, expected->latest, (size_t)expected->sectors * sizeof(uint64_t));
}

void expected_kept(struct expected *expected, const struct place *place, uint64_t generation)
{
    set(expected->latest, place, generation);
    set(expected->flushed, place, generation);
}

bool expected_holds(const struct expected *expected, uint64_t number, const uint8_t *ours, const uint8_t *before)
{
    static const uint8_t zeros[SECTOR];
    uint64_t flushed = expected->flushed[number], latest = expected->latest[number], says, written;
    uint8_t tagged[SECTOR];

    if (flushed == 0 && memcmp(ours, before, SECTOR) == 0)
        return true;
    if (expected->discarded[number] > flushed && memcmp(ours, zeros, SECTOR) == 0)
        return true;
    memcpy(&says, ours, 8);
    memcpy(&written, ours + 8, 8);
    workload_tag(tagged, number, written);
    if (written && written >= flushed && written <= latest && memcmp(ours, tagged, SECTOR) == 0)
        return true;
    fprintf(stderr, "sector %llu holds sector %llu of write %llu; flushed was %llu, latest %llu\n",
            (unsigned long long)number, (unsigned long long)says, (unsigned long long)written,
            (unsigned long long)flushed, (unsigned long long)latest);
    return false;
}
