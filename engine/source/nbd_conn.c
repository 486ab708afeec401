/* SPDX-License-Identifier: MIT */
/* Requests of many threads over one connection; see struct platter_nbd_conn. */
#include <string.h>

#include "../os/system.h"
#include "nbd_client.h"

/* Up to here header and payload leave in one piece. */
#define SMALL_WRITE 4096u

void platter_nbd_conn_init(struct platter_nbd_conn *conn, struct nbd_stream *stream, struct platter_nbd_line *line,
                           const char *name, const struct platter_nbd_export *export)
{
    memset(conn, 0, sizeof(*conn));
    conn->stream = stream;
    conn->line = line;
    conn->name = name;
    conn->export = *export;
    platter_mutex_init(&conn->lock);
    platter_mutex_init(&conn->send_lock);
    platter_cond_init(&conn->changed);
}

static uint8_t *put_request(uint8_t *at, const struct platter_nbd_call *call)
{
    at = nbd_put16(nbd_put16(nbd_put32(at, NBD_REQUEST_MAGIC), 0), call->command);
    return nbd_put32(nbd_put64(nbd_put64(at, call->cookie), call->offset), call->length);
}

void platter_nbd_conn_destroy(struct platter_nbd_conn *conn)
{
    const struct platter_nbd_call farewell = {.command = NBD_CMD_DISC};
    uint8_t raw[NBD_REQUEST_SIZE];

    if (!conn->over) {
        put_request(raw, &farewell);
        conn->line->send.until = platter_os_monotonic_ms() + 1000;
        (void)conn->stream->ops->send(conn->stream, raw, sizeof(raw));
    }
    platter_cond_destroy(&conn->changed);
    platter_mutex_destroy(&conn->send_lock);
    platter_mutex_destroy(&conn->lock);
}

void platter_nbd_conn_end(struct platter_nbd_conn *conn, bool garbage, const struct platter_error *why)
{
    if (conn->over)
        return;
    conn->over = true;
    conn->garbage = garbage;
    conn->why = *why;
    conn->stream->ops->cut(conn->stream);
    for (unsigned i = 0; i < PLATTER_NBD_SLOTS; i++) {
        if (conn->slots[i])
            platter_cond_signal(&conn->slots[i]->woken);
    }
    platter_cond_broadcast(&conn->changed);
}

void platter_nbd_conn_finish(struct platter_nbd_conn *conn, struct platter_nbd_call *call)
{
    call->done = true;
    if (call->error == NBD_ESHUTDOWN)
        conn->ending = true;
    else if (!call->error &&
             (call->command == NBD_CMD_WRITE || call->command == NBD_CMD_WRITE_ZEROES || call->command == NBD_CMD_TRIM))
        conn->written++;
    platter_cond_signal(&call->woken);
}

/* Lock held: the deadline has passed, so the request, whose memory is its thread's, must not be answered any more. */
static void give_up(struct platter_nbd_conn *conn)
{
    struct platter_error why;

    (void)platter_error_set(&why, PLATTER_E_IO, conn->name, PLATTER_NO_OFFSET, "the server does not answer");
    platter_nbd_conn_end(conn, false, &why);
}

static uint32_t ms_until(uint64_t deadline)
{
    uint64_t now = platter_os_monotonic_ms();

    return now >= deadline ? 0 : deadline - now > 60000 ? 60000 : (uint32_t)(deadline - now);
}

/* Lock held. False: the connection is over. */
static bool enter(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint64_t deadline)
{
    unsigned slot = 0;

    while (!conn->over && conn->under_way == PLATTER_NBD_SLOTS) {
        if (!platter_cond_wait_for(&conn->changed, &conn->lock, ms_until(deadline)) && !ms_until(deadline))
            give_up(conn);
    }
    if (conn->over)
        return false;
    while (conn->slots[slot])
        slot++;
    conn->under_way++;
    conn->slots[slot] = call;
    call->cookie = ++conn->sequence * PLATTER_NBD_SLOTS + slot;
    call->done = call->waiting = false;
    call->covered = 0;
    call->chunks = 0;
    call->error = 0;
    call->text[0] = '\0';
    if (call->runs)
        *call->runs = (struct platter_nbd_runs){.start = call->offset};
    return true;
}

/* Lock held. */
static void leave(struct platter_nbd_conn *conn, struct platter_nbd_call *call)
{
    conn->slots[call->cookie % PLATTER_NBD_SLOTS] = NULL;
    if (conn->under_way-- == PLATTER_NBD_SLOTS)
        platter_cond_broadcast(&conn->changed);
}

static void send_request(struct platter_nbd_conn *conn, const struct platter_nbd_call *call, uint64_t deadline)
{
    uint8_t raw[NBD_REQUEST_SIZE + SMALL_WRITE], *at = put_request(raw, call);
    bool payload = call->command == NBD_CMD_WRITE, small = payload && call->length <= SMALL_WRITE, sent;
    struct platter_error why;

    if (small)
        at = nbd_put_bytes(at, call->buffer, call->length);
    platter_mutex_lock(&conn->send_lock);
    conn->line->send.until = deadline;
    sent = conn->stream->ops->send(conn->stream, raw, (size_t)(at - raw));
    if (sent && payload && !small)
        sent = conn->stream->ops->send(conn->stream, call->buffer, call->length);
    if (!sent)
        (void)platter_nbd_way_error(&conn->line->send, conn->name, "while it was asked", &why);
    platter_mutex_unlock(&conn->send_lock);
    if (sent)
        return;
    platter_mutex_lock(&conn->lock);
    platter_nbd_conn_end(conn, false, &why);
    platter_mutex_unlock(&conn->lock);
}

/* Lock held: somebody who waits shall receive from now on. */
static void hand_on(struct platter_nbd_conn *conn)
{
    for (unsigned i = 0; i < PLATTER_NBD_SLOTS; i++) {
        if (conn->slots[i] && conn->slots[i]->waiting && !conn->slots[i]->done) {
            platter_cond_signal(&conn->slots[i]->woken);
            return;
        }
    }
}

/* Lock held, and given up meanwhile: receives for all until the call has its answer. */
static void receive_for_all(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint64_t deadline)
{
    bool fine = true;

    conn->receiving = true;
    conn->line->receive.until = deadline;
    while (fine && !call->done) {
        platter_mutex_unlock(&conn->lock);
        fine = platter_nbd_receive(conn);
        platter_mutex_lock(&conn->lock);
    }
    conn->receiving = false;
    if (conn->over)
        platter_cond_broadcast(&conn->changed);
    else
        hand_on(conn);
}

/* Lock held. */
static void wait_for_answer(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint64_t deadline)
{
    while (!call->done && !conn->over) {
        if (!conn->receiving) {
            receive_for_all(conn, call, deadline);
            continue;
        }
        call->waiting = true;
        if (!platter_cond_wait_for(&call->woken, &conn->lock, ms_until(deadline)) && !call->done && !ms_until(deadline))
            give_up(conn);
        call->waiting = false;
    }
    /* Whoever receives may be writing into this call's buffer just now. The connection is cut: it will not be long. */
    while (!call->done && conn->receiving)
        platter_cond_wait(&conn->changed, &conn->lock);
}

enum platter_nbd_outcome platter_nbd_conn_call(struct platter_nbd_conn *conn, struct platter_nbd_call *call,
                                               uint64_t deadline, struct platter_error *err)
{
    enum platter_nbd_outcome outcome = PLATTER_NBD_DONE;
    bool entered;

    platter_cond_init(&call->woken);
    platter_mutex_lock(&conn->lock);
    entered = enter(conn, call, deadline);
    if (entered) {
        platter_mutex_unlock(&conn->lock);
        send_request(conn, call, deadline);
        platter_mutex_lock(&conn->lock);
        wait_for_answer(conn, call, deadline);
        leave(conn, call);
    }
    if (!entered || !call->done) {
        outcome = conn->garbage ? PLATTER_NBD_GARBAGE : PLATTER_NBD_LOST;
        if (err)
            *err = conn->why;
    }
    platter_mutex_unlock(&conn->lock);
    platter_cond_destroy(&call->woken);
    return outcome;
}
