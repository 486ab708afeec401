/* SPDX-License-Identifier: MIT */
#include "nbd_client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../engine/bytes.h"

#define PATIENCE_MS 10000

struct platter_block *nbd_patterned_disk(uint32_t caps)
{
    struct platter_block *block = memory_block_create(NBD_RIG_DISK, 512, caps);
    uint8_t *data = memory_block_data(block);

    for (size_t i = 0; i < NBD_RIG_DISK; i++)
        data[i] = (uint8_t)(i / 512 + i);
    return block;
}

void nbd_fail_disk_at(struct platter_block *block, uint32_t operations, uint64_t offset, enum platter_result result)
{
    struct memory_fault fault = {operations, offset, 1, result, 0, 0, 0};

    memory_block_add_fault(block, &fault);
}

void nbd_delay_disk(struct platter_block *block, uint32_t operations, unsigned ms)
{
    struct memory_fault fault = {operations, 0, 0, PLATTER_OK, ms, 0, 0};

    memory_block_add_fault(block, &fault);
}

static void *run_server(void *context)
{
    struct nbd_rig *rig = (struct nbd_rig *)context;

    rig->outcome = platter_nbd_server_run(rig->server, NULL);
    return NULL;
}

void nbd_rig_start(struct nbd_rig *rig, struct platter_block *block, const struct platter_nbd_options *options)
{
    struct platter_nbd_options used = options ? *options : (struct platter_nbd_options){0};
    struct platter_error err;

    assert_non_null(block);
    rig->block = block;
    strcpy(rig->folder, "/tmp/platter-nbd.XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->path, sizeof(rig->path), "%s/s", rig->folder);
    used.socket_path = rig->path;
    assert_int_equal(platter_nbd_server_create(block, &used, &rig->server, &err), PLATTER_OK);
    assert_int_equal(pthread_create(&rig->thread, NULL, run_server, rig), 0);
}

void nbd_rig_stop(struct nbd_rig *rig)
{
    platter_nbd_server_stop(rig->server);
    assert_int_equal(pthread_join(rig->thread, NULL), 0);
    platter_nbd_server_free(rig->server);
    platter_block_unref(rig->block);
    /* Fails if the socket was left behind. */
    assert_int_equal(rmdir(rig->folder), 0);
}

int nbd_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void nbd_close(int fd)
{
    close(fd);
}

void nbd_send(int fd, const void *data, size_t length)
{
    const uint8_t *from = (const uint8_t *)data;

    while (length > 0) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);

        assert_true(sent > 0);
        from += sent;
        length -= (size_t)sent;
    }
}

static ssize_t receive_some(int fd, void *data, size_t length)
{
    struct pollfd polled = {fd, POLLIN, 0};
    ssize_t got;

    assert_int_equal(poll(&polled, 1, PATIENCE_MS), 1);
    got = recv(fd, data, length, 0);
    /* A server that hangs up with bytes of ours unread resets the connection. */
    return got < 0 && errno == ECONNRESET ? 0 : got;
}

bool nbd_receive(int fd, void *data, size_t length)
{
    uint8_t *to = (uint8_t *)data;

    while (length > 0) {
        ssize_t got = receive_some(fd, to, length);

        assert_true(got >= 0);
        if (got == 0)
            return false;
        to += got;
        length -= (size_t)got;
    }
    return true;
}

bool nbd_hung_up(int fd)
{
    uint8_t rest[65536];
    ssize_t got;

    do
        got = receive_some(fd, rest, sizeof(rest));
    while (got > 0);
    return got == 0;
}

void nbd_send_option(int fd, uint32_t option, const void *data, uint32_t length)
{
    uint8_t header[NBD_OPTION_HEADER_SIZE];

    nbd_put32(nbd_put32(nbd_put64(header, NBD_OPTION_MAGIC), option), length);
    nbd_send(fd, header, sizeof(header));
    if (length)
        nbd_send(fd, data, length);
}

/* Skips the option's replies up to the last, which must be an acknowledgement. */
static void expect_ack(int fd)
{
    uint8_t header[NBD_OPTION_REPLY_HEADER_SIZE];
    uint8_t data[4096];
    uint32_t type;

    do {
        assert_true(nbd_receive(fd, header, sizeof(header)));
        assert_true(platter_be64(header) == NBD_OPTION_REPLY_MAGIC);
        type = platter_be32(header + 12);
        assert_true(platter_be32(header + 16) <= sizeof(data));
        assert_true(nbd_receive(fd, data, platter_be32(header + 16)));
    } while (type == NBD_REP_INFO || type == NBD_REP_META_CONTEXT);
    assert_int_equal(type, NBD_REP_ACK);
}

int nbd_open(const struct nbd_rig *rig, enum nbd_style style)
{
    static const uint8_t go[6] = {0};
    uint8_t greeting[18], flags[4], meta[4 + 4 + 4 + 15] = {0};
    int fd = nbd_connect(rig->path);

    assert_true(nbd_receive(fd, greeting, sizeof(greeting)));
    assert_true(platter_be64(greeting) == NBD_MAGIC);
    nbd_put32(flags, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    nbd_send(fd, flags, sizeof(flags));
    if (style == NBD_STRUCTURED) {
        nbd_send_option(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
        expect_ack(fd);
        nbd_put32(nbd_put32(meta + 4, 1), 15);
        memcpy(meta + 12, "base:allocation", 15);
        nbd_send_option(fd, NBD_OPT_SET_META_CONTEXT, meta, sizeof(meta));
        expect_ack(fd);
    }
    nbd_send_option(fd, NBD_OPT_GO, go, sizeof(go));
    expect_ack(fd);
    return fd;
}

void nbd_request(int fd, uint16_t command, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t length)
{
    uint8_t raw[NBD_REQUEST_SIZE];
    uint8_t *at = nbd_put16(nbd_put16(nbd_put32(raw, NBD_REQUEST_MAGIC), flags), command);

    nbd_put32(nbd_put64(nbd_put64(at, cookie), offset), length);
    nbd_send(fd, raw, sizeof(raw));
}

uint32_t nbd_simple_reply(int fd, uint64_t cookie)
{
    uint8_t raw[NBD_SIMPLE_REPLY_SIZE];

    assert_true(nbd_receive(fd, raw, sizeof(raw)));
    assert_int_equal(platter_be32(raw), NBD_SIMPLE_REPLY_MAGIC);
    assert_int_equal(platter_be64(raw + 8), cookie);
    return platter_be32(raw + 4);
}

void nbd_receive_chunk(int fd, struct nbd_chunk *chunk)
{
    uint8_t raw[NBD_CHUNK_HEADER_SIZE];

    assert_true(nbd_receive(fd, raw, sizeof(raw)));
    assert_int_equal(platter_be32(raw), NBD_STRUCTURED_REPLY_MAGIC);
    chunk->flags = platter_be16(raw + 4);
    chunk->type = platter_be16(raw + 6);
    chunk->cookie = platter_be64(raw + 8);
    chunk->length = platter_be32(raw + 16);
    assert_true(chunk->length <= PLATTER_NBD_MAX_REQUEST + 8);
    chunk->data = malloc(chunk->length + 1);
    assert_non_null(chunk->data);
    assert_true(nbd_receive(fd, chunk->data, chunk->length));
}

uint32_t nbd_structured_read(int fd, uint64_t cookie, uint64_t offset, uint32_t length, uint8_t *buffer)
{
    struct nbd_chunk chunk;
    uint64_t covered = 0;
    uint32_t error = 0;
    bool done;

    do {
        nbd_receive_chunk(fd, &chunk);
        assert_int_equal(chunk.cookie, cookie);
        if (chunk.type & 0x8000) {
            error = platter_be32(chunk.data);
        } else if (chunk.type != NBD_REPLY_TYPE_NONE) {
            bool hole = chunk.type == NBD_REPLY_TYPE_OFFSET_HOLE;
            uint64_t at = platter_be64(chunk.data);
            uint32_t run = hole ? platter_be32(chunk.data + 8) : chunk.length - 8;

            assert_true(at >= offset && at + run <= offset + length);
            if (hole)
                memset(buffer + (at - offset), 0, run);
            else
                memcpy(buffer + (at - offset), chunk.data + 8, run);
            covered += run;
        }
        done = chunk.flags & NBD_REPLY_FLAG_DONE;
        free(chunk.data);
    } while (!done);
    if (!error)
        assert_int_equal(covered, length);
    return error;
}

uint32_t nbd_structured_reply(int fd, uint64_t cookie, char *text)
{
    struct nbd_chunk chunk;
    uint32_t error = 0;

    nbd_receive_chunk(fd, &chunk);
    assert_int_equal(chunk.cookie, cookie);
    assert_int_equal(chunk.flags, NBD_REPLY_FLAG_DONE);
    if (chunk.type != NBD_REPLY_TYPE_NONE) {
        uint32_t length;

        assert_true((chunk.type & 0x8000) && chunk.length >= 6);
        error = platter_be32(chunk.data);
        length = platter_be16(chunk.data + 4);
        assert_true(error != 0 && length <= chunk.length - 6);
        if (text)
            (void)snprintf(text, 256, "%.*s", (int)length, (const char *)chunk.data + 6);
    }
    free(chunk.data);
    return error;
}

uint64_t nbd_milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nbd_sleep(unsigned ms)
{
    struct timespec duration = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&duration, NULL);
}
