/* SPDX-License-Identifier: MIT */
/*
 * Works an image at random, the same way for the same seed, and says whether it kept what it was given.
 *
 *   image_tool read IMAGE RAW SEED COUNT [PASSWORD [DISK]]
 *                                                 COUNT random reads of IMAGE equal those of RAW
 *   image_tool write IMAGE RAW SEED COUNT         COUNT random writes, discards and flushes of four threads on IMAGE;
 *                                                 RAW is made to hold the same
 *   image_tool tagged-write IMAGE LOG SEED COUNT  writes sectors that tell who wrote them, and logs each step
 *   image_tool tagged-check IMAGE RAW LOG         IMAGE holds everything that a flush in LOG covered, and nothing else
 *                                                 than RAW (as it was before) or what LOG says was written
 *
 * tagged-write is made to be killed anywhere; tests/tools/cut.c kills it at its n-th write.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <platter/engine.h>

#include "../../engine/os/thread.h"

#define SECTOR 512u
#define LARGEST (512u * 1024u)
#define BUFFER (LARGEST + 2 * SECTOR) /* a place is rounded out to whole sectors */
#define THREADS 4u

static const char *program;
static struct platter_open_options options;

static int fail(const struct platter_error *error)
{
    char text[2048];

    fprintf(stderr, "%s: %s\n", program, platter_error_text(error, text, sizeof(text)));
    return 1;
}

/* xorshift64*: small, and good enough to pick places. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static uint64_t seeded(const char *seed)
{
    return strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
}

struct place {
    uint64_t offset;
    size_t length;
};

/* A range inside [from, to), whole sectors if asked; short ones are more likely, and some places come again and again. */
static struct place pick(uint64_t *state, uint64_t from, uint64_t to, bool sectors)
{
    uint64_t largest = to - from < LARGEST ? to - from : LARGEST;
    uint64_t length = next(state) % (next(state) % 4 ? largest / 16 + 1 : largest) + 1;
    struct place place;

    place.offset = from + next(state) % (to - from - length + 1);
    if (next(state) % 3 == 0)
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

static struct platter_image *open_image(const char *path, bool writable)
{
    struct platter_image *image = NULL;
    struct platter_error error;

    options.flags = writable ? PLATTER_OPEN_WRITABLE : 0;
    if (platter_image_open(path, &options, &image, &error))
        (void)fail(&error);
    return image;
}

static int read_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], false);
    int raw = open(arguments[1], O_RDONLY);
    uint64_t state = seeded(arguments[2]), count = strtoull(arguments[3], NULL, 10), size;
    uint8_t *ours = malloc(BUFFER), *theirs = malloc(BUFFER);
    struct platter_error error;

    if (!image || raw < 0 || !ours || !theirs)
        return 1;
    size = platter_block_size(platter_image_block(image));
    for (uint64_t i = 0; i < count; i++) {
        struct place place = pick(&state, 0, size, i % 2 == 0);

        if (platter_block_read(platter_image_block(image), ours, place.length, place.offset, &error))
            return fail(&error);
        if (pread(raw, theirs, place.length, (off_t)place.offset) != (ssize_t)place.length)
            memset(theirs, 0, place.length);
        if (memcmp(ours, theirs, place.length) != 0) {
            fprintf(stderr, "%s: %zu bytes at %llu differ\n", program, place.length, (unsigned long long)place.offset);
            return 1;
        }
    }
    free(ours);
    free(theirs);
    close(raw);
    platter_image_close(image);
    return 0;
}

struct writer {
    struct platter_block *block;
    int raw;
    uint64_t state, count, from, to;
    bool failed;
};

static void write_thread(void *context)
{
    struct writer *writer = context;
    uint8_t *data = malloc(BUFFER);
    struct platter_error error;

    writer->failed = !data;
    for (uint64_t i = 0; i < writer->count && !writer->failed; i++) {
        struct place place = pick(&writer->state, writer->from, writer->to, i % 4 != 0);
        uint64_t what = next(&writer->state) % 16;
        enum platter_result result;

        if (what == 0) {
            result = platter_block_flush(writer->block, &error);
        } else if (what < 4 && (platter_block_caps(writer->block) & PLATTER_CAP_DISCARD)) {
            result = platter_block_discard(writer->block, place.offset, place.length, &error);
            /* What a discard leaves is up to the image; it has to stay that way. */
            if (result == PLATTER_OK)
                result = platter_block_read(writer->block, data, place.length, place.offset, &error);
        } else {
            for (size_t b = 0; b + 8 <= place.length; b += 8) {
                uint64_t word = next(&writer->state);

                memcpy(data + b, &word, 8);
            }
            result = platter_block_write(writer->block, data, place.length, place.offset, &error);
        }
        if (result)
            writer->failed = fail(&error);
        else if (what != 0)
            writer->failed = pwrite(writer->raw, data, place.length, (off_t)place.offset) != (ssize_t)place.length;
    }
    free(data);
}

static int write_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], true);
    struct platter_thread *threads[THREADS] = {NULL};
    struct writer writers[THREADS];
    struct platter_error error;
    int raw = open(arguments[1], O_RDWR), status = 0;
    uint64_t share;

    if (!image || raw < 0)
        return 1;
    /* Each has a part of the disk to itself, with no regard to clusters, so that neighbours meet inside them. */
    share = platter_block_size(platter_image_block(image)) / THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.block = platter_image_block(image),
                                     .raw = raw,
                                     .state = seeded(arguments[2]) + i * 7919,
                                     .from = i * share,
                                     .to = (i + 1) * share,
                                     .count = strtoull(arguments[3], NULL, 10) / THREADS};
        if (platter_thread_start(write_thread, &writers[i], &threads[i], &error))
            return fail(&error);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        platter_thread_join(threads[i]);
        status |= writers[i].failed;
    }
    if (platter_block_flush(platter_image_block(image), &error))
        status |= fail(&error);
    platter_image_close(image);
    close(raw);
    return status;
}

static void tag(uint8_t *sector, uint64_t number, uint64_t generation)
{
    for (size_t i = 0; i < SECTOR; i += 16) {
        memcpy(sector + i, &number, 8);
        memcpy(sector + i + 8, &generation, 8);
    }
}

static int tagged_write_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], true);
    FILE *log = fopen(arguments[1], "w");
    uint64_t state = seeded(arguments[2]), count = strtoull(arguments[3], NULL, 10), size;
    uint8_t *data = malloc(BUFFER);
    struct platter_error error;

    if (!image || !log || !data)
        return 1;
    size = platter_block_size(platter_image_block(image));
    setvbuf(log, NULL, _IOLBF, 0);
    for (uint64_t generation = 1; generation <= count; generation++) {
        struct place place = pick(&state, 0, size, true);

        if (generation % 8 == 0) {
            if (platter_block_flush(platter_image_block(image), &error))
                return fail(&error);
            fprintf(log, "f %llu\n", (unsigned long long)generation);
            continue;
        }
        for (size_t i = 0; i < place.length / SECTOR; i++)
            tag(data + i * SECTOR, place.offset / SECTOR + i, generation);
        fprintf(log, "w %llu %llu %zu\n", (unsigned long long)generation, (unsigned long long)place.offset,
                place.length);
        if (platter_block_write(platter_image_block(image), data, place.length / SECTOR * SECTOR, place.offset, &error))
            return fail(&error);
    }
    free(data);
    fclose(log);
    platter_image_close(image);
    return 0;
}

/* For each sector: the last write that a flush covered, and every later one, may be what is there. */
static int tagged_check_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], false);
    int raw = open(arguments[1], O_RDONLY);
    FILE *log = fopen(arguments[2], "r");
    uint64_t sectors, *flushed, *latest, generation, offset, bad = 0;
    uint8_t ours[SECTOR], theirs[SECTOR];
    struct platter_error error;
    char line[128];
    size_t length;

    if (!image || raw < 0 || !log)
        return 1;
    sectors = platter_block_size(platter_image_block(image)) / SECTOR;
    flushed = calloc(sectors, 8);
    latest = calloc(sectors, 8);
    if (!flushed || !latest)
        return 1;
    while (fgets(line, sizeof(line), log)) {
        if (line[0] == 'f') {
            memcpy(flushed, latest, sectors * 8);
        } else if (sscanf(line, "w %llu %llu %zu", (unsigned long long *)&generation, (unsigned long long *)&offset,
                          &length) == 3) {
            for (uint64_t i = offset / SECTOR; i < (offset + length) / SECTOR; i++)
                latest[i] = generation;
        }
    }
    for (uint64_t i = 0; i < sectors; i++) {
        uint64_t number, written;

        if (platter_block_read(platter_image_block(image), ours, SECTOR, i * SECTOR, &error))
            return fail(&error);
        if (pread(raw, theirs, SECTOR, (off_t)(i * SECTOR)) != SECTOR)
            memset(theirs, 0, SECTOR);
        if (flushed[i] == 0 && memcmp(ours, theirs, SECTOR) == 0)
            continue;
        memcpy(&number, ours, 8);
        memcpy(&written, ours + 8, 8);
        tag(theirs, i, written);
        if (number != i || written < flushed[i] || written > latest[i] || written == 0 ||
            memcmp(ours, theirs, SECTOR) != 0) {
            if (bad++ < 5)
                fprintf(stderr, "%s: sector %llu holds sector %llu of write %llu; flushed was %llu, latest %llu\n",
                        program, (unsigned long long)i, (unsigned long long)number, (unsigned long long)written,
                        (unsigned long long)flushed[i], (unsigned long long)latest[i]);
        }
    }
    free(flushed);
    free(latest);
    fclose(log);
    close(raw);
    platter_image_close(image);
    return bad != 0;
}

int main(int count, char **arguments)
{
    program = arguments[0];
    if (count >= 6 && count <= 8 && strcmp(arguments[1], "read") == 0) {
        options.password = count > 6 ? arguments[6] : NULL;
        options.disk = count > 7 ? (uint32_t)strtoul(arguments[7], NULL, 0) : 0;
        return read_command(arguments + 2);
    }
    if (count == 6 && strcmp(arguments[1], "write") == 0)
        return write_command(arguments + 2);
    if (count == 6 && strcmp(arguments[1], "tagged-write") == 0)
        return tagged_write_command(arguments + 2);
    if (count == 5 && strcmp(arguments[1], "tagged-check") == 0)
        return tagged_check_command(arguments + 2);
    fprintf(stderr, "usage: see the head of tests/tools/image_tool.c\n");
    return 2;
}
