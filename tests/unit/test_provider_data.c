/* SPDX-License-Identifier: MIT */
/* The provider over the loopback: bytes arrive where they belong, whatever the load and the size of the pieces. */
#include "provider_rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WRITABLE (PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD)

/* ---- Threads of random requests against a shadow ------------------------------------------------------------------- */

struct exerciser {
    struct platter_loopback *loopback;
    uint64_t volume_id, begin, size; /* the part of the disk that is this thread's alone */
    uint32_t sector, longest;        /* bytes */
    unsigned rounds;
    uint64_t seed;
    uint8_t *shadow;
    uint32_t status;     /* first that was not OK */
    unsigned mismatches; /* reads that did not give what was written */
    pthread_t thread;
};

static void *exercise(void *context)
{
    struct exerciser *self = context;
    uint8_t *buffer = malloc(self->longest);
    for (unsigned round = 0; buffer && round < self->rounds && self->status == PLATTER_STATUS_OK; round++) {
        uint64_t length = (rig_random(&self->seed) % (self->longest / self->sector) + 1) * self->sector;
        uint64_t offset = rig_random(&self->seed) % ((self->size - length) / self->sector + 1) * self->sector;
        bool write = rig_random(&self->seed) & 1;
        if (write) {
            for (uint64_t i = 0; i + 8 <= length; i += 8) {
                uint64_t value = rig_random(&self->seed);
                memcpy(buffer + i, &value, 8);
            }
            memcpy(self->shadow + offset, buffer, length);
        }
        self->status = platter_loopback_io(self->loopback, self->volume_id, write ? PLATTER_OP_WRITE : PLATTER_OP_READ,
                                           buffer, self->begin + offset, length);
        if (!write && self->status == PLATTER_STATUS_OK && memcmp(self->shadow + offset, buffer, length) != 0)
            self->mismatches++;
    }
    if (!buffer)
        self->status = PLATTER_STATUS_NO_MEMORY;
    free(buffer);
    return NULL;
}

/* `count` threads, each on its own part of the volume; afterwards the whole volume is compared with all shadows. */
static void exercise_volume(struct platter_loopback *loopback, uint64_t volume_id, uint64_t size, uint32_t sector,
                            uint32_t longest, unsigned rounds, unsigned count, uint64_t seed)
{
    struct exerciser *threads = calloc(count, sizeof(*threads));
    uint8_t *shadow = calloc(1, size), *disk = malloc(size);
    assert_non_null(threads);
    assert_non_null(shadow);
    assert_non_null(disk);
    for (unsigned i = 0; i < count; i++) {
        uint64_t part = size / count;
        threads[i] = (struct exerciser){
            .loopback = loopback,
            .volume_id = volume_id,
            .begin = part * i,
            .size = part,
            .sector = sector,
            .longest = longest,
            .rounds = rounds,
            .seed = seed * 1000 + i + 1,
            .shadow = shadow + part * i,
        };
        assert_int_equal(pthread_create(&threads[i].thread, NULL, exercise, &threads[i]), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
        assert_int_equal(threads[i].status, PLATTER_STATUS_OK);
        assert_int_equal(threads[i].mismatches, 0);
    }
    assert_int_equal(platter_loopback_io(loopback, volume_id, PLATTER_OP_READ, disk, 0, size), PLATTER_STATUS_OK);
    assert_memory_equal(disk, shadow, size);
    free(disk);
    free(shadow);
    free(threads);
}

static void serve_and_exercise(uint64_t size, uint32_t sector, uint32_t longest, unsigned rounds, unsigned threads,
                               const struct platter_provider_options *options)
{
    struct platter_block *block = memory_block_create(size, sector, WRITABLE);
    struct platter_volume_info info;
    struct rig rig;
    rig_open(&rig, &block, 1, 0, options);
    exercise_volume(rig.loopback, rig.info.volume_id, size, sector, longest, rounds, threads, size + sector);
    assert_true(rig_info(rig.loopback, rig.info.volume_id, &info));
    assert_int_equal(info.failed_requests, 0);
    assert_int_equal(info.late_answers, 0);
    assert_int_equal(info.in_flight, 0);
    rig_close(&rig);
}

static void eight_threads_of_random_sizes_keep_every_byte(void **state)
{
    (void)state;
    serve_and_exercise(64 * MIB, 512, 5 * MIB, 16, 8, NULL);
}

static void the_smallest_batch_carries_the_largest_sectors(void **state)
{
    const struct platter_provider_options options = {.workers = 4, .batch_bytes = PLATTER_TRANSACT_MIN_BATCH};
    (void)state;
    serve_and_exercise(4 * MIB, 4096, 256 * KIB, 20, 4, &options);
}

static void odd_batches_and_every_sector_size_work(void **state)
{
    (void)state;
    for (uint32_t sector = 512; sector <= 4096; sector *= 2) {
        const struct platter_provider_options options = {.workers = 3,
                                                         .batch_bytes = PLATTER_TRANSACT_MIN_BATCH + 3 * sector + 100};
        serve_and_exercise(2 * MIB, sector, 128 * KIB, 20, 4, &options);
    }
    const struct platter_provider_options large = {.workers = 3, .batch_bytes = PLATTER_TRANSACT_MAX_BATCH};
    serve_and_exercise(32 * MIB, 2048, 4 * MIB, 10, 4, &large);
}

static void one_worker_is_enough(void **state)
{
    const struct platter_provider_options options = {.workers = 1};
    (void)state;
    serve_and_exercise(8 * MIB, 512, MIB, 30, 8, &options);
}

/* ---- Many at once --------------------------------------------------------------------------------------------------- */

static void two_hundred_and_fifty_six_clients_at_once(void **state)
{
    enum { CLIENTS = 256 };
    struct platter_block *block = memory_block_create(CLIENTS * 8 * KIB, 512, WRITABLE);
    struct rig_client *clients = calloc(CLIENTS, sizeof(*clients));
    uint8_t *disk = memory_block_data(block), *buffers = malloc(CLIENTS * 8 * KIB);
    const struct platter_provider_options options = {.workers = 8};
    pthread_barrier_t gate;
    struct rig rig;
    (void)state;

    assert_int_equal(pthread_barrier_init(&gate, NULL, CLIENTS + 1), 0);
    assert_non_null(clients);
    assert_non_null(buffers);
    for (size_t i = 0; i < CLIENTS * 8 * KIB; i++)
        disk[i] = (uint8_t)(i * 7 + i / 8192);
    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, &options);
    /* The first ones stall all workers, so that the others have to wait together. */
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 500, .times = 8});
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 5});
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct rig_client){
            .loopback = rig.loopback,
            .volume_id = rig.info.volume_id,
            .op = PLATTER_OP_READ,
            .buffer = buffers + i * 8 * KIB,
            .offset = (uint64_t)i * 8 * KIB,
            .length = 8 * KIB,
            .gate = &gate,
        };
        rig_client_start(&clients[i]);
    }
    pthread_barrier_wait(&gate);
    rig_wait_in_flight(rig.loopback, rig.info.volume_id, 64);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_STATUS_OK);
    assert_memory_equal(buffers, disk, CLIENTS * 8 * KIB);
    pthread_barrier_destroy(&gate);
    /* All workers had work at the same time: no one of them took it all. */
    assert_true(memory_block_counts(block).most_at_once >= 7);
    platter_block_unref(block);
    rig_close(&rig);
    free(buffers);
    free(clients);
}

/* With slow reads, requests that come while some workers are idle must not queue behind one of them. */
static void slow_requests_spread_over_idle_workers(void **state)
{
    enum { CLIENTS = 8 };
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct rig_client clients[CLIENTS];
    uint8_t buffers[CLIENTS][512];
    const struct platter_provider_options options = {.workers = CLIENTS};
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, &options);
    /* Fast requests first: they teach the workers to take many at a time. */
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, buffers[0], 0, 512), 0);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 100});
    uint64_t begin = rig_now_ms();
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct rig_client){.loopback = rig.loopback,
                                         .volume_id = rig.info.volume_id,
                                         .op = PLATTER_OP_READ,
                                         .buffer = buffers[i],
                                         .length = 512};
        rig_client_start(&clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_STATUS_OK);
    assert_true(rig_now_ms() - begin < 400); /* one after the other they would take 800 */
    platter_block_unref(block);
    rig_close(&rig);
}

static void ten_volumes_on_one_session(void **state)
{
    enum { VOLUMES = 10 };
    struct platter_block *blocks[VOLUMES];
    uint64_t ids[VOLUMES + 1];
    struct rig rig;
    (void)state;

    for (unsigned i = 0; i < VOLUMES; i++)
        blocks[i] = memory_block_create(MIB + i * 8192, i % 2 ? 4096 : 512, WRITABLE);
    rig_open(&rig, blocks, VOLUMES, 0, NULL);
    assert_int_equal(rig_list(rig.loopback, ids, VOLUMES + 1), VOLUMES);
    for (unsigned i = 0; i < VOLUMES; i++) {
        struct platter_volume_info info;
        assert_true(rig_info(rig.loopback, ids[i], &info));
        assert_int_equal(info.length_bytes, MIB + i * 8192);
        assert_int_equal(info.sector_size, i % 2 ? 4096 : 512);
        assert_int_equal(info.state, PLATTER_STATE_RUNNING);
        assert_int_equal(info.letter, 'D' + i);
        exercise_volume(rig.loopback, ids[i], MIB + i * 8192, 4096, 64 * KIB, 10, 2, i);
    }
    rig_close(&rig);
}

static void *exercise_session(void *context)
{
    struct rig *rig = context;
    exercise_volume(rig->loopback, rig->info.volume_id, 2 * MIB, 512, 256 * KIB, 12, 2, rig->info.volume_id);
    return NULL;
}

static void ten_sessions_on_one_loopback(void **state)
{
    enum { SESSIONS = 10 };
    struct rig rigs[SESSIONS];
    pthread_t threads[SESSIONS];
    struct platter_loopback *loopback;
    const struct platter_provider_options options = {.workers = 2};
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct platter_provider_volume volume = {.block = memory_block_create(2 * MIB, 512, WRITABLE)};
        struct platter_transport *transport;
        assert_result(platter_loopback_connect(loopback, &transport, NULL), PLATTER_OK);
        assert_result(platter_provider_create(transport, &volume, 1, &options, &rigs[i].provider, NULL), PLATTER_OK);
        assert_result(platter_provider_announce(rigs[i].provider, 0, &rigs[i].info, NULL), PLATTER_OK);
        rigs[i].loopback = loopback;
        platter_block_unref(volume.block);
    }
    assert_int_equal(rig_list(loopback, NULL, 0), SESSIONS);
    for (unsigned i = 0; i < SESSIONS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, exercise_session, &rigs[i]), 0);
    for (unsigned i = 0; i < SESSIONS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    /* One goes, the others stay. */
    for (unsigned i = 0; i < SESSIONS; i++) {
        assert_result(platter_provider_free(rigs[i].provider, NULL), PLATTER_OK);
        assert_int_equal(rig_list(loopback, NULL, 0), SESSIONS - 1 - i);
    }
    platter_loopback_free(loopback);
}

/* ---- What the block decides ------------------------------------------------------------------------------------------- */

static void flags_and_sizes_come_from_the_block(void **state)
{
    struct platter_block *blocks[3] = {memory_block_create(100 * 512 + 77, 512, 0),
                                       memory_block_create(MIB, 512, PLATTER_CAP_WRITE),
                                       memory_block_create(MIB, 512, WRITABLE)};
    const uint32_t flags[3] = {PLATTER_VOLUME_READ_ONLY, 0, PLATTER_VOLUME_TRIM};
    struct platter_volume_info infos[3];
    uint64_t ids[3];
    uint8_t sector[512] = {1};
    struct rig rig;
    (void)state;

    rig_open(&rig, blocks, 3, 0, NULL);
    assert_int_equal(rig_list(rig.loopback, ids, 3), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rig_info(rig.loopback, ids[i], &infos[i]));
        assert_int_equal(infos[i].flags, flags[i]);
    }
    assert_int_equal(infos[0].length_bytes, 100 * 512); /* the odd tail is not a sector */
    assert_memory_not_equal(infos[0].unique_id, infos[1].unique_id, 16);
    assert_int_equal(platter_loopback_io(rig.loopback, ids[0], PLATTER_OP_WRITE, sector, 0, 512),
                     PLATTER_STATUS_READ_ONLY);
    assert_int_equal(platter_loopback_io(rig.loopback, ids[1], PLATTER_OP_DISCARD, NULL, 0, 512),
                     PLATTER_STATUS_NOT_SUPPORTED);
    assert_int_equal(platter_loopback_io(rig.loopback, ids[1], PLATTER_OP_READ, sector, MIB, 512),
                     PLATTER_STATUS_OUT_OF_RANGE);
    assert_int_equal(platter_loopback_io(rig.loopback, ids[1], PLATTER_OP_READ, sector, UINT64_MAX - 511, 512),
                     PLATTER_STATUS_OUT_OF_RANGE);
    rig_close(&rig);
}

static void flush_and_discard_reach_the_block(void **state)
{
    struct platter_block *block = memory_block_create(4 * MIB, 512, WRITABLE);
    struct platter_provider_stats stats;
    uint8_t bytes[8192];
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, NULL);
    memset(bytes, 0x5a, sizeof(bytes));
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_WRITE, bytes, 8192, 8192), 0);
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_FLUSH, NULL, 0, 0), 0);
    assert_int_equal(memory_block_counts(block).flushes, 1);
    /* Longer than a transfer: a discard has no data and stays one request. */
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_DISCARD, NULL, 0, 3 * MIB), 0);
    assert_int_equal(memory_block_counts(block).discards, 1);
    platter_provider_get_stats(rig.provider, &stats);
    assert_int_equal(stats.written_bytes, 8192);
    assert_int_equal(stats.read_bytes, 512); /* the probe */
    assert_int_equal(stats.requests, 4);
    assert_int_equal(stats.failed_requests, 0);
    assert_int_equal(stats.last_error.result, PLATTER_OK);
    rig_close(&rig);
    assert_int_equal(memory_block_counts(block).flushes, 2); /* the last one is the provider's own, at its end */
    platter_block_unref(block);
}

static void beyond_two_terabytes(void **state)
{
    const uint64_t size = 5ull << 40;
    struct platter_block *block = memory_block_create_sparse(size, 512, PLATTER_CAP_WRITE);
    uint8_t bytes[4096], back[4096];
    struct rig rig;
    (void)state;

    rig_open(&rig, &block, 1, 0, NULL);
    memset(bytes, 0xa5, sizeof(bytes));
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_WRITE, bytes, size - 4096, 4096),
                     0);
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, back, size - 4096, 4096),
                     0);
    assert_memory_equal(bytes, back, sizeof(back));
    /* The same place modulo 2^32 and modulo 2 TiB is still empty. */
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(
        platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, back, (uint32_t)(size - 4096), 4096), 0);
    assert_memory_equal(bytes, back, sizeof(back));
    assert_int_equal(
        platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, back, (2ull << 40) - 4096, 4096), 0);
    assert_memory_equal(bytes, back, sizeof(back));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_threads_of_random_sizes_keep_every_byte),
        cmocka_unit_test(the_smallest_batch_carries_the_largest_sectors),
        cmocka_unit_test(odd_batches_and_every_sector_size_work),
        cmocka_unit_test(one_worker_is_enough),
        cmocka_unit_test(two_hundred_and_fifty_six_clients_at_once),
        cmocka_unit_test(slow_requests_spread_over_idle_workers),
        cmocka_unit_test(ten_volumes_on_one_session),
        cmocka_unit_test(ten_sessions_on_one_loopback),
        cmocka_unit_test(flags_and_sizes_come_from_the_block),
        cmocka_unit_test(flush_and_discard_reach_the_block),
        cmocka_unit_test(beyond_two_terabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
