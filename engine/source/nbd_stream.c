/* SPDX-License-Identifier: MIT */
#include "nbd_stream.h"

#include <string.h>

void nbd_stream_init(struct nbd_stream *stream, const struct nbd_stream_ops *ops)
{
    stream->ops = ops;
    stream->begin = 0;
    stream->end = 0;
}

static size_t take_buffered(struct nbd_stream *stream, void *buffer, size_t length)
{
    size_t have = nbd_stream_buffered(stream);

    if (length > have)
        length = have;
    memcpy(buffer, stream->receive_buffer + stream->begin, length);
    stream->begin += length;
    return length;
}

/* Only with an empty buffer. */
static bool refill(struct nbd_stream *stream)
{
    stream->begin = 0;
    stream->end = stream->ops->receive(stream, stream->receive_buffer, sizeof(stream->receive_buffer));
    return stream->end > 0;
}

bool nbd_stream_take(struct nbd_stream *stream, void *buffer, size_t length)
{
    uint8_t *to = (uint8_t *)buffer;

    for (;;) {
        size_t got = take_buffered(stream, to, length);

        to += got;
        length -= got;
        if (length == 0)
            return true;
        if (length < sizeof(stream->receive_buffer) / 2) {
            if (!refill(stream))
                return false;
            continue;
        }
        /* Much is still to come: past the buffer it is copied once less. */
        got = stream->ops->receive(stream, to, length);
        if (got == 0)
            return false;
        to += got;
        length -= got;
        if (length == 0)
            return true;
    }
}

bool nbd_stream_skip(struct nbd_stream *stream, uint64_t length)
{
    while (length > 0) {
        size_t have = nbd_stream_buffered(stream);

        if (have == 0) {
            if (!refill(stream))
                return false;
            continue;
        }
        if (have > length)
            have = (size_t)length;
        stream->begin += have;
        length -= have;
    }
    return true;
}
