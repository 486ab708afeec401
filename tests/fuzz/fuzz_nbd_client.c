/* SPDX-License-Identifier: MIT */
/*
 * Everything an NBD server can send, without a socket: the input is a first byte and then the server's side of a
 * connection.
 *
 * First byte: bit 0 a canned negotiation goes before the input, bit 1 that one with structured replies, bit 2 blocks of
 * 4096 bytes, bits 4 to 7 the logarithm of how many bytes the client gets at a time. Then come requests, one after the
 * other, whose cookies are 32, 64, 96, ...
 */
#include <stdlib.h>
#include <string.h>

#include "nbd_script.h"
#include "source/nbd_client.h"

#define DISK_SIZE (2u << 20)
#define MOST_CALLS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_runs(const struct platter_nbd_call *call)
{
    uint64_t at = call->offset;

    for (uint32_t i = 0; i < call->runs->count; i++) {
        if (call->runs->end[i] <= at || call->runs->end[i] > call->offset + call->length)
            abort();
        at = call->runs->end[i];
    }
}

/* Requests of all kinds until the connection is over. */
static void use(struct platter_nbd_conn *conn)
{
    static struct platter_nbd_runs runs;
    static const enum nbd_command commands[] = {NBD_CMD_READ, NBD_CMD_BLOCK_STATUS, NBD_CMD_READ, NBD_CMD_WRITE,
                                                NBD_CMD_FLUSH};
    uint32_t block = conn->export.minimum;
    struct platter_error error;

    for (unsigned i = 0; i < MOST_CALLS; i++) {
        struct platter_nbd_call call = {.command = commands[i % 5], .offset = (uint64_t)block * i, .length = block};

        /* Fresh memory, so that a byte too many is seen. */
        call.buffer = malloc(block);
        call.runs = call.command == NBD_CMD_BLOCK_STATUS ? &runs : NULL;
        if (!call.buffer)
            abort();
        memset(call.buffer, 0, block);
        if (platter_nbd_conn_call(conn, &call, UINT64_MAX, &error) != PLATTER_NBD_DONE) {
            if (error.result == PLATTER_OK || !error.message[0])
                abort();
            i = MOST_CALLS;
        } else if (call.runs && !call.error) {
            check_runs(&call);
        }
        free(call.buffer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nbd_script script;
    struct platter_nbd_line line = {.receive = {.until = UINT64_MAX}, .send = {.until = UINT64_MAX}};
    struct platter_nbd_export export = {.size = DISK_SIZE, .minimum = 16, .maximum = 1u << 20};
    struct platter_nbd_conn conn;
    struct platter_error error;

    if (size == 0)
        return 0;
    nbd_script_init(&script, data[0], data + 1, size - 1);
    if (data[0] & 1) {
        export.structured = export.allocation = data[0] & 2;
        export.allocation_id = 5;
        export.minimum = data[0] & 4 ? 4096 : 16;
    } else if (platter_nbd_negotiate(&script.stream, &line, "nbd://fuzz/", "name", &export, &error)) {
        if (error.result == PLATTER_OK || !error.message[0])
            abort();
        return 0;
    }
    platter_nbd_conn_init(&conn, &script.stream, &line, "nbd://fuzz/", &export);
    if (export.minimum <= 65536)
        use(&conn);
    platter_nbd_conn_destroy(&conn);
    return 0;
}
