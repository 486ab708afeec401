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
#include "workload.h"

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
    uint64_t state = workload_seeded(arguments[2]), count = strtoull(arguments[3], NULL, 10), size;
    uint8_t *ours = malloc(BUFFER), *theirs = malloc(BUFFER);
    struct platter_error error;

    if (!image || raw < 0 || !ours || !theirs)
        return 1;
    size = platter_block_size(platter_image_block(image));
    for (uint64_t i = 0; i < count; i++) {
        struct place place = workload_pick(&state, 0, size, LARGEST, i % 2 == 0);

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
        struct place place = workload_pick(&writer->state, writer->from, writer->to, LARGEST, i % 4 != 0);
        uint64_t what = workload_next(&writer->state) % 16;
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
                uint64_t word = workload_next(&writer->state);

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
                                     .state = workload_seeded(arguments[2]) + i * 7919,
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

static int tagged_write_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], true);
    FILE *log = fopen(arguments[1], "w");
    uint64_t state = workload_seeded(arguments[2]), count = strtoull(arguments[3], NULL, 10), size;
    uint8_t *data = malloc(BUFFER);
    struct platter_error error;

    if (!image || !log || !data)
        return 1;
    size = platter_block_size(platter_image_block(image));
    setvbuf(log, NULL, _IOLBF, 0);
    for (uint64_t generation = 1; generation <= count; generation++) {
        struct place place = workload_pick(&state, 0, size, LARGEST, true);

        if (generation % 8 == 0) {
            if (platter_block_flush(platter_image_block(image), &error))
                return fail(&error);
            fprintf(log, "f %llu\n", (unsigned long long)generation);
            continue;
        }
        for (size_t i = 0; i < place.length / SECTOR; i++)
            workload_tag(data + i * SECTOR, place.offset / SECTOR + i, generation);
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

/* Reads what was done from its log. */
static void read_log(FILE *log, struct expected *expected)
{
    unsigned long long generation, offset;
    struct place place;
    char line[128];

    while (fgets(line, sizeof(line), log)) {
        if (line[0] == 'f')
            expected_flush(expected);
        else if (sscanf(line, "w %llu %llu %zu", &generation, &offset, &place.length) == 3) {
            place.offset = offset;
            expected_write(expected, &place, generation);
        }
    }
}

static int tagged_check_command(char **arguments)
{
    struct platter_image *image = open_image(arguments[0], false);
    int raw = open(arguments[1], O_RDONLY);
    FILE *log = fopen(arguments[2], "r");
    struct expected expected;
    uint8_t ours[SECTOR], theirs[SECTOR];
    struct platter_error error;
    uint64_t bad = 0;

    if (!image || raw < 0 || !log)
        return 1;
    if (!expected_init(&expected, platter_block_size(platter_image_block(image)) / SECTOR))
        return 1;
    read_log(log, &expected);
    for (uint64_t i = 0; i < expected.sectors && bad < 5; i++) {
        if (platter_block_read(platter_image_block(image), ours, SECTOR, i * SECTOR, &error))
            return fail(&error);
        if (pread(raw, theirs, SECTOR, (off_t)(i * SECTOR)) != SECTOR)
            memset(theirs, 0, SECTOR);
        bad += !expected_holds(&expected, i, ours, theirs);
    }
    expected_free(&expected);
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
