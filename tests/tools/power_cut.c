/* SPDX-License-Identifier: MIT */
/*
 * Lets the power fail at each change of an image's files, in each way that a disk allows: what was flushed is there; of
 * what came after the last flush any part may be, whole, torn between sectors, or not at all. Each time the image has to
 * open, be sound, hold what its user has flushed, and take more writes.
 *
 *   power_cut IMAGE RAW SEED COUNT [NAME=VALUE...]
 *
 * RAW: what IMAGE holds at first. COUNT writes, discards and flushes are made, chosen by SEED.
 *   subsets=N      random subsets at each place (4); besides, everything, nothing, and each change alone, or
 *                  missing, or torn
 *   step=N         only one in N places (1)
 *   tear=BYTES     what a medium writes whole (512)
 *   largest=BYTES  of one write (524288)
 *   check=COMMAND  also has to succeed, with IMAGE as $1; every=N: only in one of N states (1)
 *
 * Ends at the first state that is wrong, and leaves the files in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platter/engine.h>

#include "recorder.h"
#include "subject.h"

#define MORE_WRITES 6u /* that are made in an image after a cut */

enum event_kind { EVENT_WRITE, EVENT_DISCARD, EVENT_FLUSH };

struct event {
    enum event_kind kind;
    struct place place;
    size_t from, to; /* changes of files that there were before it, and after it */
};

/* What is done with a change that is not certain. */
enum fate { FATE_LOST, FATE_WHOLE, FATE_TORN };

static uint64_t subsets = 4, step = 1, tear = 512, every = 1;

static struct event *events;
static uint64_t event_count, event_cursor;
static struct expected expected, more_expected;
static size_t *pending, pending_count; /* changes that are not certain, by their numbers */
static enum fate *fates;
static size_t states, checked;
static uint64_t random_state;

/* ---- What happens before the cut */

static bool one_event(struct platter_block *block, uint64_t *state, uint64_t generation, struct event *event)
{
    struct platter_error error;
    bool done;

    event->place = subject_pick(state);
    event->kind = workload_next(state) % 6 == 0 && (platter_block_caps(block) & PLATTER_CAP_DISCARD) ? EVENT_DISCARD
                                                                                                     : EVENT_WRITE;
    if (generation % 8 == 0 || generation == event_count)
        event->kind = EVENT_FLUSH;
    event->from = recorder_count();
    switch (event->kind) {
    case EVENT_WRITE:
        done = subject_write(block, &event->place, generation, &error) == PLATTER_OK || subject_fail(&error);
        break;
    case EVENT_DISCARD:
        done = platter_block_discard(block, event->place.offset, event->place.length, &error) == PLATTER_OK ||
               subject_fail(&error);
        break;
    default:
        done = platter_block_flush(block, &error) == PLATTER_OK || subject_fail(&error);
        break;
    }
    event->to = recorder_count();
    return done;
}

static bool record(const char *seed)
{
    uint64_t state = workload_seeded(seed);
    struct platter_image *image;
    bool done = true;

    recorder_mode(RECORDER_KEEP);
    image = subject_open(true, NULL);
    if (!image)
        return false;
    for (uint64_t i = 0; i < event_count && done; i++)
        done = one_event(platter_image_block(image), &state, i + 1, &events[i]);
    platter_image_close(image);
    recorder_rewind();
    return done;
}

/* What may and must be there when the power fails before change `place`. */
static void advance(size_t place)
{
    for (; event_cursor < event_count; event_cursor++) {
        const struct event *event = &events[event_cursor];

        if ((event->kind == EVENT_FLUSH ? event->to : event->from) > place)
            return;
        if (event->kind == EVENT_WRITE)
            expected_write(&expected, &event->place, event_cursor + 1);
        else if (event->kind == EVENT_DISCARD)
            expected_discard(&expected, &event->place, event_cursor + 1);
        else
            expected_flush(&expected);
    }
}

/* ---- What is seen after it */

static bool other_checks(void)
{
    if (!subject.command || states % every)
        return true;
    checked++;
    return subject_command();
}

/* Whoever goes on with the image, as a writer that knows nothing of the cut, spoils nothing. */
static bool takes_more(void)
{
    uint64_t state = random_state;
    struct platter_image *image = subject_open(true, NULL);
    struct platter_error error;
    bool done = image && expected_copy(&more_expected, &expected);

    for (uint64_t i = 1; i <= MORE_WRITES && done; i++) {
        struct place place = subject_pick(&state);

        done = subject_write(platter_image_block(image), &place, event_count + i, &error) == PLATTER_OK ||
               subject_fail(&error);
        expected_kept(&more_expected, &place, event_count + i);
    }
    if (done && platter_block_flush(platter_image_block(image), &error))
        done = subject_fail(&error);
    platter_image_close(image);
    return done && subject_holds(&more_expected);
}

static void tell(size_t place, const char *what)
{
    static const char *const kinds[] = {"write", "punch", "resize", "flush"};
    static const char *const ends[] = {"lost", "there", "torn"};

    fprintf(stderr, "%s: %s after a cut before change %zu of %zu, with these not flushed:\n", subject.program, what,
            place, recorder_count());
    for (size_t i = 0; i < pending_count; i++) {
        const struct change *change = recorder_change(pending[i]);

        fprintf(stderr, "  %zu: %s of %s at %llu, %llu bytes: %s\n", pending[i], kinds[change->kind],
                recorder_path(change->file), (unsigned long long)change->offset, (unsigned long long)change->length,
                ends[fates[i]]);
    }
}

/* One state of the files: what is certain, and of the rest what `fates` says. */
static bool examine(size_t place)
{
    const char *wrong = NULL;

    for (size_t i = 0; i < pending_count; i++) {
        if (fates[i] != FATE_LOST)
            recorder_apply(recorder_change(pending[i]), fates[i] == FATE_TORN ? (size_t)tear : 0, &random_state);
    }
    states++;
    if (!subject_holds(&expected))
        wrong = "wrong";
    else if (!other_checks())
        wrong = "another finds it wrong";
    else if (!takes_more())
        wrong = "wrong when written to";
    if (wrong) {
        tell(place, wrong);
        return false;
    }
    recorder_undo();
    return true;
}

static void all_fates(enum fate fate)
{
    for (size_t i = 0; i < pending_count; i++)
        fates[i] = fate;
}

static bool random_subsets(size_t place)
{
    for (uint64_t n = 0; n < subsets && pending_count; n++) {
        uint64_t rarely = workload_next(&random_state) % 4;

        /* Some states have most of it, some nearly nothing. */
        for (size_t i = 0; i < pending_count; i++) {
            uint64_t chance = workload_next(&random_state) % 8;

            fates[i] = chance < 1 ? FATE_TORN : chance < 2 + rarely * 2 ? FATE_WHOLE : FATE_LOST;
        }
        if (!examine(place))
            return false;
    }
    return true;
}

/* Just before a flush: nothing of what it is to make certain, each change alone, all but each, and each torn. */
static bool each_alone(size_t place)
{
    all_fates(FATE_LOST);
    if (!examine(place))
        return false;
    for (size_t i = 0; i < pending_count; i += (size_t)step) {
        all_fates(FATE_LOST);
        fates[i] = FATE_WHOLE;
        if (!examine(place))
            return false;
        all_fates(FATE_WHOLE);
        fates[i] = FATE_LOST;
        if (!examine(place))
            return false;
        fates[i] = FATE_TORN;
        for (int n = 0; n < 2 && recorder_change(pending[i])->length > tear; n++) {
            if (!examine(place))
                return false;
        }
    }
    return true;
}

static void settle(size_t file)
{
    size_t kept = 0;

    for (size_t i = 0; i < pending_count; i++) {
        if (recorder_change(pending[i])->file == file)
            recorder_settle(recorder_change(pending[i]));
        else
            pending[kept++] = pending[i];
    }
    pending_count = kept;
}

static bool cut_everywhere(void)
{
    for (size_t place = 0; place <= recorder_count(); place++) {
        const struct change *change = place < recorder_count() ? recorder_change(place) : NULL;

        advance(place);
        if (place % step == 0) {
            all_fates(FATE_WHOLE);
            if (!examine(place) || !random_subsets(place))
                return false;
        }
        if ((!change || change->kind == CHANGE_FLUSH) && pending_count && !each_alone(place))
            return false;
        if (change && change->kind == CHANGE_FLUSH)
            settle(change->file);
        else
            pending[pending_count++] = place;
    }
    return true;
}

static bool set_option(const char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {
        {"subsets=", &subsets}, {"step=", &step}, {"tear=", &tear}, {"largest=", &subject.largest}, {"every=", &every}};

    if (strncmp(text, "check=", 6) == 0) {
        subject.command = text + 6;
        return true;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strncmp(text, numbers[i].name, strlen(numbers[i].name)) == 0) {
            *numbers[i].value = strtoull(text + strlen(numbers[i].name), NULL, 10);
            return *numbers[i].value != 0 || numbers[i].value == &subsets;
        }
    }
    return false;
}

static bool prepare(void)
{
    pending = subject_need(calloc(recorder_count() + 1, sizeof(*pending)));
    fates = subject_need(calloc(recorder_count() + 1, sizeof(*fates)));
    return expected_init(&expected, subject.size / SECTOR) && expected_init(&more_expected, subject.size / SECTOR);
}

int main(int count, char **arguments)
{
    bool good = count >= 5;

    subject.program = arguments[0];
    for (int i = 5; i < count && good; i++)
        good = set_option(arguments[i]);
    if (!good) {
        fprintf(stderr, "usage: see the head of tests/tools/power_cut.c\n");
        return 2;
    }
    subject.path = arguments[1];
    event_count = strtoull(arguments[4], NULL, 10);
    random_state = workload_seeded(arguments[3]);
    events = subject_need(calloc((size_t)event_count, sizeof(*events)));
    good = subject_load(arguments[2]) && record(arguments[3]) && prepare();
    recorder_mode(RECORDER_UNDO);
    good = good && cut_everywhere();
    printf("%zu changes, %zu states, %zu of them shown to others\n", recorder_count(), states, checked);
    expected_free(&expected);
    expected_free(&more_expected);
    subject_free();
    free(events);
    free(pending);
    free(fates);
    return good ? 0 : 1;
}
