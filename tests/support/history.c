/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_READERS 64u
#define NOT_YET UINT64_MAX

/* A write that a sector may still show. */
struct version {
    uint64_t number;     /* of the write, 0: the zeroes of the beginning */
    uint64_t begin, end; /* ticks */
    bool done;           /* it ended well, so what was there before is gone */
};

struct sector {
    struct version *versions;
    uint32_t count, room;
};

struct history {
    pthread_mutex_t lock;
    uint64_t tick, last_number, sector_count;
    uint32_t sector_size;
    uint64_t readers[MOST_READERS]; /* the ticks at which reads that are under way began; 0: a free place */
    struct sector *sectors;
};

struct history *history_create(uint64_t sectors, uint32_t sector_size)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        abort();
    history->sectors = calloc(sectors, sizeof(*history->sectors));
    if (!history->sectors)
        abort();
    history->sector_count = sectors;
    history->sector_size = sector_size;
    pthread_mutex_init(&history->lock, NULL);
    return history;
}

void history_free(struct history *history)
{
    for (uint64_t i = 0; i < history->sector_count; i++)
        free(history->sectors[i].versions);
    free(history->sectors);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

/* True: a read that begins at `since`, or later, cannot find `old`, for a later write of the sector had ended by then. */
static bool superseded(const struct sector *sector, const struct version *old, uint64_t since)
{
    for (uint32_t i = 0; i < sector->count; i++) {
        const struct version *later = &sector->versions[i];

        if (later->done && later->begin > old->end && later->end < since)
            return true;
    }
    return false;
}

/* Lock held. The tick before which no read that is under way has begun. */
static uint64_t oldest_reader(const struct history *history)
{
    uint64_t oldest = history->tick + 1;

    for (unsigned i = 0; i < MOST_READERS; i++) {
        if (history->readers[i] && history->readers[i] < oldest)
            oldest = history->readers[i];
    }
    return oldest;
}

/* Lock held. */
static void add(struct history *history, struct sector *sector, uint64_t number)
{
    uint64_t oldest = oldest_reader(history);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < sector->count; i++) {
        if (!superseded(sector, &sector->versions[i], oldest))
            sector->versions[kept++] = sector->versions[i];
    }
    if (sector->count == 0) /* the zeroes */
        kept = 1;
    if (kept + 1 > sector->room) {
        sector->room = (kept + 1) * 2;
        sector->versions = realloc(sector->versions, sector->room * sizeof(*sector->versions));
        if (!sector->versions)
            abort();
    }
    if (sector->count == 0)
        sector->versions[0] = (struct version){.done = true};
    sector->versions[kept] = (struct version){number, history->tick, NOT_YET, false};
    sector->count = kept + 1;
}

uint64_t history_write_begins(struct history *history, uint64_t first, uint64_t count, void *data)
{
    uint64_t number;

    pthread_mutex_lock(&history->lock);
    number = ++history->last_number;
    history->tick++;
    for (uint64_t i = 0; i < count; i++)
        add(history, &history->sectors[first + i], number);
    pthread_mutex_unlock(&history->lock);
    for (uint64_t at = 0; at < count * history->sector_size; at += sizeof(number))
        memcpy((uint8_t *)data + at, &number, sizeof(number));
    return number;
}

void history_write_ends(struct history *history, uint64_t number, uint64_t first, uint64_t count, bool done)
{
    pthread_mutex_lock(&history->lock);
    history->tick++;
    for (uint64_t i = 0; i < count; i++) {
        struct sector *sector = &history->sectors[first + i];

        for (uint32_t k = 0; k < sector->count; k++) {
            if (sector->versions[k].number != number)
                continue;
            sector->versions[k].end = history->tick;
            sector->versions[k].done = done;
        }
    }
    pthread_mutex_unlock(&history->lock);
}

uint64_t history_read_begins(struct history *history)
{
    uint64_t token = 0;

    pthread_mutex_lock(&history->lock);
    while (token < MOST_READERS && history->readers[token])
        token++;
    if (token == MOST_READERS)
        abort(); /* more threads than this is made for */
    history->readers[token] = ++history->tick;
    pthread_mutex_unlock(&history->lock);
    return token;
}

/* Lock held. */
static bool may_hold(const struct sector *sector, uint64_t number, uint64_t since)
{
    if (sector->count == 0)
        return number == 0;
    for (uint32_t i = 0; i < sector->count; i++) {
        if (sector->versions[i].number == number)
            return !superseded(sector, &sector->versions[i], since);
    }
    return false;
}

static void explain(const struct sector *sector, uint64_t at, uint64_t number, uint64_t since, char *why, size_t size)
{
    int used = snprintf(why, size, "sector %llu holds write %llu, and may hold", (unsigned long long)at,
                        (unsigned long long)number);

    for (uint32_t i = 0; i < sector->count && used > 0 && (size_t)used < size; i++) {
        if (!superseded(sector, &sector->versions[i], since))
            used += snprintf(why + used, size - (size_t)used, " %llu", (unsigned long long)sector->versions[i].number);
    }
}

bool history_read_ends(struct history *history, uint64_t token, uint64_t first, uint64_t count, const void *data,
                       char *why, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t since;
    bool right = true;

    pthread_mutex_lock(&history->lock);
    history->tick++;
    since = history->readers[token];
    for (uint64_t i = 0; i < count && bytes && right; i++) {
        const struct sector *sector = &history->sectors[first + i];

        for (uint32_t at = 0; at < history->sector_size && right; at += sizeof(uint64_t)) {
            uint64_t number;

            memcpy(&number, bytes + i * history->sector_size + at, sizeof(number));
            right = may_hold(sector, number, since);
            if (!right)
                explain(sector, first + i, number, since, why, size);
        }
    }
    history->readers[token] = 0;
    pthread_mutex_unlock(&history->lock);
    return right;
}
