/* SPDX-License-Identifier: MIT */
/* The bytes between an NBD server and its client, on either side: a socket, or whatever a test puts in its place. */
#ifndef PLATTER_ENGINE_SOURCE_NBD_STREAM_H
#define PLATTER_ENGINE_SOURCE_NBD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Holds a few dozen requests, so that a client that sends many at once costs one system call, not one each. */
#define NBD_RECEIVE_BUFFER_SIZE (64u << 10)

struct nbd_stream;
struct platter_location;

struct nbd_stream_ops {
    /* Waits for something; bytes received, at most `length`; 0 at the end, on an error and past the deadline. */
    size_t (*receive)(struct nbd_stream *stream, void *buffer, size_t length);
    /* Sends all, waiting as long as it takes. False: the client is gone, or the deadline has passed. */
    bool (*send)(struct nbd_stream *stream, const void *data, size_t length);
    /*
     * Both NULL where the system has nothing of the kind. load takes hold of up to `length` bytes of a file without
     * copying them: how many it got, 0 if they must be read after all. send_loaded sends as many as were loaded, all of
     * them, next. Only by whoever may receive.
     */
    size_t (*load)(struct nbd_stream *stream, const struct platter_location *location, size_t length);
    bool (*send_loaded)(struct nbd_stream *stream, size_t length);
    /* Milliseconds from now after which receive and send give up; 0: never. Not while another thread is inside. */
    void (*deadline)(struct nbd_stream *stream, uint32_t ms);
    /* Makes receive and send return at once in every thread, now and later. */
    void (*cut)(struct nbd_stream *stream);
};

/* First member of a stream's own structure. receive_buffer belongs to whoever may receive. */
struct nbd_stream {
    const struct nbd_stream_ops *ops;
    size_t begin; /* of what was received and not yet taken */
    size_t end;
    uint8_t receive_buffer[NBD_RECEIVE_BUFFER_SIZE];
};

void nbd_stream_init(struct nbd_stream *stream, const struct nbd_stream_ops *ops);

/* Bytes that can be taken without waiting. */
static inline size_t nbd_stream_buffered(const struct nbd_stream *stream)
{
    return stream->end - stream->begin;
}

/* Exactly `length` bytes, or false. */
bool nbd_stream_take(struct nbd_stream *stream, void *buffer, size_t length);
bool nbd_stream_skip(struct nbd_stream *stream, uint64_t length);

#endif
