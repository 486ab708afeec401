/* SPDX-License-Identifier: MIT */
/* The provider's inside. No lock of it is held across a call of the engine or of the transport. */
#ifndef PLATTER_PROVIDER_INTERNAL_H
#define PLATTER_PROVIDER_INTERNAL_H

#include "../engine/os/thread.h"
#include "transport.h"

/* Bounds of the default, and what may be asked for. */
#define PROVIDER_MIN_WORKERS 2u
#define PROVIDER_MAX_WORKERS 16u
#define PROVIDER_MOST_WORKERS 64u
/* Windows locks the whole buffer for each call and Wine copies it both ways, so a worker lends only what it needs. */
#define PROVIDER_MIN_ROOM (PLATTER_TRANSACT_DATA_OFFSET + (64u << 10))
#define PROVIDER_DEFAULT_BATCH (PLATTER_TRANSACT_DATA_OFFSET + (256u << 10))

struct provider_volume {
    struct platter_block *block;
    struct platter_volume_create_in create;
    uint64_t id; /* 0: not created */
    /* Under the provider's lock: why the probe read failed, for announce. PLATTER_OK: it did not. */
    struct platter_error probe;
};

enum provider_worker_state {
    PROVIDER_WAITING,  /* in TRANSACT with nothing to lose, or before its first */
    PROVIDER_CARRYING, /* in TRANSACT, which takes its answers and then waits */
    PROVIDER_SERVING,  /* has requests in hand */
    PROVIDER_ENDED,
};

struct provider_worker {
    struct platter_provider *provider;
    struct platter_thread *thread;
    enum provider_worker_state state; /* under the provider's lock */
    uint64_t carrying_since;          /* milliseconds; under the provider's lock */
    uint8_t *batch;
    uint32_t room;      /* bytes of batch lent to the next TRANSACT */
    unsigned small;     /* batches in a row that used little of it */
    uint32_t fetch_max; /* requests asked of it */
    struct {
        struct platter_transact_in header;
        struct platter_answer answers[PLATTER_MAX_BATCH];
    } in;
    struct platter_request requests[PLATTER_MAX_BATCH]; /* copied out: the batch's head is overwritten by answering */
};

struct platter_provider {
    struct platter_transport *transport;
    struct provider_volume *volumes;
    size_t volume_count;
    struct provider_worker *workers;
    unsigned worker_count;
    uint32_t batch_bytes;
    uint32_t max_fetch;

    struct platter_mutex lock;
    struct platter_cond changed; /* any of the following, or a worker's state */
    bool released;               /* the workers may begin */
    bool stopping;
    bool gone;           /* no volume is left, or the driver is not */
    uint64_t gone_since; /* platter_os_monotonic_ms() */
    bool shut;           /* the transport has been shut down */
    struct platter_provider_stats stats;
};

/* ---- worker.c --------------------------------------------------------------------------------------------------- */

platter_thread_fn provider_worker_main; /* context: struct provider_worker */

/* Shuts the transport down once no request is in hand and no answer on its way. The lock is held, and given up. */
void provider_shutdown_when_idle(struct platter_provider *provider);

/* ---- serve.c ---------------------------------------------------------------------------------------------------- */

/* Does what *request asks, with its data in batch[0..batch_length), and fills *answer. */
void provider_serve(struct platter_provider *provider, const struct platter_request *request, uint8_t *batch,
                    uint32_t batch_length, struct platter_answer *answer);

#endif
