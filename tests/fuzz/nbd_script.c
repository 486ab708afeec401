/* SPDX-License-Identifier: MIT */
#include "nbd_script.h"

#include <string.h>

static size_t script_receive(struct nbd_stream *stream, void *buffer, size_t length)
{
    struct nbd_script *script = (struct nbd_script *)stream;
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
    struct nbd_script *script = (struct nbd_script *)stream;

    script->left[0] = script->left[1] = 0;
}

static const struct nbd_stream_ops script_ops = {
    .receive = script_receive, .send = script_send, .deadline = script_deadline, .cut = script_cut};

void nbd_script_init(struct nbd_script *script, uint8_t first, const uint8_t *data, size_t size)
{
    nbd_stream_init(&script->stream, &script_ops);
    script->parts[0] = script->parts[1] = data;
    script->left[0] = 0;
    script->left[1] = size;
    script->at_a_time = (size_t)1 << (first >> 4);
}
