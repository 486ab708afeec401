/* SPDX-License-Identifier: MIT */
/* The control codes of protocol.h but TRANSACT, spoken by hand to the loopback: what it refuses. */
#include "provider_rig.h"

#include <string.h>

static struct platter_loopback *loopback;
static struct platter_transport *handle;
static struct platter_error err;

static int connect_loopback(void **state)
{
    (void)state;
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

/* ---- HELLO -------------------------------------------------------------------------------------------------------- */

static enum platter_result say_hello(struct platter_transport *to, uint32_t magic, uint32_t version, uint32_t reserved,
                                     struct platter_hello_out *answer)
{
    struct platter_hello_in hello = {magic, version, {0, reserved}};
    return platter_transport_control(to, PLATTER_IOCTL_HELLO, &hello, sizeof(hello), answer, sizeof(*answer), NULL,
                                     &err);
}

static void nothing_goes_before_hello_of_the_right_version(void **state)
{
    struct platter_volume_list_in list = {0};
    struct platter_volume_list_out page;
    struct platter_hello_out answer;
    struct platter_transport *fresh;
    (void)state;

    assert_result(platter_loopback_connect(loopback, &fresh, NULL), PLATTER_OK);
    for (unsigned round = 0; round < 3; round++) {
        assert_result(platter_transport_control(fresh, PLATTER_IOCTL_VOLUME_LIST, &list, sizeof(list), &page,
                                                sizeof(page), NULL, &err),
                      PLATTER_E_DRIVER);
        assert_text(err, "HELLO");
        if (round == 0) {
            assert_result(say_hello(fresh, 0x11111111, PLATTER_PROTOCOL_VERSION, 0, &answer), PLATTER_E_DRIVER);
            assert_result(say_hello(fresh, PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION, 1, &answer),
                          PLATTER_E_DRIVER);
        }
        if (round == 1) {
            assert_result(say_hello(fresh, PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION + 1, 0, &answer), PLATTER_OK);
            assert_int_equal(answer.accepted, 0);
            assert_int_equal(answer.protocol_version, PLATTER_PROTOCOL_VERSION);
        }
    }
    assert_result(say_hello(fresh, PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION, 0, &answer), PLATTER_OK);
    assert_int_equal(answer.accepted, 1);
    assert_int_equal(answer.max_batch, PLATTER_MAX_BATCH);
    assert_result(platter_transport_control(fresh, PLATTER_IOCTL_VOLUME_LIST, &list, sizeof(list), &page, sizeof(page),
                                            NULL, &err),
                  PLATTER_OK);
    platter_transport_close(fresh);
}

static void wrong_lengths_and_codes_are_refused(void **state)
{
    static const uint32_t codes[] = {PLATTER_IOCTL_HELLO, PLATTER_IOCTL_VOLUME_LIST, PLATTER_IOCTL_VOLUME_CREATE,
                                     PLATTER_IOCTL_VOLUME_START, PLATTER_IOCTL_VOLUME_REMOVE};
    static uint8_t input[2000], output[2000];
    (void)state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_result(platter_transport_control(handle, codes[i], input, 3, output, sizeof(output), NULL, &err),
                      PLATTER_E_DRIVER);
        assert_result(platter_transport_control(handle, codes[i], input, 1999, output, sizeof(output), NULL, &err),
                      PLATTER_E_DRIVER);
    }
    assert_result(platter_transport_control(handle, PLATTER_IOCTL_VOLUME_CREATE, input,
                                            sizeof(struct platter_volume_create_in), output, 8, NULL, &err),
                  PLATTER_E_DRIVER);
    assert_text(err, "too small");
    assert_result(platter_transport_control(handle, PLATTER_CTL_CODE(0x8ffu, 0u, 0u), input, 8, output, 8, NULL, &err),
                  PLATTER_E_DRIVER);
}

/* ---- VOLUME_CREATE --------------------------------------------------------------------------------------------------- */

static void each_senseless_volume_is_refused(void **state)
{
    struct platter_volume_create_in good = rig_sound_create(), bad;
    uint64_t id;
    (void)state;

#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        bad = good;                                                                                                    \
        change;                                                                                                        \
        assert_result(rig_create_volume(handle, &bad, &id, &err), PLATTER_E_DRIVER);                                   \
    } while (0)
    REFUSED(bad.length_bytes = 0);
    REFUSED(bad.length_bytes = 513);
    REFUSED(bad.length_bytes = PLATTER_MAX_VOLUME_BYTES + 512);
    REFUSED(bad.sector_size = 0);
    REFUSED(bad.sector_size = 256);
    REFUSED(bad.sector_size = 1536);
    REFUSED(bad.sector_size = 8192);
    REFUSED(bad.physical_sector_size = 256);
    REFUSED(bad.physical_sector_size = 5000);
    REFUSED(bad.flags = PLATTER_VOLUME_FLAGS_KNOWN + 1);
    REFUSED(bad.flags = PLATTER_VOLUME_CDROM);
    REFUSED(bad.deadline_ms = PLATTER_MIN_DEADLINE_MS - 1);
    REFUSED(bad.deadline_ms = PLATTER_MAX_DEADLINE_MS + 1);
    REFUSED(bad.letter = 'd');
    REFUSED(bad.letter = '[');
    REFUSED((bad.letter = 'X', bad.flags = PLATTER_VOLUME_NO_LETTER));
    REFUSED(bad.partition_style = 3);
    REFUSED(bad.partition_number = 1);
    REFUSED(bad.partition_offset = 512);
    REFUSED((bad.partition_style = PLATTER_STYLE_MBR, bad.partition_offset = 100));
    REFUSED((bad.partition_style = PLATTER_STYLE_MBR, bad.mbr_type = 256));
    REFUSED((bad.partition_style = PLATTER_STYLE_MBR, bad.mbr_boot_indicator = 2));
    REFUSED((bad.partition_style = PLATTER_STYLE_MBR, bad.gpt_name[35] = 1));
    REFUSED((bad.partition_style = PLATTER_STYLE_GPT, bad.mbr_signature = 1));
    REFUSED(bad.unique_id[0] = 0);
    REFUSED(memset(bad.label, 1, sizeof(bad.label)));
    REFUSED(memset(bad.image_name, 1, sizeof(bad.image_name)));
#undef REFUSED
    assert_int_equal(rig_list(loopback, NULL, 0), 0);
    assert_result(rig_create_volume(handle, &good, &id, &err), PLATTER_OK);
    assert_int_equal(rig_list(loopback, NULL, 0), 1);
}

static void a_session_has_so_many_volumes_and_no_more(void **state)
{
    struct platter_volume_create_in create = rig_sound_create();
    uint64_t id, last = 0;
    (void)state;

    for (unsigned i = 0; i < PLATTER_MAX_VOLUMES_PER_SESSION; i++) {
        assert_result(rig_create_volume(handle, &create, &id, &err), PLATTER_OK);
        assert_true(id > last);
        last = id;
    }
    assert_result(rig_create_volume(handle, &create, &id, &err), PLATTER_E_DRIVER);
    assert_text(err, "limit");
    assert_int_equal(rig_list(loopback, NULL, 0), PLATTER_MAX_VOLUMES_PER_SESSION);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, connect_loopback, disconnect_loopback)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_goes_before_hello_of_the_right_version),
        TEST(wrong_lengths_and_codes_are_refused),
        TEST(each_senseless_volume_is_refused),
        TEST(a_session_has_so_many_volumes_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
