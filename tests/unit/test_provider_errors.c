/* SPDX-License-Identifier: MIT */
/* The provider when things go wrong: failing and stalling images, refused starts, ends at a bad moment. */
#include "provider_rig.h"

#include <string.h>

#define WRITABLE (PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD)

static uint8_t bytes[8 * KIB];

static uint32_t io(struct rig *rig, enum platter_op op, uint64_t offset, uint64_t length)
{
    return platter_loopback_io(rig->loopback, rig->info.volume_id, op, bytes, offset, length);
}

/* ---- Statuses ------------------------------------------------------------------------------------------------------- */

static void errors_of_the_image_become_statuses(void **state)
{
    static const struct {
        enum platter_result result;
        uint32_t status;
    } pairs[] = {
        {PLATTER_E_IO, PLATTER_STATUS_IO_ERROR},          {PLATTER_E_FAILED, PLATTER_STATUS_IO_ERROR},
        {PLATTER_E_DAMAGED, PLATTER_STATUS_DAMAGED},      {PLATTER_E_FORMAT, PLATTER_STATUS_DAMAGED},
        {PLATTER_E_NO_SPACE, PLATTER_STATUS_NO_SPACE},    {PLATTER_E_READ_ONLY, PLATTER_STATUS_READ_ONLY},
        {PLATTER_E_RANGE, PLATTER_STATUS_OUT_OF_RANGE},   {PLATTER_E_NO_MEMORY, PLATTER_STATUS_NO_MEMORY},
        {PLATTER_E_NOT_FOUND, PLATTER_STATUS_MEDIA_GONE}, {PLATTER_E_UNSUPPORTED, PLATTER_STATUS_NOT_SUPPORTED},
    };
    static const struct {
        enum platter_op op;
        uint32_t hits;
    } ops[] = {
        {PLATTER_OP_READ, MEMORY_READ},
        {PLATTER_OP_WRITE, MEMORY_WRITE},
        {PLATTER_OP_FLUSH, MEMORY_FLUSH},
        {PLATTER_OP_DISCARD, MEMORY_DISCARD},
    };
    struct platter_block *block = memory_block_create(MIB, 512, WRITABLE);
    struct platter_provider_stats stats;
    uint64_t failures = 0;
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, NULL);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        for (size_t j = 0; j < sizeof(ops) / sizeof(ops[0]); j++) {
            memory_block_add_fault(block, &(struct memory_fault){.operations = ops[j].hits, .result = pairs[i].result});
            assert_int_equal(io(&rig, ops[j].op, 4096, 4096), pairs[i].status);
            memory_block_clear_faults(block);
            assert_int_equal(io(&rig, ops[j].op, 4096, 4096), PLATTER_STATUS_OK);
            failures++;
        }
    }
    platter_provider_get_stats(rig.provider, &stats);
    assert_int_equal(stats.failed_requests, failures);
    assert_int_equal(stats.last_error.result, PLATTER_E_UNSUPPORTED);
    assert_true(rig_info(rig.loopback, rig.info.volume_id, &rig.info));
    assert_int_equal(rig.info.failed_requests, failures);
    platter_block_unref(block);
    rig_close(&rig);
}

/* A long request goes in pieces; one bad sector fails it, and only it. */
static void one_bad_piece_fails_the_whole_request(void **state)
{
    static uint8_t large[4 * MIB];
    const struct platter_provider_options options = {.workers = 4, .batch_bytes = PLATTER_TRANSACT_MIN_BATCH};
    struct platter_block *block = memory_block_create(4 * MIB, 512, WRITABLE);
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, &options);
    memory_block_add_fault(
        block, &(struct memory_fault){
                   .operations = MEMORY_READ, .offset = MIB + 512, .length = 512, .result = PLATTER_E_DAMAGED});
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, large, 0, sizeof(large)),
                     PLATTER_STATUS_DAMAGED);
    /* The rest of it was not even asked for: nobody would have got it. */
    assert_true(memory_block_counts(block).bytes_read < 2 * MIB);
    assert_int_equal(platter_loopback_io(rig.loopback, rig.info.volume_id, PLATTER_OP_READ, large, 2 * MIB, 2 * MIB),
                     PLATTER_STATUS_OK);
    assert_true(rig_info(rig.loopback, rig.info.volume_id, &rig.info));
    assert_int_equal(rig.info.late_answers, 0);
    platter_block_unref(block);
    rig_close(&rig);
}

/* ---- Deadlines ------------------------------------------------------------------------------------------------------ */

static void a_stalled_image_times_out_and_its_answer_is_late(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, WRITABLE);
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, PLATTER_MIN_DEADLINE_MS, NULL);
    memory_block_data(block)[0] = 0x77;
    bytes[0] = 0x11;
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 400, .times = 1});
    uint64_t begin = rig_now_ms();
    assert_int_equal(io(&rig, PLATTER_OP_READ, 0, 512), PLATTER_LOOPBACK_TIMEOUT);
    uint64_t took = rig_now_ms() - begin;
    assert_in_range(took, PLATTER_MIN_DEADLINE_MS - 1, 390);
    /* The drive works on while the answer is under way, and the late answer lands nowhere. */
    assert_int_equal(io(&rig, PLATTER_OP_READ, 512, 512), PLATTER_STATUS_OK);
    bytes[0] = 0x11;
    for (unsigned i = 0; i < 500; i++) {
        assert_true(rig_info(rig.loopback, rig.info.volume_id, &rig.info));
        if (rig.info.late_answers > 0)
            break;
        rig_sleep_ms(10);
    }
    assert_int_equal(rig.info.late_answers, 1);
    assert_int_equal(rig.info.failed_requests, 1);
    assert_int_equal(rig.info.in_flight, 0);
    assert_int_equal(bytes[0], 0x11);
    platter_block_unref(block);
    rig_close(&rig);
}

/* Sixteen fetched at once, each taking 40 ms: those done first are answered on the way, or their deadline would pass. */
static void a_batch_that_drags_on_is_answered_on_the_way(void **state)
{
    enum { CLIENTS = 60, SLOW = 30 };
    const struct platter_provider_options options = {.workers = 1};
    struct platter_block *block = memory_block_create(MIB, 512, WRITABLE);
    static struct rig_client clients[CLIENTS];
    static uint8_t sectors[CLIENTS][512];
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, &options);
    /* Behind one that stalls many fast ones gather, which teach the worker to take many at a time. */
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 200, .times = 1});
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct rig_client){.loopback = rig.loopback,
                                         .volume_id = rig.info.volume_id,
                                         .op = PLATTER_OP_READ,
                                         .buffer = sectors[i],
                                         .length = 512};
        rig_client_start(&clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_STATUS_OK);
    assert_true(rig_info(rig.loopback, rig.info.volume_id, &rig.info));
    uint64_t before = rig.info.read_requests;
    memory_block_clear_faults(block);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 40});
    for (unsigned i = 0; i < SLOW; i++)
        rig_client_start(&clients[i]);
    rig_sleep_ms(450);
    assert_true(rig_info(rig.loopback, rig.info.volume_id, &rig.info));
    assert_true(rig.info.read_requests - before >= 4); /* the whole batch is not done before 680 ms */
    for (unsigned i = 0; i < SLOW; i++)
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_STATUS_OK);
    platter_block_unref(block);
    rig_close(&rig);
}

/* ---- Ends ------------------------------------------------------------------------------------------------------------- */

enum { MANY = 40 };

struct crowd {
    struct rig_client clients[MANY];
    uint8_t buffers[MANY][2048];
};

static void crowd_start(struct crowd *crowd, struct rig *rig)
{
    for (unsigned i = 0; i < MANY; i++) {
        crowd->clients[i] = (struct rig_client){.loopback = rig->loopback,
                                                .volume_id = rig->info.volume_id,
                                                .op = PLATTER_OP_READ,
                                                .buffer = crowd->buffers[i],
                                                .offset = i * 2048u,
                                                .length = 2048};
        rig_client_start(&crowd->clients[i]);
    }
    rig_wait_in_flight(rig->loopback, rig->info.volume_id, MANY);
}

static void stopped_in_mid_transfer_everybody_is_told(void **state)
{
    const struct platter_provider_options options = {.workers = 2};
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct crowd crowd;
    unsigned answered = 0, gone = 0;
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, &options);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 300});
    crowd_start(&crowd, &rig);
    while (memory_block_counts(block).most_at_once < 2)
        rig_sleep_ms(1);
    uint64_t begin = rig_now_ms();
    platter_provider_stop(rig.provider);
    assert_true(rig_now_ms() - begin < 200); /* though the image is in the middle of a read */
    assert_false(platter_provider_wait(rig.provider, 0));
    assert_result(platter_provider_free(rig.provider, NULL), PLATTER_OK);
    for (unsigned i = 0; i < MANY; i++) {
        uint32_t status = rig_client_join(&crowd.clients[i]);
        answered += status == PLATTER_STATUS_OK;
        gone += status == PLATTER_LOOPBACK_GONE;
    }
    /* What the two workers had in hand was answered, all else is gone, and nobody waited for a deadline. */
    assert_in_range(answered, 2, MANY / 2);
    assert_int_equal(answered + gone, MANY);
    assert_true(rig_now_ms() - begin < 5000);
    assert_int_equal(rig_list(rig.loopback, NULL, 0), 0);
    assert_int_equal(io(&rig, PLATTER_OP_READ, 0, 512), PLATTER_LOOPBACK_GONE);
    platter_loopback_free(rig.loopback);
    platter_block_unref(block);
}

static void removed_by_another_handle_the_provider_sees_it(void **state)
{
    struct platter_block *blocks[2] = {memory_block_create(MIB, 512, 0), memory_block_create(MIB, 512, 0)};
    struct platter_block *slow = platter_block_ref(blocks[0]);
    struct platter_volume_remove_in in = {0};
    struct platter_transport *other;
    struct platter_error err;
    struct crowd crowd;
    uint64_t ids[2];
    struct rig rig;
    (void)state;

    rig_open(&rig, blocks, 2, 0, NULL);
    assert_int_equal(rig_list(rig.loopback, ids, 2), 2);
    other = rig_connect(rig.loopback);
    memory_block_add_fault(slow, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 200});
    crowd_start(&crowd, &rig);
    in.volume_id = ids[0];
    assert_result(platter_transport_control(other, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL, &err),
                  PLATTER_E_BUSY);
    in.flags = PLATTER_REMOVE_FORCE;
    assert_result(platter_transport_control(other, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL, &err),
                  PLATTER_OK);
    for (unsigned i = 0; i < MANY; i++) {
        uint32_t status = rig_client_join(&crowd.clients[i]);
        assert_true(status == PLATTER_LOOPBACK_GONE || status == PLATTER_STATUS_OK);
    }
    assert_false(platter_provider_wait(rig.provider, 50)); /* one is left */
    assert_int_equal(platter_loopback_io(rig.loopback, ids[1], PLATTER_OP_READ, bytes, 0, 512), PLATTER_STATUS_OK);
    in.volume_id = ids[1];
    in.flags = 0;
    assert_result(platter_transport_control(other, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL, &err),
                  PLATTER_OK);
    assert_true(platter_provider_wait(rig.provider, 10000));
    assert_result(platter_transport_control(other, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL, &err),
                  PLATTER_E_NOT_FOUND);
    platter_transport_close(other);
    platter_block_unref(slow);
    rig_close(&rig);
}

static void the_last_flush_is_reported(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, WRITABLE);
    struct platter_error err;
    struct rig rig;
    (void)state;

    platter_block_ref(block);
    rig_open(&rig, &block, 1, 0, NULL);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_FLUSH, .result = PLATTER_E_NO_SPACE});
    assert_result(platter_provider_free(rig.provider, &err), PLATTER_E_NO_SPACE);
    assert_int_equal(err.result, PLATTER_E_NO_SPACE);
    platter_loopback_free(rig.loopback);
    platter_block_unref(block);
}

/* ---- Starts ----------------------------------------------------------------------------------------------------------- */

static struct platter_provider *serve(struct platter_loopback *loopback, struct platter_block *block, uint32_t letter,
                                      uint32_t deadline_ms)
{
    struct platter_provider_volume volume = {.block = block, .create = {.letter = letter, .deadline_ms = deadline_ms}};
    struct platter_transport *transport;
    struct platter_provider *provider;
    assert_result(platter_loopback_connect(loopback, &transport, NULL), PLATTER_OK);
    assert_result(platter_provider_create(transport, &volume, 1, NULL, &provider, NULL), PLATTER_OK);
    return provider;
}

static void assert_not_announced(struct platter_loopback *loopback)
{
    struct platter_volume_info info;
    uint64_t id;
    assert_int_equal(rig_list(loopback, &id, 1), 1);
    assert_true(rig_info(loopback, id, &info));
    assert_int_equal(info.state, PLATTER_STATE_CREATED);
    assert_int_equal(info.letter, 0);
    assert_int_equal(platter_loopback_io(loopback, id, PLATTER_OP_READ, bytes, 0, 512), PLATTER_LOOPBACK_GONE);
}

static void an_image_that_cannot_be_read_is_not_announced(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct platter_loopback *loopback;
    struct platter_error err;
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    struct platter_provider *provider = serve(loopback, block, 'Q', PLATTER_MIN_DEADLINE_MS);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .result = PLATTER_E_DAMAGED});
    assert_result(platter_provider_announce(provider, 0, NULL, &err), PLATTER_E_DAMAGED);
    assert_text(err, "the first read of the volume failed: ");
    assert_string_not_equal(err.file, ""); /* the image, as the engine named it */
    assert_not_announced(loopback);

    memory_block_clear_faults(block);
    memory_block_add_fault(block, &(struct memory_fault){.operations = MEMORY_READ, .delay_ms = 300, .times = 1});
    assert_result(platter_provider_announce(provider, 0, NULL, &err), PLATTER_E_IO);
    assert_text(err, "was not answered in time");
    assert_not_announced(loopback);

    struct platter_volume_info info;
    rig_sleep_ms(350);
    assert_result(platter_provider_announce(provider, 0, &info, &err), PLATTER_OK);
    assert_int_equal(info.letter, 'Q');
    assert_int_equal(info.route, PLATTER_ROUTE_LINK);
    assert_true(info.mounted_at > 133000000000000000ull); /* after 2022 */
    assert_result(platter_provider_announce(provider, 0, &info, &err), PLATTER_E_BUSY);
    assert_result(platter_provider_announce(provider, 1, &info, &err), PLATTER_E_USAGE);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    platter_loopback_free(loopback);
    platter_block_unref(block);
}

static void a_taken_letter_is_named(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct platter_provider *first, *second;
    struct platter_loopback *loopback;
    struct platter_error err;
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    first = serve(loopback, block, 'Q', 0);
    second = serve(loopback, block, 'Q', 0);
    assert_result(platter_provider_announce(first, 0, NULL, &err), PLATTER_OK);
    assert_result(platter_provider_announce(second, 0, NULL, &err), PLATTER_E_EXISTS);
    assert_text(err, "drive letter Q: is already in use");
    assert_result(platter_provider_free(first, NULL), PLATTER_OK);
    assert_result(platter_provider_announce(second, 0, NULL, &err), PLATTER_OK);
    assert_result(platter_provider_free(second, NULL), PLATTER_OK);
    platter_loopback_free(loopback);
    platter_block_unref(block);
}

static void stop_ends_an_announcement_under_way(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct platter_loopback *loopback;
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    struct platter_provider *provider = serve(loopback, block, 0, 0);
    platter_provider_stop(provider);
    assert_result(platter_provider_announce(provider, 0, NULL, NULL), PLATTER_E_CANCELLED);
    assert_false(platter_provider_wait(provider, 0));
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    platter_loopback_free(loopback);
    platter_block_unref(block);
}

static void senseless_requests_are_refused_and_nothing_is_left(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0), *tiny = memory_block_create(100, 512, 0);
    struct platter_provider_volume volumes[3] = {{.block = block}, {.block = block}, {.block = block}};
    struct platter_provider_options options = {0};
    struct platter_transport *transport;
    struct platter_provider *provider;
    struct platter_loopback *loopback;
    struct platter_error err;
    (void)state;

    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    assert_result(platter_loopback_connect(loopback, &transport, NULL), PLATTER_OK);
    assert_result(platter_provider_create(transport, volumes, 0, NULL, &provider, &err), PLATTER_E_USAGE);
    assert_result(
        platter_provider_create(transport, volumes, PLATTER_MAX_VOLUMES_PER_SESSION + 1, NULL, &provider, &err),
        PLATTER_E_USAGE);
    options.batch_bytes = PLATTER_TRANSACT_MIN_BATCH - 1;
    assert_result(platter_provider_create(transport, volumes, 1, &options, &provider, &err), PLATTER_E_USAGE);
    options.batch_bytes = PLATTER_TRANSACT_MAX_BATCH + 1;
    assert_result(platter_provider_create(transport, volumes, 1, &options, &provider, &err), PLATTER_E_USAGE);
    options.batch_bytes = 0;
    options.workers = 65;
    assert_result(platter_provider_create(transport, volumes, 1, &options, &provider, &err), PLATTER_E_USAGE);
    volumes[2].create.flags = PLATTER_VOLUME_STABLE_ID;
    assert_result(platter_provider_create(transport, volumes, 3, NULL, &provider, &err), PLATTER_E_USAGE);
    volumes[2] = (struct platter_provider_volume){.block = tiny};
    assert_result(platter_provider_create(transport, volumes, 3, NULL, &provider, &err), PLATTER_E_FORMAT);
    assert_text(err, "smaller than one sector");
    /* The driver refuses the third: the two before it go again, and the transport can be used. */
    volumes[2] = (struct platter_provider_volume){.block = block, .create.letter = 'q'};
    assert_result(platter_provider_create(transport, volumes, 3, NULL, &provider, &err), PLATTER_E_DRIVER);
    assert_text(err, "letter");
    assert_int_equal(rig_list(loopback, NULL, 0), 0);
    assert_result(platter_provider_create(transport, volumes, 2, NULL, &provider, &err), PLATTER_OK);
    assert_int_equal(rig_list(loopback, NULL, 0), 2);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    assert_int_equal(rig_list(loopback, NULL, 0), 0);
    platter_loopback_free(loopback);
    platter_block_unref(tiny);
    platter_block_unref(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_the_image_become_statuses),
        cmocka_unit_test(one_bad_piece_fails_the_whole_request),
        cmocka_unit_test(a_stalled_image_times_out_and_its_answer_is_late),
        cmocka_unit_test(a_batch_that_drags_on_is_answered_on_the_way),
        cmocka_unit_test(stopped_in_mid_transfer_everybody_is_told),
        cmocka_unit_test(removed_by_another_handle_the_provider_sees_it),
        cmocka_unit_test(the_last_flush_is_reported),
        cmocka_unit_test(an_image_that_cannot_be_read_is_not_announced),
        cmocka_unit_test(a_taken_letter_is_named),
        cmocka_unit_test(stop_ends_an_announcement_under_way),
        cmocka_unit_test(senseless_requests_are_refused_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
