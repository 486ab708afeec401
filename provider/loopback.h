/* SPDX-License-Identifier: MIT */
/*
 * The loopback's inside: the driver's part of protocol.h, played in process and as strictly as platter.sys plays it.
 *
 * One lock guards everything. It is not held while bytes are copied; what is being copied is marked busy instead, and
 * a client whose request has ended waits for that mark to go before it takes its buffer back.
 */
#ifndef PLATTER_PROVIDER_LOOPBACK_H
#define PLATTER_PROVIDER_LOOPBACK_H

#include "../engine/os/thread.h"
#include "transport.h"

/* Outcome of a probe read whose START was cancelled; never leaves the loopback. */
#define LOOPBACK_CANCELLED 0x1002u

struct loopback_session;
struct loopback_volume;

/* A client's request, what an IRP is to the driver. Lies on the client's stack. */
struct loopback_io {
    struct loopback_volume *volume;
    struct loopback_io *next_queued, *previous_queued; /* in the session's queue, while bytes are to be handed out */
    struct loopback_io *next_of_volume, *previous_of_volume; /* all that the volume has */
    uint8_t *buffer;
    uint64_t offset, length; /* of READ, WRITE and DISCARD */
    uint64_t deadline;       /* by platter_os_monotonic_ms; put off by each piece that is done */
    uint64_t handed;         /* bytes handed out so far (all of DISCARD and FLUSH at once) */
    uint32_t op, flags;
    uint32_t status;      /* of the first piece that failed, or why it ended */
    uint32_t outstanding; /* pieces with the provider */
    uint32_t busy;        /* copies under way to or from buffer */
    bool queued, done;
    struct platter_cond changed;
};

/* One platter_request handed out and not answered. */
struct loopback_piece {
    struct loopback_piece *next;
    struct loopback_io *io;
    uint64_t id;
    uint64_t position; /* in the client's buffer */
    uint32_t length;
    bool busy; /* being copied: whoever copies frees it */
};

struct loopback_volume {
    struct loopback_volume *next; /* of the session, by ascending id */
    struct loopback_session *session;
    struct platter_volume_create_in create;
    struct platter_volume_info info;
    struct loopback_io *ios;
    uint32_t references; /* the session's and one for each client inside */
    uint32_t serial;     /* of request ids */
    bool removed;
};

struct loopback_session {
    struct platter_transport base;
    struct platter_loopback *loopback;
    struct loopback_session *next;
    struct loopback_volume *volumes;
    struct loopback_io *queue_head, *queue_tail;
    struct loopback_piece *pieces;
    struct platter_cond work;    /* a request came, a volume went, or shutdown */
    struct platter_cond drained; /* nobody is inside any more */
    uint64_t removals;           /* volumes removed so far: a waiting TRANSACT looks for a change */
    uint32_t live_volumes;
    uint32_t queued;  /* requests in the queue */
    uint32_t waiting; /* TRANSACTs that wait for one */
    uint32_t inside;  /* calls of control and clients of its volumes */
    bool hello, shut, had_volumes;
};

struct platter_loopback {
    struct platter_mutex lock;
    struct platter_cond idle; /* a client has left */
    struct loopback_session *sessions;
    uint64_t next_volume_id;
    uint32_t volumes;
    uint32_t clients; /* inside platter_loopback_io */
};

enum platter_result loopback_refuse(struct platter_error *err, const char *why);

/* ---- loopback_volume.c; the lock is held ------------------------------------------------------------------------ */

enum platter_result loopback_volume_create(struct loopback_session *session, const struct platter_volume_create_in *in,
                                           struct platter_volume_create_out *out, struct platter_error *err);
enum platter_result loopback_volume_start(struct loopback_session *session, const struct platter_volume_start_in *in,
                                          struct platter_volume_info *out, struct platter_error *err);
enum platter_result loopback_volume_remove(struct platter_loopback *loopback, const struct platter_volume_remove_in *in,
                                           struct platter_error *err);
void loopback_volume_list(struct platter_loopback *loopback, uint64_t after_id, void *output, uint32_t output_length,
                          uint32_t *returned);
/* NULL when there is none. A NULL session: of any. */
struct loopback_volume *loopback_volume_find(struct platter_loopback *loopback, struct loopback_session *session,
                                             uint64_t id);
/* Ends its requests with GONE, wakes who waits and drops the session's reference. */
void loopback_volume_drop(struct loopback_volume *volume);
void loopback_volume_unref(struct loopback_volume *volume);

/* ---- loopback_io.c; the lock is held ------------------------------------------------------------------------------ */

/* Queues *io (volume, op, flags, buffer, offset and length are set), waits for its end and returns its status. */
uint32_t loopback_io_run(struct loopback_io *io);
/* Ends *io unless it has ended; its client cleans up. */
void loopback_io_finish(struct loopback_io *io, uint32_t status);
void loopback_io_unqueue(struct loopback_io *io);

/* ---- loopback_transact.c; the lock is held, and given up while bytes are copied ------------------------------------- */

enum platter_result loopback_transact(struct loopback_session *session, const void *input, uint32_t input_length,
                                      void *output, uint32_t output_length, uint32_t *returned,
                                      struct platter_error *err);

#endif
