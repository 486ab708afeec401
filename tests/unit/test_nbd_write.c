/* SPDX-License-Identifier: MIT */
/* What the NBD server does with writes, zeroes and discards, and what it refuses. */
#include "nbd_client.h"

#include "../../engine/bytes.h"

#define SIZE NBD_RIG_DISK
#define ALL_CAPS NBD_RIG_CAPS

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void writes_of_all_sizes_arrive(void **state)
{
    static const uint32_t lengths[] = {1, 512, 4096, 65536, 256 * KIB, 256 * KIB + 1, MIB + 13};
    struct nbd_rig rig;
    uint8_t *data = malloc(SIZE);
    uint64_t offset = 77;
    int fd;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        nbd_request(fd, NBD_CMD_WRITE, 0, i, offset, lengths[i]);
        nbd_send(fd, data, lengths[i]);
        assert_int_equal(nbd_structured_reply(fd, i, NULL), 0);
        assert_memory_equal(memory_block_data(rig.block) + offset, data, lengths[i]);
        offset += lengths[i];
    }
    assert_int_equal(memory_block_counts(rig.block).flushes, 0);
    nbd_request(fd, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 100, 0, 512);
    nbd_send(fd, data, 512);
    assert_int_equal(nbd_structured_reply(fd, 100, NULL), 0);
    assert_int_equal(memory_block_counts(rig.block).flushes, 1);
    nbd_request(fd, NBD_CMD_FLUSH, 0, 101, 0, 0);
    assert_int_equal(nbd_structured_reply(fd, 101, NULL), 0);
    assert_int_equal(memory_block_counts(rig.block).flushes, 2);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    free(data);
}

static void failing_writes_are_told_and_their_data_is_skipped(void **state)
{
    struct nbd_rig rig;
    char text[256] = "";
    uint8_t *data = calloc(1, MIB);
    int fd;

    (void)state;
    assert_non_null(data);
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    nbd_fail_disk_at(rig.block, MEMORY_WRITE, 300 * KIB, PLATTER_E_NO_SPACE);
    nbd_fail_disk_at(rig.block, MEMORY_WRITE, 2 * MIB, PLATTER_E_IO);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    nbd_request(fd, NBD_CMD_WRITE, 0, 1, 0, MIB);
    nbd_send(fd, data, MIB);
    assert_int_equal(nbd_structured_reply(fd, 1, text), NBD_ENOSPC);
    assert_true(text[0] != '\0');
    nbd_request(fd, NBD_CMD_WRITE, 0, 2, 2 * MIB, 512);
    nbd_send(fd, data, 512);
    assert_int_equal(nbd_structured_reply(fd, 2, NULL), NBD_EIO);
    nbd_request(fd, NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE, 3, 2 * MIB, 512);
    assert_int_equal(nbd_structured_reply(fd, 3, NULL), NBD_EIO);

    memory_block_clear_faults(rig.block);
    memory_block_add_fault(rig.block, &(struct memory_fault){MEMORY_FLUSH, 0, 0, PLATTER_E_IO, 0, 0, 2});
    nbd_request(fd, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 4, 0, 512);
    nbd_send(fd, data, 512);
    assert_int_equal(nbd_structured_reply(fd, 4, NULL), NBD_EIO);
    nbd_request(fd, NBD_CMD_FLUSH, 0, 5, 0, 0);
    assert_int_equal(nbd_structured_reply(fd, 5, NULL), NBD_EIO);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    assert_int_equal(rig.outcome, PLATTER_OK);
    free(data);
}

static void run_reports_the_last_flush(void **state)
{
    struct nbd_rig rig;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    memory_block_add_fault(rig.block, &(struct memory_fault){MEMORY_FLUSH, 0, 0, PLATTER_E_IO, 0, 0, 0});
    nbd_rig_stop(&rig);
    assert_int_equal(rig.outcome, PLATTER_E_IO);
}

static void zeroes_are_zeroes_whatever_discard_does(void **state)
{
    /* Without MAP the server cannot know what a discard left; a discard that fails must not matter either. */
    static const uint32_t caps[] = {ALL_CAPS, PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD, PLATTER_CAP_WRITE};
    uint8_t *zeros = calloc(1, MIB);

    (void)state;
    assert_non_null(zeros);
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
        for (int failing = 0; failing <= 1; failing++) {
            struct nbd_rig rig;
            int fd;

            nbd_rig_start(&rig, nbd_patterned_disk(caps[i]), NULL);
            if (failing)
                memory_block_add_fault(rig.block, &(struct memory_fault){MEMORY_DISCARD, 0, 0, PLATTER_E_IO, 0, 0, 0});
            fd = nbd_open(&rig, NBD_STRUCTURED);
            nbd_request(fd, NBD_CMD_WRITE_ZEROES, 0, 1, 12345, MIB);
            assert_int_equal(nbd_structured_reply(fd, 1, NULL), 0);
            assert_memory_equal(memory_block_data(rig.block) + 12345, zeros, MIB);
            assert_int_not_equal(memory_block_data(rig.block)[12344], 0);
            assert_int_not_equal(memory_block_data(rig.block)[12345 + MIB], 0);
            nbd_close(fd);
            nbd_rig_stop(&rig);
        }
    free(zeros);
}

static void discards_reach_the_disk(void **state)
{
    struct nbd_rig rig;
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    nbd_request(fd, NBD_CMD_TRIM, 0, 1, 64 * KIB, MIB);
    assert_int_equal(nbd_structured_reply(fd, 1, NULL), 0);
    assert_int_equal(memory_block_counts(rig.block).discards, 1);
    nbd_fail_disk_at(rig.block, MEMORY_DISCARD, 0, PLATTER_E_IO);
    nbd_request(fd, NBD_CMD_TRIM, 0, 2, 0, 512);
    assert_int_equal(nbd_structured_reply(fd, 2, NULL), NBD_EIO);
    nbd_close(fd);
    nbd_rig_stop(&rig);
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

struct refusal {
    uint16_t command, flags;
    uint64_t offset;
    uint32_t length;
    uint32_t error;
};

static void expect_refusals(const struct nbd_rig *rig, const struct refusal *refusals, size_t count)
{
    for (int style = NBD_SIMPLE; style <= NBD_STRUCTURED; style++) {
        int fd = nbd_open(rig, (enum nbd_style)style);

        for (size_t i = 0; i < count; i++) {
            const struct refusal *refusal = &refusals[i];

            nbd_request(fd, refusal->command, refusal->flags, i, refusal->offset, refusal->length);
            if (refusal->command == NBD_CMD_WRITE) {
                uint8_t *data = calloc(1, refusal->length);

                assert_non_null(data);
                nbd_send(fd, data, refusal->length);
                free(data);
            }
            assert_int_equal(style ? nbd_structured_reply(fd, i, NULL) : nbd_simple_reply(fd, i), refusal->error);
        }
        nbd_close(fd);
    }
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {NBD_CMD_READ, 0, SIZE, 1, NBD_EINVAL},
        {NBD_CMD_READ, 0, SIZE - 1, 2, NBD_EINVAL},
        {NBD_CMD_READ, 0, UINT64_MAX - 511, 512, NBD_EINVAL},
        {NBD_CMD_READ, NBD_CMD_FLAG_REQ_ONE, 0, 512, NBD_EINVAL},
        {NBD_CMD_READ, 1u << 15, 0, 512, NBD_EINVAL},
        {NBD_CMD_WRITE, 0, SIZE - 511, 512, NBD_ENOSPC},
        {NBD_CMD_WRITE, NBD_CMD_FLAG_DF, 0, 512, NBD_EINVAL},
        {NBD_CMD_WRITE, 0, 0, SIZE + 1, NBD_ENOSPC},
        {NBD_CMD_WRITE_ZEROES, 0, 1, SIZE, NBD_ENOSPC},
        {NBD_CMD_WRITE_ZEROES, 1u << 4, 0, 512, NBD_EINVAL},
        {NBD_CMD_TRIM, 0, SIZE, 1, NBD_EINVAL},
        {NBD_CMD_CACHE, 0, SIZE, 1, NBD_EINVAL},
        {NBD_CMD_BLOCK_STATUS, 0, SIZE, 1, NBD_EINVAL},
        {NBD_CMD_BLOCK_STATUS, 0, 0, 0, NBD_EINVAL},
        {8, 0, 0, 0, NBD_EINVAL},
        {0xffff, 0, 0, 0, NBD_EINVAL},
        {NBD_CMD_READ, 0, 0, 0, 0},
        {NBD_CMD_TRIM, 0, SIZE, 0, 0},
        {NBD_CMD_CACHE, 0, 0, SIZE, 0},
    };
    struct nbd_rig rig;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(ALL_CAPS), NULL);
    expect_refusals(&rig, refusals, sizeof(refusals) / sizeof(refusals[0]));
    assert_int_equal(memory_block_counts(rig.block).writes, 0);
    nbd_rig_stop(&rig);
}

static void more_than_32_mib_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {NBD_CMD_READ, 0, 0, PLATTER_NBD_MAX_REQUEST + 1, NBD_EOVERFLOW},
        {NBD_CMD_WRITE, 0, 0, PLATTER_NBD_MAX_REQUEST + 1, NBD_EINVAL},
        {NBD_CMD_WRITE, 0, 0, PLATTER_NBD_MAX_REQUEST, 0},
    };
    struct nbd_rig rig;

    (void)state;
    nbd_rig_start(&rig, memory_block_create(64 * MIB, 512, ALL_CAPS), NULL);
    expect_refusals(&rig, refusals, sizeof(refusals) / sizeof(refusals[0]));
    nbd_rig_stop(&rig);
}

static void nothing_is_written_to_a_read_only_export(void **state)
{
    static const struct refusal refusals[] = {
        {NBD_CMD_WRITE, 0, 0, 512, NBD_EPERM},
        {NBD_CMD_WRITE, 0, 0, MIB, NBD_EPERM},
        {NBD_CMD_WRITE_ZEROES, 0, 0, 512, NBD_EPERM},
        {NBD_CMD_TRIM, 0, 0, 512, NBD_EPERM},
        {NBD_CMD_FLUSH, 0, 0, 0, 0},
    };
    struct memory_counts counts;
    struct nbd_rig rig;

    (void)state;
    /* Because it was asked for, and because the block says so. */
    for (int asked = 0; asked <= 1; asked++) {
        nbd_rig_start(&rig, nbd_patterned_disk(asked ? ALL_CAPS : PLATTER_CAP_MAP),
                      &(struct platter_nbd_options){.read_only = asked});
        expect_refusals(&rig, refusals, sizeof(refusals) / sizeof(refusals[0]));
        counts = memory_block_counts(rig.block);
        assert_int_equal(counts.writes + counts.discards, 0);
        nbd_rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_all_sizes_arrive),
        cmocka_unit_test(failing_writes_are_told_and_their_data_is_skipped),
        cmocka_unit_test(run_reports_the_last_flush),
        cmocka_unit_test(zeroes_are_zeroes_whatever_discard_does),
        cmocka_unit_test(discards_reach_the_disk),
        cmocka_unit_test(requests_that_make_no_sense_are_refused),
        cmocka_unit_test(more_than_32_mib_is_refused),
        cmocka_unit_test(nothing_is_written_to_a_read_only_export),
    };

    return cmocka_run_group_tests_name("writes over NBD", tests, NULL, NULL);
}
