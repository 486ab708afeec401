/* SPDX-License-Identifier: MIT */
/*
 * The transmission phase's threads.
 *
 * One thread holds receive_lock and takes requests. While the block is fast (page cache), it answers them itself, a
 * bufferful at a time: no hand-over costs anything, and many answers leave in one call. As soon as the block was slow
 * (a disk, a network, decompression), it gives the lock away before it turns to its request, so that others take the
 * next ones meanwhile; threads are started as they are missed. A client that does not take its answers holds up
 * nothing but its own session.
 */
#include "nbd_session.h"

#include "bytes.h"
#include "nbd_os.h"

/* A request that takes longer is slow: some microseconds, and more for each KiB it moves. */
#define SLOW_US 100u
#define SLOW_US_PER_64K 25u
/*
 * A slow request adds SLOW_WEIGHT to the account, a fast one takes 1 from it; from SLOW_AT on the block counts as slow.
 * One slow request alone may as well be a thread that had to wait for a processor.
 */
#define SLOW_WEIGHT 4u
#define SLOW_AT 8u
#define SLOW_MOST 64u
/* Answers gathered before they are sent although more requests are waiting: the client should have something to do. */
#define SEND_AT (64u << 10)

static void run_helper(void *context);

static bool take_request(struct nbd_session *session, struct nbd_request *request)
{
    uint8_t raw[NBD_REQUEST_SIZE];

    if (!nbd_stream_take(session->stream, raw, sizeof(raw)) || platter_be32(raw) != NBD_REQUEST_MAGIC)
        return false;
    request->flags = platter_be16(raw + 4);
    request->command = platter_be16(raw + 6);
    request->cookie = platter_be64(raw + 8);
    request->offset = platter_be64(raw + 16);
    request->length = platter_be32(raw + 24);
    return request->command != NBD_CMD_DISC;
}

void nbd_session_end(struct nbd_session *session)
{
    atomic_store(&session->ended, true);
}

/* With receive_lock held: true when somebody else will go on receiving. */
static bool give_away(struct nbd_session *session)
{
    if (atomic_load_explicit(&session->slow, memory_order_relaxed) < SLOW_AT)
        return false;
    if (atomic_load(&session->waiting) > 0)
        return true;
    if (session->helper_count + 1 < session->export->threads &&
        platter_thread_start(run_helper, session, &session->helpers[session->helper_count], NULL) == PLATTER_OK)
        session->helper_count++;
    /* All are busy, or there can be no more: whoever is done first goes on. */
    return true;
}

static void note_duration(struct nbd_session *session, const struct nbd_request *request, uint64_t us)
{
    unsigned slow = atomic_load_explicit(&session->slow, memory_order_relaxed);

    if (us > SLOW_US + (uint64_t)(request->length >> 16) * SLOW_US_PER_64K)
        slow = slow + SLOW_WEIGHT > SLOW_MOST ? SLOW_MOST : slow + SLOW_WEIGHT;
    else if (slow > 0)
        slow--;
    else
        return;
    atomic_store_explicit(&session->slow, slow, memory_order_relaxed);
}

/* One request with receive_lock held; worker->receiving tells whether it still is. False: the session is over. */
static bool serve_one(struct nbd_worker *worker)
{
    struct nbd_session *session = worker->session;
    struct nbd_request request;
    uint64_t began;
    bool fine;

    if (nbd_stream_buffered(session->stream) < NBD_REQUEST_SIZE && !nbd_flush_answers(worker))
        return false;
    if (!take_request(session, &request))
        return false;
    if (request.command == NBD_CMD_WRITE && !nbd_execute_receives(&request) && !nbd_take_payload(worker, &request))
        return false;
    if (!nbd_execute_receives(&request) && give_away(session)) {
        platter_mutex_unlock(&session->receive_lock);
        worker->receiving = false;
    }
    worker->waited = 0;
    began = nbd_clock_us();
    fine = nbd_execute(worker, &request);
    note_duration(session, &request, nbd_clock_us() - began - worker->waited);
    if (fine && (!worker->receiving || worker->used - worker->first >= SEND_AT))
        fine = nbd_flush_answers(worker);
    return fine;
}

static void serve(struct nbd_session *session)
{
    struct nbd_worker worker;

    if (nbd_worker_init(&worker, session)) {
        for (;;) {
            if (!worker.receiving) {
                atomic_fetch_add(&session->waiting, 1);
                platter_mutex_lock(&session->receive_lock);
                atomic_fetch_sub(&session->waiting, 1);
                worker.receiving = true;
            }
            if (atomic_load(&session->ended))
                break;
            if (!serve_one(&worker)) {
                nbd_session_end(session);
                break;
            }
        }
        /* After DISC, what was answered before is still owed. */
        nbd_flush_answers(&worker);
        if (worker.receiving)
            platter_mutex_unlock(&session->receive_lock);
    }
    nbd_worker_destroy(&worker);
}

static void run_helper(void *context)
{
    serve((struct nbd_session *)context);
}

void nbd_session_init(struct nbd_session *session, const struct nbd_export *export, struct nbd_stream *stream)
{
    *session = (struct nbd_session){.export = export, .stream = stream};
    platter_mutex_init(&session->receive_lock);
    platter_mutex_init(&session->send_lock);
}

void nbd_session_run(struct nbd_session *session)
{
    unsigned index;

    if (!nbd_negotiate(session))
        return;
    serve(session);
    /* Only a thread that holds receive_lock starts others, and none does so after `ended`. */
    platter_mutex_lock(&session->receive_lock);
    platter_mutex_unlock(&session->receive_lock);
    for (index = 0; index < session->helper_count; index++)
        platter_thread_join(session->helpers[index]);
}

void nbd_session_destroy(struct nbd_session *session)
{
    platter_mutex_destroy(&session->send_lock);
    platter_mutex_destroy(&session->receive_lock);
}
