/* SPDX-License-Identifier: MIT */
/* TRANSACT spoken by hand to the loopback: its form, its pieces, and that a lying provider harms only itself. */
#include "provider_rig.h"

#include <pthread.h>
#include <string.h>

#define DATA PLATTER_TRANSACT_DATA_OFFSET

static struct platter_loopback *loopback;
static struct platter_transport *handle;
static struct platter_error err;

/* A batch and the call that uses it. */
static _Alignas(8) uint8_t batch[DATA + 2 * MIB];
static uint32_t batch_length = DATA + 256 * KIB;
static struct {
    struct platter_transact_in header;
    struct platter_answer answers[PLATTER_MAX_BATCH + 1];
} in;
static struct platter_transact_out out;
static struct platter_request requests[PLATTER_MAX_BATCH];

static enum platter_result transact_sized(uint32_t input_length)
{
    uint32_t returned = 0;
    enum platter_result result = platter_transport_control(handle, PLATTER_IOCTL_TRANSACT, &in, input_length, batch,
                                                           batch_length, &returned, &err);
    if (result == PLATTER_OK) {
        memcpy(&out, batch, sizeof(out));
        assert_int_equal(returned, sizeof(out) + out.request_count * sizeof(requests[0]));
        memcpy(requests, batch + sizeof(out), out.request_count * sizeof(requests[0]));
    }
    return result;
}

static enum platter_result transact(uint32_t answers, uint32_t fetch_max, uint32_t flags)
{
    in.header = (struct platter_transact_in){.answer_count = answers, .fetch_max = fetch_max, .flags = flags};
    return transact_sized((uint32_t)(sizeof(in.header) + answers * sizeof(in.answers[0])));
}

/* Fetches one request into requests[0]. */
static void fetch_one(void)
{
    assert_result(transact(0, 1, 0), PLATTER_OK);
    assert_int_equal(out.request_count, 1);
}

/* Answers requests[0] as a good provider would, with `fill` in each byte of a read. */
static void answer_well(uint8_t fill)
{
    in.answers[0] = (struct platter_answer){.request_id = requests[0].request_id, .length = requests[0].length};
    if (requests[0].op == PLATTER_OP_READ) {
        in.answers[0].data_offset = requests[0].data_offset;
        memset(batch + requests[0].data_offset, fill, requests[0].length);
    }
    assert_result(transact(1, 0, 0), PLATTER_OK);
    assert_int_equal(out.answers_taken, 1);
    assert_int_equal(out.answers_late, 0);
}

static enum platter_result remove_volume(uint64_t id, uint32_t flags)
{
    struct platter_volume_remove_in remove = {.volume_id = id, .flags = flags};
    return platter_transport_control(handle, PLATTER_IOCTL_VOLUME_REMOVE, &remove, sizeof(remove), NULL, 0, NULL, &err);
}

static struct rig_client client_of(uint64_t id, enum platter_op op, void *buffer, uint64_t length)
{
    return (struct rig_client){.loopback = loopback, .volume_id = id, .op = op, .buffer = buffer, .length = length};
}

struct starter {
    uint64_t id;
    enum platter_result result;
    pthread_t thread;
};

static void *starter_main(void *context)
{
    struct starter *starter = context;
    struct platter_volume_start_in start = {.volume_id = starter->id};
    struct platter_volume_info info;
    starter->result = platter_transport_control(handle, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info,
                                                sizeof(info), NULL, NULL);
    return NULL;
}

/* START pends until its probe read is answered, so it has a thread of its own. */
static uint64_t started_volume(uint32_t deadline_ms)
{
    struct platter_volume_create_in create = rig_sound_create();
    struct starter starter = {0};
    create.deadline_ms = deadline_ms;
    assert_result(rig_create_volume(handle, &create, &starter.id, &err), PLATTER_OK);
    assert_int_equal(pthread_create(&starter.thread, NULL, starter_main, &starter), 0);
    fetch_one();
    assert_int_equal(requests[0].op, PLATTER_OP_READ);
    assert_int_equal(requests[0].flags, PLATTER_REQUEST_PROBE);
    assert_int_equal(requests[0].offset, 0);
    assert_int_equal(requests[0].volume_id, starter.id);
    answer_well(0);
    assert_int_equal(pthread_join(starter.thread, NULL), 0);
    assert_result(starter.result, PLATTER_OK);
    return starter.id;
}

static int connect_loopback(void **state)
{
    (void)state;
    batch_length = DATA + 256 * KIB;
    assert_result(platter_loopback_create(&loopback, NULL), PLATTER_OK);
    handle = rig_connect(loopback);
    return 0;
}

static int disconnect_loopback(void **state)
{
    (void)state;
    platter_transport_close(handle);
    platter_loopback_free(loopback);
    return 0;
}

/* ---- TRANSACT: the form ------------------------------------------------------------------------------------------------ */

static void malformed_transacts_are_refused_whole(void **state)
{
    uint64_t id = started_volume(0);
    static uint8_t sector[512];
    struct rig_client client = client_of(id, PLATTER_OP_READ, sector, 512);
    (void)state;

    rig_client_start(&client);
    fetch_one();
    in.answers[0] = (struct platter_answer){
        .request_id = requests[0].request_id, .length = 512, .data_offset = requests[0].data_offset};
    uint32_t one = sizeof(in.header) + sizeof(in.answers[0]);

    in.header = (struct platter_transact_in){.answer_count = 1};
    assert_result(transact_sized(one - 1), PLATTER_E_DRIVER);
    assert_result(transact_sized(one + 1), PLATTER_E_DRIVER);
    assert_result(transact_sized(sizeof(in.header) - 1), PLATTER_E_DRIVER);
    assert_result(transact_sized(0), PLATTER_E_DRIVER);
    in.header.answer_count = UINT32_MAX; /* times 24 it would wrap */
    assert_result(transact_sized(one), PLATTER_E_DRIVER);
    assert_result(transact(PLATTER_MAX_BATCH + 1, 0, 0), PLATTER_E_DRIVER);
    assert_result(transact(1, PLATTER_MAX_BATCH + 1, 0), PLATTER_E_DRIVER);
    assert_result(transact(1, 0, 2), PLATTER_E_DRIVER);
    in.header = (struct platter_transact_in){.answer_count = 1, .reserved = 1};
    assert_result(transact_sized(one), PLATTER_E_DRIVER);
    in.answers[0].reserved = 1;
    assert_result(transact(1, 0, 0), PLATTER_E_DRIVER);
    in.answers[0].reserved = 0;
    batch_length = PLATTER_TRANSACT_MIN_BATCH - 1;
    assert_result(transact(1, 0, 0), PLATTER_E_DRIVER);
    batch_length = PLATTER_TRANSACT_MAX_BATCH + 1;
    assert_result(transact(1, 0, 0), PLATTER_E_DRIVER);
    batch_length = DATA + 256 * KIB;
    /* None of them took the answer. */
    assert_result(transact(1, 0, 0), PLATTER_OK);
    assert_int_equal(out.answers_taken, 1);
    assert_int_equal(rig_client_join(&client), PLATTER_STATUS_OK);
}

static void no_wait_returns_at_once_and_no_volume_does_too(void **state)
{
    (void)state;
    assert_result(transact(0, 1, PLATTER_TRANSACT_NO_WAIT), PLATTER_OK);
    assert_int_equal(out.live_volumes, 0);
    uint64_t id = started_volume(0);
    assert_result(transact(0, PLATTER_MAX_BATCH, PLATTER_TRANSACT_NO_WAIT), PLATTER_OK);
    assert_int_equal(out.request_count, 0);
    assert_int_equal(out.live_volumes, 1);
    assert_result(remove_volume(id, 0), PLATTER_OK);
    assert_result(transact(0, 1, 0), PLATTER_OK); /* would hang if it waited */
    assert_int_equal(out.live_volumes, 0);
}

/* ---- TRANSACT: what is handed out --------------------------------------------------------------------------------------- */

static void requests_come_in_full_batches_with_room_for_their_answers(void **state)
{
    enum { CLIENTS = 70 };
    uint64_t id = started_volume(0);
    static struct rig_client clients[CLIENTS];
    static uint8_t sectors[CLIENTS][1024];
    (void)state;

    for (unsigned i = 0; i < CLIENTS; i++) {
        memset(sectors[i], (int)i, 1024);
        clients[i] = (struct rig_client){.loopback = loopback,
                                         .volume_id = id,
                                         .op = i % 2 ? PLATTER_OP_WRITE : PLATTER_OP_READ,
                                         .buffer = sectors[i],
                                         .offset = i * 1024u,
                                         .length = 1024};
        rig_client_start(&clients[i]);
    }
    rig_wait_in_flight(loopback, id, CLIENTS);
    for (unsigned left = CLIENTS; left > 0; left -= out.request_count) {
        uint32_t cursor = DATA;
        assert_result(transact(left == CLIENTS ? 0 : PLATTER_MAX_BATCH, PLATTER_MAX_BATCH, 0), PLATTER_OK);
        assert_int_equal(out.request_count, left < PLATTER_MAX_BATCH ? left : PLATTER_MAX_BATCH);
        for (uint32_t i = 0; i < out.request_count; i++) {
            assert_true(requests[i].data_offset >= cursor);
            cursor = requests[i].data_offset + requests[i].length;
            assert_true(cursor <= batch_length);
            uint8_t *data = batch + requests[i].data_offset;
            if (requests[i].op == PLATTER_OP_WRITE)
                assert_int_equal(data[1023], requests[i].offset / 1024);
            else
                memset(data, (int)(200 - requests[i].offset / 1024), 1024);
            in.answers[i] = (struct platter_answer){.request_id = requests[i].request_id,
                                                    .length = requests[i].length,
                                                    .data_offset = requests[i].data_offset};
        }
    }
    assert_result(transact(CLIENTS - PLATTER_MAX_BATCH, 0, 0), PLATTER_OK);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_STATUS_OK);
        assert_int_equal(sectors[i][512], i % 2 ? i : 200 - i);
    }
}

static void long_requests_are_cut_to_the_room_and_to_the_limit(void **state)
{
    uint64_t id = started_volume(0);
    static uint8_t large[3 * MIB];
    struct rig_client client = client_of(id, PLATTER_OP_READ, large, sizeof(large));
    static const struct {
        uint32_t room, length;
    } cuts[] = {{4096, 4096}, {4096 + 511, 4096}, {2 * MIB, MIB}, {256 * KIB, 256 * KIB}};
    uint64_t position = 0;
    (void)state;

    rig_client_start(&client);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        batch_length = DATA + cuts[i].room;
        fetch_one();
        assert_int_equal(requests[0].length, cuts[i].length);
        assert_int_equal(requests[0].offset, position);
        position += cuts[i].length;
        answer_well((uint8_t)(i + 1));
    }
    batch_length = DATA + MIB;
    while (position < sizeof(large)) {
        fetch_one();
        assert_int_equal(requests[0].offset, position);
        position += requests[0].length;
        answer_well(9);
    }
    assert_int_equal(rig_client_join(&client), PLATTER_STATUS_OK);
    assert_int_equal(large[4095], 1);
    assert_int_equal(large[4096], 2);
    assert_int_equal(large[8191], 2);
    assert_int_equal(large[8192], 3);
    assert_int_equal(large[sizeof(large) - 1], 9);
}

static void answering_alone_leaves_the_data_in_the_batch(void **state)
{
    uint64_t id = started_volume(0);
    static uint8_t data[8192];
    struct rig_client client = client_of(id, PLATTER_OP_WRITE, data, sizeof(data));
    (void)state;

    memset(data, 0x42, sizeof(data));
    rig_client_start(&client);
    fetch_one();
    in.answers[0] = (struct platter_answer){.request_id = 12345};
    assert_result(transact(1, 0, 0), PLATTER_OK);
    assert_memory_equal(batch + requests[0].data_offset, data, sizeof(data));
    answer_well(0);
    assert_int_equal(rig_client_join(&client), PLATTER_STATUS_OK);
}

/* ---- TRANSACT: lies ------------------------------------------------------------------------------------------------------- */

static void lies_fail_the_request_they_are_told_about(void **state)
{
    uint64_t id = started_volume(0);
    static uint8_t sector[1024];
    static const struct {
        enum platter_op op;
        uint32_t status, length, data_offset, got;
    } lies[] = {
        {PLATTER_OP_READ, PLATTER_STATUS_OK, 512, DATA, PLATTER_STATUS_IO_ERROR},  /* too short */
        {PLATTER_OP_READ, PLATTER_STATUS_OK, 2048, DATA, PLATTER_STATUS_IO_ERROR}, /* too long */
        {PLATTER_OP_READ, PLATTER_STATUS_OK, 1024, DATA + 256 * KIB - 1023, PLATTER_STATUS_IO_ERROR},
        {PLATTER_OP_READ, PLATTER_STATUS_OK, 1024, UINT32_MAX - 100, PLATTER_STATUS_IO_ERROR}, /* wraps */
        {PLATTER_OP_READ, 4711, 1024, DATA, PLATTER_STATUS_IO_ERROR},                          /* no such status */
        {PLATTER_OP_WRITE, PLATTER_STATUS_OK, 0, 0, PLATTER_STATUS_IO_ERROR},
        {PLATTER_OP_READ, PLATTER_STATUS_DAMAGED, 99, UINT32_MAX, PLATTER_STATUS_DAMAGED},      /* length is ignored */
        {PLATTER_OP_READ, PLATTER_STATUS_OK, 1024, DATA + 256 * KIB - 1024, PLATTER_STATUS_OK}, /* no lie: it fits */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct rig_client client = client_of(id, lies[i].op, sector, 1024);
        rig_client_start(&client);
        fetch_one();
        in.answers[0] = (struct platter_answer){.request_id = requests[0].request_id,
                                                .status = lies[i].status,
                                                .length = lies[i].length,
                                                .data_offset = lies[i].data_offset};
        assert_result(transact(1, 0, 0), PLATTER_OK);
        assert_int_equal(out.answers_taken, 1);
        assert_int_equal(rig_client_join(&client), lies[i].got);
    }
}

static void answers_nobody_asked_for_are_counted(void **state)
{
    uint64_t id = started_volume(0);
    struct platter_volume_info info;
    static uint8_t sector[512];
    struct rig_client client = client_of(id, PLATTER_OP_READ, sector, 512);
    (void)state;

    rig_client_start(&client);
    fetch_one();
    memset(batch + DATA, 0x33, 1024);
    in.answers[0] = (struct platter_answer){.request_id = 0};
    in.answers[1] = (struct platter_answer){.request_id = requests[0].request_id + 1, .length = 512};
    in.answers[2] = (struct platter_answer){
        .request_id = requests[0].request_id, .length = 512, .data_offset = requests[0].data_offset};
    in.answers[3] = in.answers[2]; /* twice */
    in.answers[4] = (struct platter_answer){.request_id = UINT64_MAX};
    assert_result(transact(5, 0, 0), PLATTER_OK);
    assert_int_equal(out.answers_taken, 1);
    assert_int_equal(out.answers_late, 4);
    assert_int_equal(rig_client_join(&client), PLATTER_STATUS_OK);
    assert_int_equal(sector[511], 0x33);
    assert_result(transact(5, 0, 0), PLATTER_OK); /* all again */
    assert_int_equal(out.answers_late, 5);
    assert_true(rig_info(loopback, id, &info));
    assert_int_equal(info.late_answers, 2 + 3);
}

static void one_session_cannot_answer_for_another(void **state)
{
    uint64_t id = started_volume(PLATTER_MIN_DEADLINE_MS);
    struct platter_transport *mine = handle, *thief = rig_connect(loopback);
    struct platter_volume_start_in start = {.volume_id = id};
    struct platter_volume_info info;
    static uint8_t sector[512];
    struct rig_client client = client_of(id, PLATTER_OP_READ, sector, 512);
    (void)state;

    rig_client_start(&client);
    fetch_one();
    in.answers[0] = (struct platter_answer){.request_id = requests[0].request_id, .length = 512, .data_offset = DATA};
    memset(batch + DATA, 0xee, 512);
    handle = thief;
    assert_result(transact(1, 0, 0), PLATTER_OK);
    handle = mine;
    assert_int_equal(out.answers_late, 1);
    assert_result(platter_transport_control(thief, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info,
                                            sizeof(info), NULL, &err),
                  PLATTER_E_NOT_FOUND);
    assert_int_equal(rig_client_join(&client), PLATTER_LOOPBACK_TIMEOUT);
    assert_int_equal(sector[0], 0);
    platter_transport_close(thief);
}

/* ---- Ends ------------------------------------------------------------------------------------------------------------------ */

static void *waiting_transact(void *context)
{
    static struct platter_transact_in wait = {.fetch_max = 1};
    static _Alignas(8) uint8_t room[PLATTER_TRANSACT_MIN_BATCH];
    enum platter_result *result = context;
    *result =
        platter_transport_control(handle, PLATTER_IOCTL_TRANSACT, &wait, sizeof(wait), room, sizeof(room), NULL, NULL);
    if (*result == PLATTER_OK)
        memcpy(&out, room, sizeof(out));
    return NULL;
}

static void removal_wakes_a_waiting_transact_and_shutdown_ends_it(void **state)
{
    uint64_t first = started_volume(0);

    enum platter_result result;
    pthread_t thread;
    (void)state;

    started_volume(0);
    assert_int_equal(pthread_create(&thread, NULL, waiting_transact, &result), 0);
    rig_sleep_ms(30);
    assert_result(remove_volume(first, 2), PLATTER_E_DRIVER);
    assert_result(remove_volume(first, 0), PLATTER_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_result(result, PLATTER_OK);
    assert_int_equal(out.request_count, 0);
    assert_int_equal(out.live_volumes, 1);

    assert_int_equal(pthread_create(&thread, NULL, waiting_transact, &result), 0);
    rig_sleep_ms(30);
    platter_transport_shutdown(handle);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_result(result, PLATTER_E_CANCELLED);
    platter_transport_shutdown(handle);
    assert_result(transact(0, 0, 0), PLATTER_E_CANCELLED);
}

static void shutdown_ends_a_start_whose_probe_nobody_answers(void **state)
{
    struct platter_volume_create_in create = rig_sound_create();
    struct starter starter = {0};
    (void)state;

    assert_result(rig_create_volume(handle, &create, &starter.id, &err), PLATTER_OK);
    assert_int_equal(pthread_create(&starter.thread, NULL, starter_main, &starter), 0);
    rig_wait_in_flight(loopback, starter.id, 1);
    platter_transport_shutdown(handle);
    assert_int_equal(pthread_join(starter.thread, NULL), 0);
    assert_result(starter.result, PLATTER_E_CANCELLED);
}

static void a_handle_closed_with_requests_in_hand_leaves_nobody_waiting(void **state)
{
    enum { CLIENTS = 8 };
    uint64_t id = started_volume(0);
    struct rig_client clients[CLIENTS];
    static uint8_t sectors[CLIENTS][512];
    (void)state;

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = client_of(id, PLATTER_OP_READ, sectors[i], 512);
        rig_client_start(&clients[i]);
    }
    rig_wait_in_flight(loopback, id, CLIENTS);
    assert_result(transact(0, CLIENTS / 2, 0), PLATTER_OK); /* half of them in hand, half queued */
    assert_int_equal(out.request_count, CLIENTS / 2);
    platter_transport_close(handle);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(rig_client_join(&clients[i]), PLATTER_LOOPBACK_GONE);
    handle = rig_connect(loopback);
    assert_int_equal(rig_list(loopback, NULL, 0), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, connect_loopback, disconnect_loopback)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_transacts_are_refused_whole),
        TEST(no_wait_returns_at_once_and_no_volume_does_too),
        TEST(requests_come_in_full_batches_with_room_for_their_answers),
        TEST(long_requests_are_cut_to_the_room_and_to_the_limit),
        TEST(answering_alone_leaves_the_data_in_the_batch),
        TEST(lies_fail_the_request_they_are_told_about),
        TEST(answers_nobody_asked_for_are_counted),
        TEST(one_session_cannot_answer_for_another),
        TEST(removal_wakes_a_waiting_transact_and_shutdown_ends_it),
        TEST(shutdown_ends_a_start_whose_probe_nobody_answers),
        TEST(a_handle_closed_with_requests_in_hand_leaves_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
