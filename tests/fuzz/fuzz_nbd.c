/* SPDX-License-Identifier: MIT */
/*
 * Everything a client can send, without a socket: the input is a first byte and then the client's side of a connection.
 *
 * First byte: bit 0 a read-only export, bit 1 a canned negotiation goes before the input, bit 2 that one with
 * structured replies, bits 4 to 7 the logarithm of how many bytes the server gets at a time.
 */
#include <stdlib.h>
#include <string.h>

#include <memory_block.h>

#include "nbd_session.h"

#define DISK_SIZE (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    struct nbd_stream stream;
    const uint8_t *parts[2];
    size_t left[2];
    size_t at_a_time;
};

static size_t script_receive(struct nbd_stream *stream, void *buffer, size_t length)
{
    struct script *script = (struct script *)stream;
    size_t part = script->left[0] ? 0 : 1;

    if (length > script->at_a_time)
        length = script->at_a_time;
    if (length > script->left[part])
        length = script->left[part];
    if (length > 0)
        memcpy(buffer, script->parts[part], length);
    script->parts[part] += length;
    script->left[part] -= length;
    return length;
}

/* Touches every byte, so that the sanitizer sees what would have left the machine. */
static bool script_send(struct nbd_stream *stream, const void *data, size_t length)
{
    static uint8_t wire[4096];
    const uint8_t *bytes = (const uint8_t *)data;

    (void)stream;
    for (size_t at = 0; at < length; at += sizeof(wire))
        memcpy(wire, bytes + at, length - at < sizeof(wire) ? length - at : sizeof(wire));
    return true;
}

static void script_deadline(struct nbd_stream *stream, uint32_t ms)
{
    (void)stream;
    (void)ms;
}

static void script_cut(struct nbd_stream *stream)
{
    struct script *script = (struct script *)stream;

    script->left[0] = script->left[1] = 0;
}

static const struct nbd_stream_ops script_ops = {
    .receive = script_receive, .send = script_send, .deadline = script_deadline, .cut = script_cut};

static uint8_t *put_option(uint8_t *at, uint32_t number, const void *data, uint32_t length)
{
    at = nbd_put32(nbd_put32(nbd_put64(at, NBD_OPTION_MAGIC), number), length);
    memcpy(at, data, length);
    return at + length;
}

static size_t make_negotiation(uint8_t *buffer, bool structured)
{
    static const char meta[] = "\0\0\0\0\0\0\0\1\0\0\0\x0f"
                               "base:allocation";
    uint8_t *at = nbd_put32(buffer, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);

    if (structured) {
        at = put_option(at, NBD_OPT_STRUCTURED_REPLY, "", 0);
        at = put_option(at, NBD_OPT_SET_META_CONTEXT, meta, sizeof(meta) - 1);
    }
    at = put_option(at, NBD_OPT_GO, "\0\0\0\0\0", 6);
    return (size_t)(at - buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script; /* its receive buffer is large for a stack */
    struct nbd_export export = {.size = DISK_SIZE, .name = "name", .description = "text", .preferred_block = 4096};
    struct nbd_session session;
    uint8_t negotiation[256];
    uint8_t first;

    if (size == 0)
        return 0;
    first = data[0];
    nbd_stream_init(&script.stream, &script_ops);
    script.parts[0] = negotiation;
    script.left[0] = first & 2 ? make_negotiation(negotiation, first & 4) : 0;
    script.parts[1] = data + 1;
    script.left[1] = size - 1;
    script.at_a_time = (size_t)1 << (first >> 4);
    export.block =
        memory_block_create_sparse(DISK_SIZE, 512, PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD | PLATTER_CAP_MAP);
    if (!export.block)
        abort();
    export.read_only = first & 1;
    export.threads = 1; /* what one input does must not depend on the scheduler */
    nbd_session_init(&session, &export, &script.stream);
    nbd_session_run(&session);
    nbd_session_destroy(&session);
    platter_block_unref(export.block);
    return 0;
}
