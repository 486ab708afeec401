/* SPDX-License-Identifier: MIT */
/* What the NBD server answers to reads: over a disk in memory that fails and stalls on request, and over a file. */
#include "nbd_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../../engine/bytes.h"

#define SIZE NBD_RIG_DISK
#define ALL_CAPS NBD_RIG_CAPS

static void reads_equal_the_disk_in_both_styles(void **state)
{
    static const struct {
        uint32_t offset, length;
    } ranges[] = {{0, 1},        {511, 2},         {4096, 4096},         {0, SIZE},      {1, SIZE - 1},
                  {SIZE - 1, 1}, {100, 256 * KIB}, {100, 256 * KIB + 1}, {7, 512 * KIB}, {SIZE - 4096, 4096}};
    struct nbd_rig rig;
    uint8_t *buffer = malloc(SIZE);

    (void)state;
    assert_non_null(buffer);
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    for (int style = NBD_SIMPLE; style <= NBD_STRUCTURED; style++) {
        int fd = nbd_open(&rig, (enum nbd_style)style);

        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
            for (uint16_t flags = 0; flags <= (style ? NBD_CMD_FLAG_DF : 0);
                 flags = (uint16_t)(flags + NBD_CMD_FLAG_DF)) {
                memset(buffer, 0xee, SIZE);
                nbd_request(fd, NBD_CMD_READ, flags, i, ranges[i].offset, ranges[i].length);
                if (style == NBD_STRUCTURED) {
                    assert_int_equal(nbd_structured_read(fd, i, ranges[i].offset, ranges[i].length, buffer), 0);
                } else {
                    assert_int_equal(nbd_simple_reply(fd, i), 0);
                    assert_true(nbd_receive(fd, buffer, ranges[i].length));
                }
                assert_memory_equal(buffer, memory_block_data(rig.block) + ranges[i].offset, ranges[i].length);
            }
        nbd_close(fd);
    }
    nbd_rig_stop(&rig);
    free(buffer);
}

static void a_burst_of_small_reads_is_answered_one_by_one(void **state)
{
    struct nbd_rig rig;
    uint8_t raw[NBD_REQUEST_SIZE * 300];
    bool seen[300] = {false};
    uint8_t *at = raw;
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    for (uint32_t i = 0; i < 300; i++) {
        at = nbd_put32(nbd_put32(at, NBD_REQUEST_MAGIC), NBD_CMD_READ);
        at = nbd_put32(nbd_put64(nbd_put64(at, i), i * 512), 512);
    }
    /* Cut at odd places, so that requests straddle what the server receives at a time. */
    for (size_t sent = 0; sent < sizeof(raw); sent += 1000)
        nbd_send(fd, raw + sent, sizeof(raw) - sent < 1000 ? sizeof(raw) - sent : 1000);
    /* In whatever order, each once. */
    for (uint32_t i = 0; i < 300; i++) {
        struct nbd_chunk chunk;

        nbd_receive_chunk(fd, &chunk);
        assert_int_equal(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
        assert_int_equal(chunk.length, 8 + 512);
        assert_true(chunk.cookie < 300 && !seen[chunk.cookie]);
        seen[chunk.cookie] = true;
        assert_true(platter_be64(chunk.data) == chunk.cookie * 512);
        assert_memory_equal(chunk.data + 8, memory_block_data(rig.block) + chunk.cookie * 512, 512);
        free(chunk.data);
    }
    nbd_close(fd);
    nbd_rig_stop(&rig);
}

static void a_failing_read_is_told_with_place_and_cause(void **state)
{
    struct nbd_rig rig;
    struct nbd_chunk chunk;
    uint8_t *buffer = malloc(SIZE);
    int fd;

    (void)state;
    assert_non_null(buffer);
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    nbd_fail_disk_at(rig.block, MEMORY_READ, MIB + 5, PLATTER_E_DAMAGED);
    fd = nbd_open(&rig, NBD_STRUCTURED);

    /* Three pieces arrive, the fourth is named with its offset. */
    nbd_request(fd, NBD_CMD_READ, 0, 1, MIB - 768 * KIB, 2 * MIB);
    for (int i = 0; i < 3; i++) {
        nbd_receive_chunk(fd, &chunk);
        assert_int_equal(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
        assert_int_equal(chunk.flags, 0);
        free(chunk.data);
    }
    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.type, NBD_REPLY_TYPE_ERROR_OFFSET);
    assert_int_equal(chunk.flags, NBD_REPLY_FLAG_DONE);
    assert_int_equal(platter_be32(chunk.data), NBD_EIO);
    assert_int_equal(platter_be64(chunk.data + chunk.length - 8), MIB);
    assert_true(platter_be16(chunk.data + 4) > 0);
    free(chunk.data);

    /* Not to be fragmented: one chunk, padded, and refuted by the next. */
    nbd_request(fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 2, MIB - 512 * KIB, MIB);
    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
    assert_int_equal(chunk.flags, 0);
    assert_int_equal(chunk.length, 8 + MIB);
    free(chunk.data);
    assert_int_equal(nbd_structured_reply(fd, 2, NULL), NBD_EIO);

    /* The connection is as good as before. */
    nbd_request(fd, NBD_CMD_READ, 0, 3, 0, MIB);
    assert_int_equal(nbd_structured_read(fd, 3, 0, MIB, buffer), 0);
    nbd_close(fd);

    /* A simple reply that has begun can only be broken off; one that has not is an error like any other. */
    fd = nbd_open(&rig, NBD_SIMPLE);
    nbd_request(fd, NBD_CMD_READ, 0, 4, MIB, 4096);
    assert_int_equal(nbd_simple_reply(fd, 4), NBD_EIO);
    nbd_request(fd, NBD_CMD_READ, 0, 5, MIB - 512 * KIB, MIB);
    assert_int_equal(nbd_simple_reply(fd, 5), 0);
    assert_false(nbd_receive(fd, buffer, MIB));
    nbd_close(fd);
    fd = nbd_open(&rig, NBD_SIMPLE);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    free(buffer);
}

/* A file's bytes take another way: from the system's cache to the socket. Writes 4 MiB with a short last sector. */
static struct platter_image *open_file(char *path)
{
    struct platter_image *image = NULL;
    uint8_t *data = malloc(SIZE);
    FILE *file;

    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i / 512 + i);
    strcpy(path, "/tmp/platter-nbd-file.XXXXXX");
    file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, SIZE - 100, file), SIZE - 100);
    assert_int_equal(fclose(file), 0);
    free(data);
    assert_int_equal(platter_image_open(path, NULL, &image, NULL), PLATTER_OK);
    return image;
}

static void reads_of_a_file_equal_it(void **state)
{
    static const uint32_t lengths[] = {32768, 65537, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, MIB + 7};
    uint8_t *want = malloc(SIZE), *got = malloc(SIZE);
    struct platter_image *image;
    struct nbd_rig rig;
    char path[64];
    int fd;

    (void)state;
    assert_true(want && got);
    image = open_file(path);
    assert_int_equal(platter_block_read(platter_image_block(image), want, SIZE, 0, NULL), PLATTER_OK);
    nbd_rig_start(&rig, platter_block_ref(platter_image_block(image)), NULL);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (uint64_t offset = 0; offset < SIZE - lengths[i]; offset += 300001) {
            memset(got, 0xee, lengths[i]);
            nbd_request(fd, NBD_CMD_READ, 0, offset, offset, lengths[i]);
            assert_int_equal(nbd_structured_read(fd, offset, offset, lengths[i], got), 0);
            assert_memory_equal(got, want + offset, lengths[i]);
        }
    /* Up to the padding behind the file's end. */
    nbd_request(fd, NBD_CMD_READ, 0, 1, SIZE - MIB, MIB);
    assert_int_equal(nbd_structured_read(fd, 1, SIZE - MIB, MIB, got), 0);
    assert_memory_equal(got, want + SIZE - MIB, MIB);
    /* A file that became shorter is an error, not a hang. */
    assert_int_equal(truncate(path, MIB + 4096), 0);
    nbd_request(fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 2, MIB, 64 * KIB);
    assert_int_equal(nbd_structured_read(fd, 2, MIB, 64 * KIB, got), NBD_EIO);
    nbd_request(fd, NBD_CMD_READ, 0, 3, 0, MIB);
    assert_int_equal(nbd_structured_read(fd, 3, 0, MIB, got), 0);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    platter_image_close(image);
    unlink(path);
    free(got);
    free(want);
}

static void a_client_killed_in_mid_read_of_a_file_takes_nothing_with_it(void **state)
{
    struct platter_image *image;
    struct nbd_rig rig;
    char path[64];
    int fd;

    (void)state;
    image = open_file(path);
    nbd_rig_start(&rig, platter_block_ref(platter_image_block(image)), NULL);
    for (unsigned i = 0; i < 20; i++) {
        fd = nbd_open(&rig, NBD_STRUCTURED);
        for (uint64_t request = 0; request < 4; request++)
            nbd_request(fd, NBD_CMD_READ, 0, request, 0, 2 * MIB);
        nbd_sleep(i / 2);
        /* Still there, but deaf: that is EPIPE, not ECONNRESET. */
        if (i % 2)
            assert_int_equal(shutdown(fd, SHUT_RD), 0);
        nbd_sleep(i % 2);
        nbd_close(fd);
    }
    fd = nbd_open(&rig, NBD_STRUCTURED);
    nbd_request(fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
    assert_int_equal(nbd_structured_reply(fd, 1, NULL), 0);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    platter_image_close(image);
    unlink(path);
}

static void holes_are_told_not_sent(void **state)
{
    struct platter_block *block = memory_block_create_sparse(64 * MIB, 512, ALL_CAPS);
    uint8_t data[64 * KIB];
    uint8_t *buffer = malloc(MIB);
    struct nbd_chunk chunk;
    struct nbd_rig rig;
    int fd;

    (void)state;
    assert_non_null(buffer);
    memset(data, 0x5a, sizeof(data));
    assert_int_equal(platter_block_write(block, data, sizeof(data), 256 * KIB, NULL), PLATTER_OK);
    nbd_rig_start(&rig, block, NULL);
    fd = nbd_open(&rig, NBD_STRUCTURED);

    nbd_request(fd, NBD_CMD_READ, 0, 1, 0, 256 * KIB);
    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.type, NBD_REPLY_TYPE_OFFSET_HOLE);
    assert_int_equal(chunk.flags, NBD_REPLY_FLAG_DONE);
    assert_int_equal(chunk.length, 12);
    assert_int_equal(platter_be32(chunk.data + 8), 256 * KIB);
    free(chunk.data);
    memset(buffer, 0xee, MIB);
    nbd_request(fd, NBD_CMD_READ, 0, 2, 0, MIB);
    assert_int_equal(nbd_structured_read(fd, 2, 0, MIB, buffer), 0);
    for (size_t i = 0; i < MIB; i++)
        assert_int_equal(buffer[i], i >= 256 * KIB && i < 320 * KIB ? 0x5a : 0);

    nbd_request(fd, NBD_CMD_BLOCK_STATUS, 0, 3, 0, 64 * MIB);
    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.type, NBD_REPLY_TYPE_BLOCK_STATUS);
    assert_int_equal(chunk.length, 4 + 3 * 8);
    assert_int_equal(platter_be64(chunk.data + 4), (uint64_t)256 * KIB << 32 | 3);
    assert_int_equal(platter_be64(chunk.data + 12), (uint64_t)64 * KIB << 32);
    assert_int_equal(platter_be64(chunk.data + 20), (uint64_t)(64 * MIB - 320 * KIB) << 32 | 3);
    free(chunk.data);
    nbd_request(fd, NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 4, 300 * KIB, 64 * MIB - 300 * KIB);
    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.length, 4 + 8);
    assert_int_equal(platter_be64(chunk.data + 4), (uint64_t)20 * KIB << 32);
    free(chunk.data);
    nbd_close(fd);
    nbd_rig_stop(&rig);
    free(buffer);
}

static void requests_wait_for_a_slow_disk_together(void **state)
{
    struct nbd_rig rig;
    uint8_t buffer[512];
    uint64_t began;
    int fd;

    (void)state;
    nbd_rig_start(&rig, nbd_patterned_disk(0), NULL);
    nbd_delay_disk(rig.block, MEMORY_READ, 100);
    fd = nbd_open(&rig, NBD_STRUCTURED);
    /* The first ones show the server what the disk is like. */
    for (uint64_t i = 0; i < 3; i++) {
        nbd_request(fd, NBD_CMD_READ, 0, i, 0, 512);
        assert_int_equal(nbd_structured_read(fd, i, 0, 512, buffer), 0);
    }
    began = nbd_milliseconds();
    for (uint64_t i = 0; i < 8; i++)
        nbd_request(fd, NBD_CMD_READ, 0, 7, i * 512, 512);
    for (uint64_t i = 0; i < 8; i++) {
        struct nbd_chunk chunk;

        nbd_receive_chunk(fd, &chunk);
        assert_int_equal(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
        free(chunk.data);
    }
    /* One after the other would be 800. */
    assert_in_range(nbd_milliseconds() - began, 90, 600);
    assert_in_range(memory_block_counts(rig.block).most_at_once, 4, 8);
    nbd_close(fd);
    nbd_rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_equal_the_disk_in_both_styles),
        cmocka_unit_test(a_burst_of_small_reads_is_answered_one_by_one),
        cmocka_unit_test(a_failing_read_is_told_with_place_and_cause),
        cmocka_unit_test(reads_of_a_file_equal_it),
        cmocka_unit_test(a_client_killed_in_mid_read_of_a_file_takes_nothing_with_it),
        cmocka_unit_test(holes_are_told_not_sent),
        cmocka_unit_test(requests_wait_for_a_slow_disk_together),
    };

    return cmocka_run_group_tests_name("nbd", tests, NULL, NULL);
}
