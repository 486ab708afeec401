/* SPDX-License-Identifier: MIT */
/* One client's connection, from the greeting to its end; knows nothing of sockets. */
#ifndef PLATTER_NBD_SESSION_H
#define PLATTER_NBD_SESSION_H

#include <stdatomic.h>

#include "block.h"
#include "nbd_server.h"
#include "source/nbd_stream.h"
#include "source/nbd_wire.h"
#include "os/thread.h"

/* Bytes moved between block and socket at a time: half of a common second-level cache, and the bound on each thread's memory. */
#ifndef NBD_PIECE /* the fuzz preset has a smaller one, so that pieces end where its inputs do */
#define NBD_PIECE (256u << 10)
#endif
/* The answers that a thread gathers; a chunk header fits before a whole piece, and an error's text behind one. */
#define NBD_ANSWER_ROOM (NBD_PIECE + 8192u)
#define NBD_MAX_THREADS 64u

/* What all sessions of a server share; constant while they run. */
struct nbd_export {
    struct platter_block *block;
    uint64_t size;
    const char *name;        /* "" is another name of it */
    const char *description; /* "": none */
    uint32_t preferred_block;
    bool read_only;
    unsigned threads;                                               /* of one session, 1 to NBD_MAX_THREADS */
    void (*failed)(void *context, const struct platter_error *err); /* nbd_server.h */
    void *failed_context;
};

struct nbd_session {
    const struct nbd_export *export;
    struct nbd_stream *stream;
    bool no_zeroes;
    bool structured;
    bool allocation; /* base:allocation was selected */

    /*
     * Whoever holds receive_lock takes requests from the stream; the others answer theirs or wait for the lock.
     * send_lock keeps answers whole. Order: receive_lock before send_lock.
     */
    struct platter_mutex receive_lock;
    struct platter_mutex send_lock;
    atomic_bool ended;
    atomic_uint waiting;   /* threads that want receive_lock */
    atomic_uint slow;      /* how slow the block was lately; see note_duration() */
    unsigned helper_count; /* under receive_lock */
    struct platter_thread *helpers[NBD_MAX_THREADS];
};

struct nbd_request {
    uint16_t flags;
    uint16_t command;
    uint64_t cookie;
    uint64_t offset;
    uint32_t length;
};

/* What each thread of a session has for itself. */
struct nbd_worker {
    struct nbd_session *session;
    bool receiving;   /* holds receive_lock */
    uint64_t waited;  /* microseconds of this request that went into sending: not the block's fault */
    uint8_t *answers; /* NBD_ANSWER_ROOM, page-aligned */
    size_t first;     /* answers not yet sent are at [first, used) */
    size_t used;
    uint8_t *payload; /* NBD_PIECE; NULL until something needs it */
};

/* `export` and `stream` are borrowed. */
void nbd_session_init(struct nbd_session *session, const struct nbd_export *export, struct nbd_stream *stream);
void nbd_session_destroy(struct nbd_session *session);
/* Serves the client until it leaves, breaks the rules, or nbd_session_end() is called. */
void nbd_session_run(struct nbd_session *session);
/* From another thread: take no more requests. The one that waits for one must be woken by the stream. */
void nbd_session_end(struct nbd_session *session);

/* nbd_negotiate.c. True: the client wants the export's data now. */
bool nbd_negotiate(struct nbd_session *session);
uint16_t nbd_transmission_flags(const struct nbd_session *session);

/* nbd_command.c. False: the stream can no longer be followed. */
bool nbd_execute(struct nbd_worker *worker, const struct nbd_request *request);
/* The payload of a write that fits into worker->payload, before execute; receive_lock is held. */
bool nbd_take_payload(struct nbd_worker *worker, const struct nbd_request *request);
/* True: execute itself takes bytes from the stream, so receive_lock must be kept. */
bool nbd_execute_receives(const struct nbd_request *request);

/* nbd_reply.c. False: the client is gone. */
bool nbd_worker_init(struct nbd_worker *worker, struct nbd_session *session);
void nbd_worker_destroy(struct nbd_worker *worker);
bool nbd_worker_need_payload(struct nbd_worker *worker);
/* Sends what was gathered. */
bool nbd_flush_answers(struct nbd_worker *worker);
/* The same with send_lock held by the caller. */
bool nbd_flush_answers_locked(struct nbd_worker *worker);
/* What the stream has loaded, with send_lock held by the caller. */
bool nbd_send_loaded(struct nbd_worker *worker, size_t length);
/* Room for `length` bytes behind what was gathered, at most NBD_ANSWER_ROOM less a page; NULL: the client is gone. */
uint8_t *nbd_answer_room(struct nbd_worker *worker, size_t length);
bool nbd_answer_ok(struct nbd_worker *worker, const struct nbd_request *request);
/* `offset`: where it went wrong, or PLATTER_NO_OFFSET. `text` is for people, may be NULL. */
bool nbd_answer_error(struct nbd_worker *worker, const struct nbd_request *request, enum nbd_error error,
                      uint64_t offset, const char *text);
/* The same from a block's failure. */
bool nbd_answer_failure(struct nbd_worker *worker, const struct nbd_request *request, uint64_t offset,
                        const struct platter_error *err);
uint8_t *nbd_put_chunk_header(uint8_t *at, const struct nbd_request *request, uint32_t flags, uint32_t type,
                              uint32_t length);
uint8_t *nbd_put_simple_header(uint8_t *at, const struct nbd_request *request, enum nbd_error error);

#endif
