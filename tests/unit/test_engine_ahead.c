/* SPDX-License-Identifier: MIT */
/* Reading ahead: the same bytes, fewer waits for streams, no more for the others, and nothing stale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <memory_block.h>

#include "../../engine/ahead.h"
#include "../../engine/os/system.h"
#include "../../engine/os/thread.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define SIZE (24u * MIB + 512u)

struct rig {
    struct platter_block *below, *ahead;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static void set_up(struct rig *rig, unsigned delay_ms)
{
    const struct memory_fault slow = {.operations = MEMORY_READ, .delay_ms = delay_ms};
    const struct platter_ahead_options options = {.chunk = 256 * KIB, .threads = 16};

    rig->below = memory_block_create(SIZE, 512, PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD | PLATTER_CAP_MAP);
    assert_non_null(rig->below);
    memory_block_order(rig->below);
    for (uint64_t i = 0; i < SIZE; i++)
        memory_block_data(rig->below)[i] = byte_at(i);
    if (delay_ms)
        memory_block_add_fault(rig->below, &slow);
    assert_int_equal(platter_ahead_create(rig->below, &options, &rig->ahead, NULL), PLATTER_OK);
}

static void tear_down(struct rig *rig)
{
    platter_block_unref(rig->ahead);
    platter_block_unref(rig->below);
}

static void read_and_check(struct rig *rig, uint64_t offset, size_t length)
{
    uint8_t *data = malloc(length);

    assert_non_null(data);
    assert_int_equal(platter_block_read(rig->ahead, data, length, offset, NULL), PLATTER_OK);
    assert_memory_equal(data, memory_block_data(rig->below) + offset, length);
    free(data);
}

/* Returns milliseconds. */
static uint64_t read_through(struct rig *rig, uint64_t from, uint64_t to, size_t step)
{
    uint64_t begun = platter_os_monotonic_ms();

    for (uint64_t at = from; at < to; at += step)
        read_and_check(rig, at, to - at < step ? (size_t)(to - at) : step);
    return platter_os_monotonic_ms() - begun;
}

static void streams_wait_less(void **state)
{
    struct rig rig;
    struct memory_counts counts;

    (void)state;
    set_up(&rig, 4);
    (void)read_through(&rig, 0, SIZE, 64 * KIB);
    counts = memory_block_counts(rig.below);
    /* 385 reads of 64 KiB were asked for; chunks of 256 KiB are 97. Several were under way at once. */
    assert_true(counts.reads <= 97 + 8);
    assert_true(counts.most_at_once >= 4);
    tear_down(&rig);
}

static void several_streams(void **state)
{
    struct rig rig;
    struct memory_counts counts;

    (void)state;
    set_up(&rig, 1);
    for (uint64_t at = 0; at < 4 * MIB; at += 32 * KIB) {
        for (uint64_t stream = 0; stream < 4; stream++)
            read_and_check(&rig, stream * 6 * MIB + at, 32 * KIB);
    }
    counts = memory_block_counts(rig.below);
    /* 512 reads; 16 chunks of each stream, what was read ahead in vain, and the first of each one by one. */
    assert_true(counts.reads <= 4 * (24 + 4));
    tear_down(&rig);
}

static void random_reads_are_left_alone(void **state)
{
    struct rig rig;
    struct memory_counts counts;
    uint32_t random = 1, count = 300;

    (void)state;
    set_up(&rig, 0);
    for (uint32_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        read_and_check(&rig, (uint64_t)(random >> 8) % (SIZE - 4096), 4096);
    }
    counts = memory_block_counts(rig.below);
    assert_true(counts.bytes_read <= (uint64_t)count * 4096 * 2);
    tear_down(&rig);
}

static void a_failure_is_of_its_range(void **state)
{
    const struct memory_fault bad = {
        .operations = MEMORY_READ, .offset = 5 * MIB + 512, .length = 512, .result = PLATTER_E_DAMAGED};
    struct platter_error error;
    uint8_t data[1024];
    struct rig rig;

    (void)state;
    set_up(&rig, 0);
    memory_block_add_fault(rig.below, &bad);
    (void)read_through(&rig, 0, 5 * MIB + 512, 512 * 31);
    assert_int_equal(platter_block_read(rig.ahead, data, 512, 5 * MIB + 512, &error), PLATTER_E_DAMAGED);
    (void)read_through(&rig, 5 * MIB + 1024, 7 * MIB, 512 * 31);
    memory_block_clear_faults(rig.below);
    read_and_check(&rig, 5 * MIB, 4096);
    tear_down(&rig);
}

static void writes_are_seen(void **state)
{
    struct rig rig;
    uint8_t data[4096], back[4096];

    (void)state;
    set_up(&rig, 0);
    memset(data, 0xA5, sizeof(data));
    (void)read_through(&rig, 0, 4 * MIB, 64 * KIB);
    /* Behind the stream, and where it has read ahead already. */
    for (uint64_t at = 3 * MIB; at < 8 * MIB; at += 300 * KIB) {
        assert_int_equal(platter_block_write(rig.ahead, data, sizeof(data), at, NULL), PLATTER_OK);
        assert_int_equal(platter_block_read(rig.ahead, back, sizeof(back), at, NULL), PLATTER_OK);
        assert_memory_equal(back, data, sizeof(data));
    }
    assert_int_equal(platter_block_discard(rig.ahead, 0, 16 * MIB, NULL), PLATTER_OK);
    memcpy(data, memory_block_data(rig.below) + 3 * MIB, sizeof(data));
    assert_int_equal(platter_block_read(rig.ahead, back, sizeof(back), 3 * MIB, NULL), PLATTER_OK);
    assert_memory_equal(back, data, sizeof(data));
    tear_down(&rig);
}

static void decoders_get_an_own_size_and_number(void **state)
{
    static const uint32_t units[] = {512, 64 * KIB, 256 * KIB, 768 * KIB, 2 * MIB};
    struct platter_block *above;
    struct rig rig;

    (void)state;
    set_up(&rig, 0);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t before = memory_block_counts(rig.below).reads, reads;
        uint8_t *data = malloc(64 * KIB);

        assert_non_null(data);
        assert_int_equal(platter_ahead_of_decoder(rig.below, units[i], &above, NULL), PLATTER_OK);
        assert_true(platter_os_cpu_count() == 1 ? above == rig.below : above != rig.below);
        for (uint64_t at = 0; at < SIZE; at += 64 * KIB) {
            size_t length = SIZE - at < 64 * KIB ? (size_t)(SIZE - at) : 64 * KIB;

            assert_int_equal(platter_block_read(above, data, length, at, NULL), PLATTER_OK);
            assert_memory_equal(data, memory_block_data(rig.below) + at, length);
        }
        platter_block_unref(above);
        reads = memory_block_counts(rig.below).reads - before;
        if (platter_os_cpu_count() > 1)
            assert_true(reads <= SIZE / (units[i] < 256 * KIB ? 256 * KIB : units[i]) + 6);
        free(data);
    }
    /* Units that cannot be kept by the dozen are left alone. */
    assert_int_equal(platter_ahead_of_decoder(rig.below, 4 * MIB, &above, NULL), PLATTER_OK);
    assert_ptr_equal(above, rig.below);
    platter_block_unref(above);
    tear_down(&rig);
}

static void read_all(void *context)
{
    for (unsigned i = 0; i < 3; i++)
        (void)read_through(context, 0, SIZE, 48 * KIB + i * 4096);
}

static void many_threads(void **state)
{
    struct platter_thread *threads[6];
    struct rig rig;

    (void)state;
    set_up(&rig, 0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(platter_thread_start(read_all, &rig, &threads[i], NULL), PLATTER_OK);
    for (unsigned i = 0; i < 6; i++)
        platter_thread_join(threads[i]);
    tear_down(&rig);
}

static void closing_while_reading_ahead(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct rig rig;

        set_up(&rig, 3);
        (void)read_through(&rig, 0, 256 * KIB + i * 64 * KIB, 64 * KIB);
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_wait_less),
        cmocka_unit_test(several_streams),
        cmocka_unit_test(random_reads_are_left_alone),
        cmocka_unit_test(a_failure_is_of_its_range),
        cmocka_unit_test(writes_are_seen),
        cmocka_unit_test(decoders_get_an_own_size_and_number),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(closing_while_reading_ahead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
