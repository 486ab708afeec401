/* SPDX-License-Identifier: MIT */
/* The provider against a scripted driver: what the loopback cannot or would never ask of it. */
#include "provider_rig.h"

#include <pthread.h>
#include <string.h>

#include "../../provider/transport.h"

#define DATA PLATTER_TRANSACT_DATA_OFFSET
#define VOLUME 7u

/* ---- A driver that does as it is told ------------------------------------------------------------------------------- */

struct step {
    enum platter_result result; /* of this TRANSACT; the fields below count when it is OK */
    uint32_t count;             /* 0 or 1 */
    struct platter_request request;
    uint32_t claim;    /* request_count to claim instead of count; 0: the truth */
    uint32_t returned; /* bytes to claim; 0: the truth */
    bool no_volumes;   /* live_volumes is 0 */
};

struct script {
    struct platter_transport base;
    struct platter_hello_out hello;
    uint32_t hello_returned; /* 0: all of it */
    bool create_nameless;    /* VOLUME_CREATE gives no id */
    const struct step *steps;
    size_t step_count;
    uint8_t fill; /* of the data of writes */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;
    struct platter_answer answers[64];
    uint8_t first_bytes[64]; /* of what a read answered */
    size_t answer_count;
    unsigned calls;
    bool shut, closed;
};

static enum platter_result scripted_transact(struct script *script, const uint8_t *input, uint8_t *output,
                                             uint32_t output_length, uint32_t *returned, struct platter_error *err)
{
    struct platter_transact_in in;
    memcpy(&in, input, sizeof(in));
    const struct step *step = script->next < script->step_count ? &script->steps[script->next] : NULL;
    script->calls++;
    /* For want of memory a call never begins; what else ends it ends its waiting, and its answers have been taken. */
    if (step && step->result == PLATTER_E_NO_MEMORY) {
        script->next++;
        return platter_error_set(err, step->result, NULL, PLATTER_NO_OFFSET, "as the script says");
    }
    for (uint32_t i = 0; i < in.answer_count; i++) {
        struct platter_answer *answer = &script->answers[script->answer_count];
        memcpy(answer, input + sizeof(in) + i * sizeof(*answer), sizeof(*answer));
        if (answer->length > 0 && answer->data_offset >= DATA && answer->data_offset < output_length)
            script->first_bytes[script->answer_count] = output[answer->data_offset];
        script->answer_count++;
    }
    pthread_cond_broadcast(&script->changed);
    struct platter_transact_out out = {.live_volumes = 1, .answers_taken = in.answer_count};
    memset(output, 0xcc, sizeof(out));
    if (in.fetch_max > 0) {
        while (script->next >= script->step_count && !script->shut)
            pthread_cond_wait(&script->changed, &script->lock);
        if (script->shut)
            return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "shut down");
        step = &script->steps[script->next++];
        if (step->result != PLATTER_OK)
            return platter_error_set(err, step->result, NULL, PLATTER_NO_OFFSET, "as the script says");
        out.request_count = step->claim ? step->claim : step->count;
        out.live_volumes = !step->no_volumes;
        memset(output + DATA, script->fill, output_length - DATA);
        memcpy(output + sizeof(out), &step->request, step->count * sizeof(step->request));
        *returned = step->returned;
    }
    memcpy(output, &out, sizeof(out));
    if (*returned == 0)
        *returned = (uint32_t)(sizeof(out) + out.request_count * sizeof(struct platter_request));
    return PLATTER_OK;
}

static enum platter_result scripted_control(struct platter_transport *transport, uint32_t code, const void *input,
                                            uint32_t input_length, void *output, uint32_t output_length,
                                            uint32_t *returned, struct platter_error *err)
{
    struct script *script = (struct script *)transport;
    struct platter_volume_create_out made = {.volume_id = script->create_nameless ? 0 : VOLUME};
    enum platter_result result = PLATTER_OK;
    (void)input_length;

    pthread_mutex_lock(&script->lock);
    switch (code) {
    case PLATTER_IOCTL_HELLO:
        memcpy(output, &script->hello, sizeof(script->hello));
        *returned = script->hello_returned ? script->hello_returned : sizeof(script->hello);
        break;
    case PLATTER_IOCTL_VOLUME_CREATE:
        memcpy(output, &made, sizeof(made));
        *returned = sizeof(made);
        break;
    case PLATTER_IOCTL_TRANSACT:
        result = scripted_transact(script, input, output, output_length, returned, err);
        break;
    default:
        result = PLATTER_E_DRIVER;
    }
    pthread_mutex_unlock(&script->lock);
    return result;
}

static void scripted_shutdown(struct platter_transport *transport)
{
    struct script *script = (struct script *)transport;
    pthread_mutex_lock(&script->lock);
    script->shut = true;
    pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->lock);
}

static void scripted_close(struct platter_transport *transport)
{
    ((struct script *)transport)->closed = true;
}

static const struct platter_transport_ops scripted_ops = {scripted_control, scripted_shutdown, scripted_close};

static void script_init(struct script *script, const struct step *steps, size_t count)
{
    *script = (struct script){
        .base.ops = &scripted_ops,
        .hello = {.protocol_version = PLATTER_PROTOCOL_VERSION,
                  .accepted = 1,
                  .driver_version = 0x010203,
                  .max_batch = PLATTER_MAX_BATCH},
        .steps = steps,
        .step_count = count,
    };
    pthread_mutex_init(&script->lock, NULL);
    pthread_cond_init(&script->changed, NULL);
}

static void script_destroy(struct script *script)
{
    pthread_cond_destroy(&script->changed);
    pthread_mutex_destroy(&script->lock);
}

static struct platter_provider *serve(struct script *script, struct platter_block *block)
{
    const struct platter_provider_volume volume = {.block = block};
    const struct platter_provider_options options = {.workers = 1};
    struct platter_provider *provider;
    assert_result(platter_provider_create(&script->base, &volume, 1, &options, &provider, NULL), PLATTER_OK);
    return provider;
}

static void wait_answers(struct script *script, size_t count)
{
    pthread_mutex_lock(&script->lock);
    while (script->answer_count < count)
        pthread_cond_wait(&script->changed, &script->lock);
    pthread_mutex_unlock(&script->lock);
}

/* ---- Requests --------------------------------------------------------------------------------------------------------- */

static void write_through_flushes_and_a_plain_write_does_not(void **state)
{
    static const struct step steps[] = {
        {.count = 1,
         .request = {.request_id = 1, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_WRITE, .data_offset = DATA}},
        {.count = 1,
         .request = {.request_id = 2,
                     .volume_id = VOLUME,
                     .offset = 512,
                     .length = 512,
                     .op = PLATTER_OP_WRITE,
                     .flags = PLATTER_REQUEST_FUA,
                     .data_offset = DATA}},
    };
    struct platter_block *block = memory_block_create(MIB, 512, PLATTER_CAP_WRITE);
    struct script script;
    (void)state;

    script_init(&script, steps, 1);
    script.fill = 0x6b;
    struct platter_provider *provider = serve(&script, block);
    wait_answers(&script, 1);
    assert_int_equal(memory_block_counts(block).flushes, 0);
    pthread_mutex_lock(&script.lock);
    script.step_count = 2;
    pthread_cond_broadcast(&script.changed);
    pthread_mutex_unlock(&script.lock);
    wait_answers(&script, 2);
    assert_int_equal(memory_block_counts(block).flushes, 1);
    assert_int_equal(script.answers[1].status, PLATTER_STATUS_OK);
    assert_int_equal(script.answers[1].length, 512);
    assert_int_equal(memory_block_data(block)[1023], 0x6b);
    assert_int_equal(memory_block_data(block)[1024], 0);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    assert_true(script.shut && script.closed);
    script_destroy(&script);
    platter_block_unref(block);
}

/* What the driver never asks for is answered with an error and touches nothing. */
static void senseless_requests_are_answered_and_harm_nothing(void **state)
{
    static const struct step steps[] = {
        {.count = 1,
         .request = {.request_id = 1, .volume_id = 99, .length = 512, .op = PLATTER_OP_READ, .data_offset = DATA}},
        {.count = 1, .request = {.request_id = 2, .volume_id = VOLUME, .length = 512, .op = 77, .data_offset = DATA}},
        {.count = 1,
         .request = {.request_id = 3, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_READ, .data_offset = 0}},
        {.count = 1,
         .request =
             {.request_id = 4, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_READ, .data_offset = UINT32_MAX}},
        {.count = 1,
         .request = {.request_id = 5,
                     .volume_id = VOLUME,
                     .length = UINT32_MAX - DATA,
                     .op = PLATTER_OP_WRITE,
                     .data_offset = DATA + 100}},
        {.count = 1,
         .request = {.request_id = 6,
                     .volume_id = VOLUME,
                     .offset = UINT64_MAX - 100,
                     .length = 512,
                     .op = PLATTER_OP_READ,
                     .data_offset = DATA}},
        {.count = 1, .request = {.request_id = 7, .volume_id = VOLUME, .op = PLATTER_OP_DISCARD, .discard_bytes = 512}},
        {.count = 1,
         .request = {.request_id = 8,
                     .volume_id = VOLUME,
                     .offset = 512,
                     .length = 512,
                     .op = PLATTER_OP_READ,
                     .data_offset = DATA + 1024}},
    };
    static const uint32_t statuses[8] = {
        PLATTER_STATUS_IO_ERROR, PLATTER_STATUS_NOT_SUPPORTED, PLATTER_STATUS_IO_ERROR,      PLATTER_STATUS_IO_ERROR,
        PLATTER_STATUS_IO_ERROR, PLATTER_STATUS_OUT_OF_RANGE,  PLATTER_STATUS_NOT_SUPPORTED, PLATTER_STATUS_OK};
    struct platter_block *block = memory_block_create(MIB, 512, PLATTER_CAP_WRITE);
    struct platter_provider_stats stats;
    struct script script;
    (void)state;

    script_init(&script, steps, 8);
    memory_block_data(block)[512] = 0x99;
    struct platter_provider *provider = serve(&script, block);
    wait_answers(&script, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(script.answers[i].request_id, i + 1);
        assert_int_equal(script.answers[i].status, statuses[i]);
        assert_int_equal(script.answers[i].reserved, 0);
    }
    assert_int_equal(script.first_bytes[7], 0x99);
    assert_int_equal(memory_block_counts(block).writes, 0);
    platter_provider_get_stats(provider, &stats);
    assert_int_equal(stats.failed_requests, 7);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    script_destroy(&script);
    platter_block_unref(block);
}

/* ---- Ends of the session ------------------------------------------------------------------------------------------------ */

static void ends_with(const struct step *step, bool gone, enum platter_result result, const char *text)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct platter_provider_stats stats;
    struct script script;
    script_init(&script, step, 1);
    struct platter_provider *provider = serve(&script, block);
    assert_int_equal(platter_provider_wait(provider, 0), gone);
    platter_provider_get_stats(provider, &stats);
    assert_int_equal(stats.last_error.result, result);
    if (text)
        assert_text(stats.last_error, text);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    assert_true(script.closed);
    script_destroy(&script);
    platter_block_unref(block);
}

static void a_driver_that_breaks_off_ends_the_session(void **state)
{
    (void)state;
    ends_with(&(struct step){.no_volumes = true}, true, PLATTER_OK, NULL);
    ends_with(&(struct step){.result = PLATTER_E_DRIVER}, true, PLATTER_E_DRIVER, "as the script says");
    ends_with(&(struct step){.returned = 15}, true, PLATTER_E_DRIVER, "only 15 bytes");
    ends_with(&(struct step){.claim = 64}, true, PLATTER_E_DRIVER, "handed out 64 requests");
    ends_with(&(struct step){.count = 1, .returned = 16}, true, PLATTER_E_DRIVER, "1 requests in 16 bytes");
}

static void out_of_kernel_memory_is_waited_out(void **state)
{
    static const struct step steps[] = {
        {.count = 1,
         .request = {.request_id = 1, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_READ, .data_offset = DATA}},
        {.result = PLATTER_E_NO_MEMORY}, /* for the call that carries the answer */
        {.result = PLATTER_E_NO_MEMORY},
    };
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct script script;
    (void)state;

    memory_block_data(block)[0] = 0x3c;
    script_init(&script, steps, 3);
    struct platter_provider *provider = serve(&script, block);
    wait_answers(&script, 1);
    assert_int_equal(script.answers[0].status, PLATTER_STATUS_OK);
    assert_int_equal(script.first_bytes[0], 0x3c);
    assert_int_equal(script.answer_count, 1);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    script_destroy(&script);
    platter_block_unref(block);
}

/* Somebody else's cancel takes nobody's drives, and no answer is given twice: of a write it would count for another one. */
static void a_call_that_others_cancel_is_made_again_without_its_answers(void **state)
{
    static const struct step steps[] = {
        {.result = PLATTER_E_CANCELLED},
        {.count = 1,
         .request = {.request_id = 1, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_READ, .data_offset = DATA}},
        {.result = PLATTER_E_CANCELLED}, /* the call that carries the answer */
        {.result = PLATTER_E_CANCELLED},
        {.count = 1,
         .request = {.request_id = 2, .volume_id = VOLUME, .length = 512, .op = PLATTER_OP_READ, .data_offset = DATA}},
    };
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct script script;
    (void)state;

    script_init(&script, steps, 5);
    struct platter_provider *provider = serve(&script, block);
    wait_answers(&script, 2);
    assert_int_equal(script.answers[0].request_id, 1);
    assert_int_equal(script.answers[1].request_id, 2);
    assert_int_equal(script.answers[1].status, PLATTER_STATUS_OK);
    assert_int_equal(script.answer_count, 2);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    script_destroy(&script);
    platter_block_unref(block);
}

static void a_call_that_is_cancelled_always_ends_the_session(void **state)
{
    struct step steps[101];
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    struct script script;
    (void)state;

    for (size_t i = 0; i < 101; i++)
        steps[i] = (struct step){.result = PLATTER_E_CANCELLED};
    script_init(&script, steps, 101);
    struct platter_provider *provider = serve(&script, block);
    assert_false(platter_provider_wait(provider, 0));
    assert_int_equal(script.calls, 101);
    assert_result(platter_provider_free(provider, NULL), PLATTER_OK);
    script_destroy(&script);
    platter_block_unref(block);
}

/* ---- Beginnings ----------------------------------------------------------------------------------------------------------- */

static void a_driver_of_another_version_is_told_from_one_that_fits(void **state)
{
    struct platter_block *block = memory_block_create(MIB, 512, 0);
    const struct platter_provider_volume volume = {.block = block};
    struct platter_provider *provider;
    struct platter_error err;
    struct script script;
    (void)state;

    script_init(&script, NULL, 0);
    script.hello.accepted = 0;
    script.hello.protocol_version = 42;
    assert_result(platter_provider_create(&script.base, &volume, 1, NULL, &provider, &err), PLATTER_E_DRIVER);
    assert_text(err, "(1.2.3) speaks protocol version 42 and this program version 2;");
    script.hello.accepted = 1; /* it would take us, and we do not know it */
    assert_result(platter_provider_create(&script.base, &volume, 1, NULL, &provider, &err), PLATTER_E_DRIVER);
    script.hello.protocol_version = PLATTER_PROTOCOL_VERSION;
    script.hello_returned = 8;
    assert_result(platter_provider_create(&script.base, &volume, 1, NULL, &provider, &err), PLATTER_E_DRIVER);
    script.hello_returned = 0;
    script.hello.max_batch = 0;
    assert_result(platter_provider_create(&script.base, &volume, 1, NULL, &provider, &err), PLATTER_E_DRIVER);
    script.hello.max_batch = 1;
    script.create_nameless = true;
    assert_result(platter_provider_create(&script.base, &volume, 1, NULL, &provider, &err), PLATTER_E_DRIVER);
    assert_false(script.shut || script.closed); /* the handle is still its caller's */
    assert_int_equal(script.calls, 0);
    script_destroy(&script);
    platter_block_unref(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_through_flushes_and_a_plain_write_does_not),
        cmocka_unit_test(senseless_requests_are_answered_and_harm_nothing),
        cmocka_unit_test(a_driver_that_breaks_off_ends_the_session),
        cmocka_unit_test(out_of_kernel_memory_is_waited_out),
        cmocka_unit_test(a_call_that_others_cancel_is_made_again_without_its_answers),
        cmocka_unit_test(a_call_that_is_cancelled_always_ends_the_session),
        cmocka_unit_test(a_driver_of_another_version_is_told_from_one_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
