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

#include "nbd_script.h"
#include "nbd_session.h"

#define DISK_SIZE (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    static struct nbd_script script;
    struct nbd_export export = {.size = DISK_SIZE, .name = "name", .description = "text", .preferred_block = 4096};
    struct nbd_session session;
    uint8_t negotiation[256];
    uint8_t first;

    if (size == 0)
        return 0;
    first = data[0];
    nbd_script_init(&script, first, data + 1, size - 1);
    script.parts[0] = negotiation;
    script.left[0] = first & 2 ? make_negotiation(negotiation, first & 4) : 0;
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
