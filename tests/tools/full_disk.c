/* SPDX-License-Identifier: MIT */
/*
 * Lets the disk become full under an image at each place: it has room for one more piece of the file than the time
 * before, and then for one more write, wherever it goes. A write that finds no room has to say so and name the file,
 * which does not grow of it again and again, and all that was acknowledged reads back at once. Then there is room again,
 * and the image is written to and flushed as if nothing had been; or there is none, and it is closed, or its process
 * killed, and holds what was flushed.
 *
 *   full_disk IMAGE RAW SEED COUNT [NAME=VALUE...]
 *
 * RAW: what IMAGE holds at first. COUNT writes, discards and flushes are made, chosen by SEED.
 *   step=N         only one in N pieces, and one in a fifth of N writes (1)
 *   largest=BYTES  of one write (524288)
 *   flush=NUMBER   with 0, flushes may find no room either (1: only where each write takes room)
 *   check=COMMAND  also has to succeed, with IMAGE as $1
 *
 * Ends at the first thing that is wrong, and leaves the files so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platter/engine.h>

#include "recorder.h"
#include "subject.h"

#define ENOUGH 4u /* failures; then what is to happen happens */

enum ending { END_ROOM, END_KILLED, END_CLOSED, ENDINGS };

static uint64_t step = 1, sure_flush = 1, event_count;
static struct expected acknowledged, durable;
static size_t runs, refused, late;

/* No room is what it may say, and of which file. */
static bool no_room(enum platter_result result, const struct platter_error *error, const char *what)
{
    if (result == PLATTER_E_NO_SPACE && error->file[0] && recorder_was_full())
        return true;
    fprintf(stderr, "%s: a %s failed otherwise than for want of room:\n", subject.program, what);
    return subject_fail(error);
}

static void flushed(void)
{
    memcpy(durable.flushed, acknowledged.flushed, (size_t)durable.sectors * sizeof(uint64_t));
}

static bool flush(struct platter_block *block, bool may_fail, unsigned *failures)
{
    struct platter_error error;
    enum platter_result result = platter_block_flush(block, &error);

    if (result == PLATTER_OK) {
        flushed();
        return true;
    }
    late++;
    ++*failures;
    if (!may_fail)
        fprintf(stderr, "%s: a flush found no room\n", subject.program);
    return may_fail ? no_room(result, &error, "flush") : subject_fail(&error);
}

/* Who is told that there is no room asks again, and again: that must not make the file longer each time. */
static enum platter_result write_patiently(struct platter_block *block, const struct place *place, uint64_t number,
                                           struct platter_error *err)
{
    enum platter_result result = PLATTER_E_NO_SPACE;
    uint64_t size = 0;

    for (int i = 0; i < 4 && result == PLATTER_E_NO_SPACE; i++) {
        size = recorder_size();
        result = subject_write(block, place, number, err);
    }
    if (result == PLATTER_E_NO_SPACE && recorder_size() > size)
        return platter_error_set(err, PLATTER_E_FAILED, subject.path, PLATTER_NO_OFFSET,
                                 "becomes longer with each write that is refused");
    return result;
}

/* One of the things that are done to the image; false: something is wrong. */
static bool one_event(struct platter_block *block, uint64_t *state, uint64_t number, bool flush_may_fail,
                      unsigned *failures)
{
    struct place place = subject_pick(state);
    bool discards = workload_next(state) % 6 == 0 && (platter_block_caps(block) & PLATTER_CAP_DISCARD);
    struct platter_error error;
    enum platter_result result;

    if (number % 8 == 0)
        return flush(block, flush_may_fail, failures);
    if (discards) {
        expected_discard(&acknowledged, &place, number);
        expected_discard(&durable, &place, number);
        result = platter_block_discard(block, place.offset, place.length, &error);
    } else {
        result = write_patiently(block, &place, number, &error);
        expected_write(&durable, &place, number);
        (result ? expected_write : expected_kept)(&acknowledged, &place, number);
    }
    if (result == PLATTER_OK)
        return true;
    refused++;
    ++*failures;
    return no_room(result, &error, discards ? "discard" : "write");
}

/* What is there when all is over. */
static bool ends(struct platter_image *image, enum ending ending, uint64_t *state, uint64_t number, bool flush_may_fail)
{
    struct platter_block *block = platter_image_block(image);
    unsigned failures = 0;
    bool good;

    if (ending == END_ROOM) {
        recorder_disk(DISK_ENDLESS, 0);
        good = flush(block, false, &failures);
        for (; number <= event_count && good; number++)
            good = one_event(block, state, number, false, &failures) && failures == 0;
        good = good && flush(block, false, &failures) && subject_reads(block, &acknowledged);
    } else {
        good = flush(block, flush_may_fail, &failures) && subject_reads(block, &acknowledged);
        if (ending == END_KILLED)
            recorder_disk(DISK_GONE, 0);
    }
    platter_image_close(image);
    recorder_disk(DISK_ENDLESS, 0);
    return good && subject_holds(&durable) && (!subject.command || subject_command());
}

static void forget(void)
{
    size_t bytes = (size_t)durable.sectors * sizeof(uint64_t);
    struct expected *both[] = {&acknowledged, &durable};

    for (size_t i = 0; i < 2; i++) {
        memset(both[i]->flushed, 0, bytes);
        memset(both[i]->latest, 0, bytes);
        memset(both[i]->discarded, 0, bytes);
    }
}

/* *full: the disk was full before all was done. */
static bool run(const char *seed, enum recorder_disk disk, uint64_t left, enum ending ending, bool *full)
{
    bool flush_may_fail = disk == DISK_WRITES || !sure_flush, good = true;
    uint64_t state = workload_seeded(seed), number = 1;
    struct platter_image *image;
    enum platter_result result;
    unsigned failures = 0;

    runs++;
    forget();
    recorder_disk(disk, left);
    image = subject_open(true, &result);
    if (!image) {
        *full = result == PLATTER_E_NO_SPACE;
        recorder_disk(DISK_ENDLESS, 0);
        good = *full && subject_holds(&durable) && (!subject.command || subject_command());
        goto out;
    }
    for (; number <= event_count && failures < ENOUGH && good; number++) {
        unsigned before = failures;

        good = one_event(platter_image_block(image), &state, number, flush_may_fail, &failures) &&
               (failures == before || subject_reads(platter_image_block(image), &acknowledged));
    }
    *full = recorder_was_full();
    if (good)
        good = ends(image, ending, &state, number, flush_may_fail);
    else
        platter_image_close(image);
out:
    if (good)
        recorder_undo();
    return good;
}

static bool full_everywhere(const char *seed)
{
    static const enum recorder_disk disks[] = {DISK_PIECES, DISK_WRITES};
    static const char *const disk_names[] = {"pieces", "writes"};
    static const char *const endings[ENDINGS] = {"it had room again", "it was killed", "it was closed"};

    for (size_t i = 0; i < 2; i++) {
        uint64_t left = 1;
        bool full = true;

        for (uint64_t place = 0; full; place++) {
            enum ending ending = (enum ending)(place % ENDINGS);

            if (!run(seed, disks[i], left, ending, &full)) {
                fprintf(stderr, "%s: wrong with room for %llu %s, when %s\n", subject.program, (unsigned long long)left,
                        disk_names[i], endings[ending]);
                return false;
            }
            left += disks[i] == DISK_PIECES ? step : (step + 4) / 5;
        }
    }
    return true;
}

static bool set_option(const char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"step=", &step}, {"largest=", &subject.largest}, {"flush=", &sure_flush}};

    if (strncmp(text, "check=", 6) == 0) {
        subject.command = text + 6;
        return true;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strncmp(text, numbers[i].name, strlen(numbers[i].name)) == 0) {
            *numbers[i].value = strtoull(text + strlen(numbers[i].name), NULL, 10);
            return *numbers[i].value != 0 || numbers[i].value == &sure_flush;
        }
    }
    return false;
}

int main(int count, char **arguments)
{
    bool good = count >= 5;

    subject.program = arguments[0];
    for (int i = 5; i < count && good; i++)
        good = set_option(arguments[i]);
    if (!good) {
        fprintf(stderr, "usage: see the head of tests/tools/full_disk.c\n");
        return 2;
    }
    subject.path = arguments[1];
    event_count = strtoull(arguments[4], NULL, 10);
    good = subject_load(arguments[2]) && expected_init(&acknowledged, subject.size / SECTOR) &&
           expected_init(&durable, subject.size / SECTOR);
    recorder_mode(RECORDER_UNDO);
    good = good && full_everywhere(arguments[3]);
    printf("%zu times, %zu writes and %zu flushes refused\n", runs, refused, late);
    good = good && refused; /* a disk that never was full shows nothing */
    expected_free(&acknowledged);
    expected_free(&durable);
    subject_free();
    return good ? 0 : 1;
}
