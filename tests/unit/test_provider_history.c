/* SPDX-License-Identifier: MIT */
/*
 * Loopback, provider and engine under threads that read and write the same sectors at once, in each format that can be
 * written to: no write is lost, none comes late, no neighbour is overwritten with what it held before (history.h).
 * PLATTER_SEED=n is one seed, PLATTER_ROUNDS=n that many requests a thread.
 */
#include "provider_rig.h"

#include "history.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_BYTES (8u * MIB)
#define SECTOR 512u
#define LONGEST 160u /* sectors of a request */
#define THREADS 6u
#define WHY 400u

static char folder[64];

struct client {
    struct platter_loopback *loopback;
    uint64_t volume_id;
    struct history *history;
    uint64_t seed;
    unsigned rounds;
    uint32_t failed; /* status of the first request that failed */
    char why[WHY];   /* what was read and cannot be */
    pthread_t thread;
};

static unsigned number_of(const char *name, unsigned usual)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 0) : usual;
}

/* Mostly around a few places, where requests meet; the ends of 4 KiB blocks are met often. */
static uint64_t choose(uint64_t *seed, uint64_t *count)
{
    uint64_t sectors = DISK_BYTES / SECTOR, first = rig_random(seed) % 4 * (sectors / 4) + rig_random(seed) % 24;

    *count = rig_random(seed) % 4 ? rig_random(seed) % 10 + 1 : rig_random(seed) % LONGEST + 1;
    if (rig_random(seed) % 8 == 0)
        first = rig_random(seed) % sectors;
    return first + *count > sectors ? sectors - *count : first;
}

static void *run(void *context)
{
    struct client *self = context;
    uint8_t *data = malloc(LONGEST * SECTOR);

    for (unsigned round = 0; data && round < self->rounds && !self->failed && !self->why[0]; round++) {
        uint64_t count, first = choose(&self->seed, &count), number;
        bool write = rig_random(&self->seed) & 1;

        number = write ? history_write_begins(self->history, first, count, data) : history_read_begins(self->history);
        self->failed = platter_loopback_io(self->loopback, self->volume_id, write ? PLATTER_OP_WRITE : PLATTER_OP_READ,
                                           data, first * SECTOR, count * SECTOR);
        if (write)
            history_write_ends(self->history, number, first, count, self->failed == 0);
        else
            (void)history_read_ends(self->history, number, first, count, self->failed ? NULL : data, self->why, WHY);
        if (rig_random(&self->seed) % 64 == 0 && !self->failed)
            self->failed = platter_loopback_io(self->loopback, self->volume_id, PLATTER_OP_FLUSH, NULL, 0, 0);
    }
    if (!data)
        self->failed = PLATTER_STATUS_NO_MEMORY;
    free(data);
    return NULL;
}

/* What lies in the image at last, found by somebody who opens it anew. */
static void check_whole(struct history *history, struct platter_block *block, uint64_t seed)
{
    uint8_t *disk = malloc(DISK_BYTES);
    char why[WHY] = "";
    uint64_t token = history_read_begins(history);

    assert_non_null(disk);
    assert_result(platter_block_read(block, disk, DISK_BYTES, 0, NULL), PLATTER_OK);
    if (!history_read_ends(history, token, 0, DISK_BYTES / SECTOR, disk, why, WHY))
        fail_msg("seed %llu, in the end: %s", (unsigned long long)seed, why);
    free(disk);
}

static struct history *storm(struct platter_block *block, uint64_t seed, const struct platter_provider_options *options)
{
    struct history *history = history_create(DISK_BYTES / SECTOR, SECTOR);
    struct client clients[THREADS];
    struct rig rig;

    rig_open(&rig, &block, 1, 0, options);
    for (unsigned i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.loopback = rig.loopback,
                                     .volume_id = rig.info.volume_id,
                                     .history = history,
                                     .seed = seed * 64 + i + 1,
                                     .rounds = number_of("PLATTER_ROUNDS", 200)};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run, &clients[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        if (clients[i].why[0])
            fail_msg("seed %llu, thread %u: %s", (unsigned long long)seed, i, clients[i].why);
        assert_int_equal(clients[i].failed, PLATTER_STATUS_OK);
    }
    rig_close(&rig);
    return history;
}

static struct platter_image *open_image(const char *path, uint32_t flags)
{
    const struct platter_open_options options = {.flags = flags};
    struct platter_image *image;
    struct platter_error err;

    if (platter_image_open(path, &options, &image, &err) != PLATTER_OK)
        fail_msg("%s", err.message);
    return image;
}

static void storm_over_image(const char *format, const char *subformat, uint32_t flags, uint32_t batch_bytes)
{
    const struct platter_convert_options make = {
        .format = format, .subformat = subformat, .size = DISK_BYTES, .overwrite = true};
    const struct platter_provider_options options = {.workers = 4, .batch_bytes = batch_bytes};
    unsigned seed = number_of("PLATTER_SEED", 0), last = seed ? seed : 2;
    struct platter_error err;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/disk.%s", folder, format);
    for (seed = seed ? seed : 1; seed <= last; seed++) {
        struct platter_image *image;
        struct history *history;

        assert_result(platter_create(path, &make, &err), PLATTER_OK);
        image = open_image(path, flags | PLATTER_OPEN_WRITABLE);
        history = storm(platter_block_ref(platter_image_block(image)), seed, &options);
        platter_image_close(image);
        image = open_image(path, 0);
        check_whole(history, platter_image_block(image), seed);
        platter_image_close(image);
        history_free(history);
    }
    assert_int_equal(unlink(path), 0);
}

static void a_disk_in_memory(void **state)
{
    const struct platter_provider_options options = {.workers = 4, .batch_bytes = PLATTER_TRANSACT_MIN_BATCH};

    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct platter_block *block = memory_block_create(DISK_BYTES, SECTOR, PLATTER_CAP_WRITE);
        struct history *history;

        platter_block_ref(block);
        history = storm(block, seed, seed & 1 ? NULL : &options); /* whole, and in pieces */
        check_whole(history, block, seed);
        platter_block_unref(block);
        history_free(history);
    }
}

static void raw(void **state)
{
    (void)state;
    storm_over_image("raw", NULL, 0, 0);
}

/* Sectors shorter than what the file is written in: a part of a block is changed by reading and writing all of it. */
static void raw_past_the_cache(void **state)
{
    (void)state;
    storm_over_image("raw", NULL, PLATTER_OPEN_UNBUFFERED, 0);
}

static void vhd(void **state)
{
    (void)state;
    storm_over_image("vhd", "dynamic", PLATTER_OPEN_UNBUFFERED, 0);
    storm_over_image("vhd", "fixed", 0, PLATTER_TRANSACT_MIN_BATCH);
}

static void vhdx(void **state)
{
    (void)state;
    storm_over_image("vhdx", NULL, PLATTER_OPEN_UNBUFFERED, 0);
}

static void qcow2(void **state)
{
    (void)state;
    storm_over_image("qcow2", NULL, 0, 0);
    storm_over_image("qcow2", NULL, PLATTER_OPEN_UNBUFFERED, 0);
}

static void vdi_and_vmdk(void **state)
{
    (void)state;
    storm_over_image("vdi", NULL, PLATTER_OPEN_UNBUFFERED, 0);
    storm_over_image("vmdk", NULL, PLATTER_OPEN_UNBUFFERED, 0);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/platter-history.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_in_memory),
        cmocka_unit_test(raw),
        cmocka_unit_test(raw_past_the_cache),
        cmocka_unit_test(vhd),
        cmocka_unit_test(vhdx),
        cmocka_unit_test(qcow2),
        cmocka_unit_test(vdi_and_vmdk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
