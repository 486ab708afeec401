/* SPDX-License-Identifier: MIT */
/*
 * One connection to an NBD server, seen from the client: negotiation, requests of many threads under way at once, replies
 * in whatever order. Knows nothing of sockets: nbd_link.c brings the bytes, or a test does.
 *
 * Nothing that the server says is believed unchecked, nothing of it decides how much memory is taken, and every wait ends
 * at a deadline.
 */
#ifndef PLATTER_ENGINE_SOURCE_NBD_CLIENT_H
#define PLATTER_ENGINE_SOURCE_NBD_CLIENT_H

#include <platter/engine.h>

#include "../os/thread.h"
#include "nbd_stream.h"
#include "nbd_wire.h"

/* What the negotiation found out. */
struct platter_nbd_export {
    uint64_t size;
    uint32_t flags;              /* NBD_FLAG_...: transmission flags */
    uint32_t minimum, preferred; /* bytes of a block, powers of two; 1 and 4096 when the server does not say */
    uint32_t maximum;            /* bytes of a request's payload, a multiple of minimum */
    bool structured;
    bool allocation; /* base:allocation was selected, under this id */
    uint32_t allocation_id;
};

/* How long the stream may wait in one direction, and why it gave up. */
struct platter_nbd_way {
    uint64_t until; /* platter_os_monotonic_ms() */
    bool late;      /* it has passed */
    int os_error;   /* what the system said; 0: the server has hung up */
};

struct platter_nbd_line {
    struct platter_nbd_way receive, send;
};

/* What there is to say when the stream has ended. `when`: "the connection was lost" goes on with it. */
enum platter_result platter_nbd_way_error(const struct platter_nbd_way *way, const char *name, const char *when,
                                          struct platter_error *err);

/* The line's deadlines bound all of it. `name` is the URI, for messages. */
enum platter_result platter_nbd_negotiate(struct nbd_stream *stream, const struct platter_nbd_line *line,
                                          const char *name, const char *export_name, struct platter_nbd_export *export,
                                          struct platter_error *err);

/* Runs kept of an answer to BLOCK_STATUS; what a server says beyond them is asked for again. */
#define PLATTER_NBD_RUNS 2048u

struct platter_nbd_runs {
    uint64_t start;
    uint64_t end[PLATTER_NBD_RUNS]; /* where each ends; one begins where the one before it ends */
    bool data[PLATTER_NBD_RUNS];
    uint32_t count;
};

enum platter_nbd_outcome {
    PLATTER_NBD_DONE,    /* answered: call->error tells how */
    PLATTER_NBD_LOST,    /* the connection ended before the answer: to be asked again over another one */
    PLATTER_NBD_GARBAGE, /* the server broke the protocol; so does it, presumably, when asked again */
};

/* One request, in the hands of the thread that wants it. Aligned, and no longer, as the server said. */
struct platter_nbd_call {
    enum nbd_command command;
    uint32_t length;
    uint64_t offset;
    uint8_t *buffer;               /* of READ and WRITE; a WRITE leaves it alone */
    struct platter_nbd_runs *runs; /* of BLOCK_STATUS */
    uint32_t error;                /* after PLATTER_NBD_DONE: enum nbd_error, or what the server made up; 0: none */
    char text[200];                /* what it said of that */
    /* the connection's */
    uint64_t cookie;
    uint64_t covered; /* bytes of a READ that have come */
    unsigned chunks;
    bool done, waiting;
    struct platter_cond woken;
};

/* Pieces of one answer; a server may cut a read where it likes, but not into single bytes. */
#define PLATTER_NBD_MOST_CHUNKS (1u << 14)
#define PLATTER_NBD_SLOTS 32u /* requests of one connection under way at a time */

struct platter_nbd_conn {
    struct nbd_stream *stream; /* borrowed */
    const char *name;          /* borrowed */
    struct platter_nbd_export export;
    /*
     * lock guards what follows; send_lock keeps requests whole and is taken with no other held. There is no thread for
     * receiving: one of those that wait does it for all, and hands it on when its own answer has come.
     */
    struct platter_mutex lock, send_lock;
    struct platter_cond changed; /* a slot is free, nobody receives any more, or the connection is over */
    struct platter_nbd_call *slots[PLATTER_NBD_SLOTS];
    uint64_t sequence;
    unsigned under_way;
    bool receiving;
    bool over; /* nothing more comes */
    bool garbage;
    bool ending;                   /* the server has said that it shuts down */
    uint64_t written, flushed;     /* writes that were answered, and how many of them a flush has covered */
    struct platter_error why;      /* it is over */
    struct platter_nbd_line *line; /* borrowed */
};

void platter_nbd_conn_init(struct platter_nbd_conn *conn, struct nbd_stream *stream, struct platter_nbd_line *line,
                           const char *name, const struct platter_nbd_export *export);
/* Nobody may be inside. Says good-bye to the server when that can be done. */
void platter_nbd_conn_destroy(struct platter_nbd_conn *conn);
/* Sends the request and waits for its answer, until `deadline` at most. *err is filled unless it was answered. */
enum platter_nbd_outcome platter_nbd_conn_call(struct platter_nbd_conn *conn, struct platter_nbd_call *call,
                                               uint64_t deadline, struct platter_error *err);

/* nbd_answer.c: takes one reply, or one chunk of one. False: the connection is over, conn->why tells. */
bool platter_nbd_receive(struct platter_nbd_conn *conn);
/* With the lock held: marks the connection as over; the first reason counts. */
void platter_nbd_conn_end(struct platter_nbd_conn *conn, bool garbage, const struct platter_error *why);
/* With the lock held: the call has its answer. */
void platter_nbd_conn_finish(struct platter_nbd_conn *conn, struct platter_nbd_call *call);
/* What a server says, made fit to be shown: no control characters. */
void platter_nbd_text(const uint8_t *said, size_t length, char *text, size_t size);

#endif
