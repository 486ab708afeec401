/* SPDX-License-Identifier: MIT */
#include "nbd_link.h"

#include <stdlib.h>
#include <string.h>

#include "../os/system.h"
#include "nbd_connect.h"

#define MOST_CONNECTIONS 4u
/* Requests under way on each connection before another one is worth its making. */
#define BUSY_AT 3u
/* Of one request over one connection; then the connection is taken for dead and another one has the rest of the time. */
#define ANSWER_MS 12000u
#define CONNECT_MS 5000u
/* A request over which so many connections were lost, one after the other, is what the server cannot stand. */
#define MOST_LOSSES 8u
/* After a request that had no answer the next ones fail at once for so long, and then have less patience. */
#define DOWN_MS 2000u
#define DOWN_PATIENCE_MS 5000u
#define FIRST_PAUSE_MS 50u
#define LONGEST_PAUSE_MS 1000u
/* A further connection that could not be had is not missed for so long. */
#define NO_MORE_MS 10000u

struct platter_nbd_link {
    char *name;
    struct platter_nbd_uri uri;
    struct platter_addresses *addresses;
    struct platter_nbd_export export;
    struct platter_mutex lock;
    struct platter_cond changed;
    struct platter_nbd_connection *connections[MOST_CONNECTIONS];
    bool connecting;          /* some thread is at it, without the lock */
    bool down;                /* the last request had to be given up */
    uint64_t down_until;      /* platter_os_monotonic_ms(): until then none is tried */
    bool lost_writes;         /* for good */
    uint64_t next_attempt;    /* platter_os_monotonic_ms(): not before */
    uint64_t no_more_until;   /* likewise, for a further connection beside others */
    unsigned failures;        /* attempts since the last that succeeded */
    struct platter_error why; /* the last one failed */
    struct platter_error why_down;
};

/* The disk under an open image may not become another one. */
static enum platter_result same_export(const struct platter_nbd_link *link, const struct platter_nbd_export *now,
                                       struct platter_error *err)
{
    const struct platter_nbd_export *was = &link->export;

    if (now->size != was->size)
        return platter_error_set(err, PLATTER_E_IO, link->name, PLATTER_NO_OFFSET,
                                 "the export has %llu bytes now and had %llu when it was opened",
                                 (unsigned long long)now->size, (unsigned long long)was->size);
    if ((now->flags & was->flags) != was->flags ||
        (now->flags & NBD_FLAG_READ_ONLY) > (was->flags & NBD_FLAG_READ_ONLY))
        return platter_error_set(err, PLATTER_E_IO, link->name, PLATTER_NO_OFFSET,
                                 "the export cannot do any more what it could when it was opened");
    if (now->minimum > was->minimum || now->maximum < was->maximum || (was->allocation && !now->allocation))
        return platter_error_set(err, PLATTER_E_IO, link->name, PLATTER_NO_OFFSET,
                                 "the export wants other requests than when it was opened");
    return PLATTER_OK;
}

/* ---- Choosing one ------------------------------------------------------------------------------------------------ */

/* Lock held. Nobody takes it any more; the last to leave closes it. */
static void retire(struct platter_nbd_link *link, struct platter_nbd_connection *connection)
{
    struct platter_nbd_conn *conn = &connection->conn;

    platter_mutex_lock(&conn->lock);
    if (conn->written > conn->flushed)
        link->lost_writes = true;
    conn->written = conn->flushed;
    platter_mutex_unlock(&conn->lock);
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        if (link->connections[i] == connection)
            link->connections[i] = NULL;
    }
}

static bool is_over(struct platter_nbd_connection *connection)
{
    bool over;

    platter_mutex_lock(&connection->conn.lock);
    over = connection->conn.over || connection->conn.ending;
    platter_mutex_unlock(&connection->conn.lock);
    return over;
}

static void release(struct platter_nbd_link *link, struct platter_nbd_connection *connection)
{
    bool last;

    platter_mutex_lock(&link->lock);
    if (is_over(connection))
        retire(link, connection);
    last = --connection->users == 0;
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++)
        last = last && link->connections[i] != connection;
    platter_mutex_unlock(&link->lock);
    if (last)
        platter_nbd_disconnect(connection);
}

/* Lock held. The living one with the least to do; *count of them there are. */
static struct platter_nbd_connection *least_used(struct platter_nbd_link *link, unsigned *count)
{
    struct platter_nbd_connection *best = NULL;

    *count = 0;
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        struct platter_nbd_connection *at = link->connections[i];

        if (!at)
            continue;
        ++*count;
        if (!best || at->users < best->users)
            best = at;
    }
    return best;
}

static uint32_t pause_ms(unsigned failures)
{
    return failures < 5 ? FIRST_PAUSE_MS << failures : LONGEST_PAUSE_MS;
}

/* Lock held, given up meanwhile: tries once to connect. *changed: to what is not the same any more. */
static enum platter_result connect_once(struct platter_nbd_link *link, uint64_t deadline, bool *changed)
{
    uint64_t soon = platter_os_monotonic_ms() + CONNECT_MS;
    struct platter_nbd_connection *made = NULL;
    struct platter_error error;
    enum platter_result result;
    unsigned free_slot = 0;

    *changed = false;
    link->connecting = true;
    platter_mutex_unlock(&link->lock);
    result = platter_nbd_connect(link->addresses, link->name, link->uri.export_name, soon < deadline ? soon : deadline,
                                 &made, &error);
    if (result == PLATTER_OK && (result = same_export(link, &made->conn.export, &error))) {
        platter_nbd_disconnect(made);
        *changed = true;
    }
    platter_mutex_lock(&link->lock);
    link->connecting = false;
    platter_cond_broadcast(&link->changed);
    if (result) {
        link->why = error;
        link->next_attempt = platter_os_monotonic_ms() + pause_ms(link->failures++);
        return result;
    }
    while (link->connections[free_slot])
        free_slot++;
    link->connections[free_slot] = made;
    link->failures = 0;
    return PLATTER_OK;
}

/* Lock held. There is no connection: makes one, or waits for who does. Not PLATTER_OK: there will be none in time. */
static enum platter_result wait_for_one(struct platter_nbd_link *link, uint64_t deadline, struct platter_error *err)
{
    uint64_t now = platter_os_monotonic_ms();
    bool changed = false, late = now >= deadline;

    if (!late && link->connecting) {
        (void)platter_cond_wait_for(&link->changed, &link->lock, (uint32_t)(deadline - now));
        return PLATTER_OK;
    }
    if (!late && now < link->next_attempt) {
        uint64_t until = link->next_attempt < deadline ? link->next_attempt : deadline;

        (void)platter_cond_wait_for(&link->changed, &link->lock, (uint32_t)(until - now));
        return PLATTER_OK;
    }
    if (!late && (connect_once(link, deadline, &changed) == PLATTER_OK || !changed))
        return PLATTER_OK;
    if (!link->failures)
        return platter_error_set(err, PLATTER_E_IO, link->name, PLATTER_NO_OFFSET,
                                 "the connection was lost and there was no time for another one");
    if (err)
        *err = link->why;
    return link->why.result;
}

static void pause_for(struct platter_nbd_link *link, uint32_t ms)
{
    platter_mutex_lock(&link->lock);
    (void)platter_cond_wait_for(&link->changed, &link->lock, ms);
    platter_mutex_unlock(&link->lock);
}

static enum platter_result acquire(struct platter_nbd_link *link, uint64_t deadline,
                                   struct platter_nbd_connection **connection, struct platter_error *err)
{
    unsigned most = link->export.flags & NBD_FLAG_CAN_MULTI_CONN ? MOST_CONNECTIONS : 1, count;
    enum platter_result result = PLATTER_OK;
    struct platter_nbd_connection *best = NULL;
    bool changed;

    platter_mutex_lock(&link->lock);
    while (result == PLATTER_OK) {
        best = least_used(link, &count);
        if (!best) {
            result = wait_for_one(link, deadline, err);
            continue;
        }
        if (best->users < BUSY_AT || count >= most || link->connecting ||
            platter_os_monotonic_ms() < link->no_more_until)
            break;
        if (connect_once(link, deadline, &changed))
            link->no_more_until = platter_os_monotonic_ms() + NO_MORE_MS;
    }
    if (result == PLATTER_OK) {
        best->users++;
        *connection = best;
    }
    platter_mutex_unlock(&link->lock);
    return result;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static enum platter_result answer_error(const struct platter_nbd_link *link, const struct platter_nbd_call *call,
                                        struct platter_error *err)
{
    static const struct {
        uint32_t error;
        enum platter_result result;
        const char *text;
    } known[] = {
        {NBD_EPERM, PLATTER_E_ACCESS, "it is not permitted"},
        {NBD_EIO, PLATTER_E_IO, "input/output error"},
        {NBD_ENOMEM, PLATTER_E_IO, "it is out of memory"},
        {NBD_EINVAL, PLATTER_E_IO, "it takes the request for invalid"},
        {NBD_ENOSPC, PLATTER_E_NO_SPACE, "no space left"},
        {NBD_EOVERFLOW, PLATTER_E_IO, "the request is too large for it"},
        {NBD_ENOTSUP, PLATTER_E_UNSUPPORTED, "it does not support this"},
    };
    uint64_t offset = call->command == NBD_CMD_FLUSH ? PLATTER_NO_OFFSET : call->offset;
    const char *between = call->text[0] ? ": " : "";

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].error == call->error)
            return platter_error_set(err, known[i].result, link->name, offset, "the server failed: %s%s%s",
                                     known[i].text, between, call->text);
    }
    return platter_error_set(err, PLATTER_E_IO, link->name, offset, "the server failed: error %u%s%s", call->error,
                             between, call->text);
}

static enum platter_result writes_lost(struct platter_nbd_link *link, struct platter_error *err)
{
    bool lost;

    platter_mutex_lock(&link->lock);
    lost = link->lost_writes;
    platter_mutex_unlock(&link->lock);
    if (!lost)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_IO, link->name, PLATTER_NO_OFFSET,
                             "the connection was lost before what had been written was flushed, so some of it may be "
                             "missing; nothing more is written until the image is opened again");
}

/* One request over this connection. LOST also when the server says that it is about to go. */
static enum platter_nbd_outcome try_once(struct platter_nbd_connection *connection, struct platter_nbd_call *call,
                                         uint64_t deadline, struct platter_error *err)
{
    uint64_t patience = platter_os_monotonic_ms() + ANSWER_MS;
    enum platter_nbd_outcome outcome =
        platter_nbd_conn_call(&connection->conn, call, patience < deadline ? patience : deadline, err);

    if (outcome == PLATTER_NBD_DONE && call->error == NBD_ESHUTDOWN) {
        (void)platter_error_set(err, PLATTER_E_IO, connection->conn.name, PLATTER_NO_OFFSET,
                                "the server is shutting down");
        outcome = PLATTER_NBD_LOST;
    }
    return outcome;
}

/* False: not now, *err tells. */
static bool may_try(struct platter_nbd_link *link, uint64_t *deadline, struct platter_error *err)
{
    uint64_t now = platter_os_monotonic_ms();
    bool may;

    platter_mutex_lock(&link->lock);
    may = !link->down || now >= link->down_until;
    *deadline = now + (link->down ? DOWN_PATIENCE_MS : PLATTER_NBD_PATIENCE_MS);
    if (!may)
        *err = link->why_down;
    platter_mutex_unlock(&link->lock);
    return may;
}

static void note_end(struct platter_nbd_link *link, bool answered, const struct platter_error *error)
{
    platter_mutex_lock(&link->lock);
    link->down = !answered;
    if (!answered) {
        link->down_until = platter_os_monotonic_ms() + DOWN_MS;
        link->why_down = *error;
        link->why_down.offset = PLATTER_NO_OFFSET;
    }
    platter_mutex_unlock(&link->lock);
}

enum platter_result platter_nbd_link_call(struct platter_nbd_link *link, struct platter_nbd_call *call,
                                          struct platter_error *err)
{
    bool changes = call->command != NBD_CMD_READ && call->command != NBD_CMD_BLOCK_STATUS;
    enum platter_nbd_outcome outcome = PLATTER_NBD_LOST;
    struct platter_error error;
    uint64_t deadline;

    if (changes && writes_lost(link, err))
        return PLATTER_E_IO;
    if (!may_try(link, &deadline, &error))
        goto failed;
    for (unsigned losses = 0; outcome == PLATTER_NBD_LOST && losses < MOST_LOSSES; losses++) {
        struct platter_nbd_connection *connection;

        if (losses > 1)
            pause_for(link, pause_ms(losses - 2));
        /* The connection that was lost may have been the one that took others' writes with it. */
        if (changes && writes_lost(link, &error))
            goto failed;
        if (acquire(link, deadline, &connection, &error))
            break;
        outcome = try_once(connection, call, deadline, &error);
        release(link, connection);
        if (platter_os_monotonic_ms() >= deadline)
            break;
    }
    note_end(link, outcome == PLATTER_NBD_DONE, &error);
    if (outcome == PLATTER_NBD_DONE)
        return call->error ? answer_error(link, call, err) : PLATTER_OK;
failed:
    if (error.offset == PLATTER_NO_OFFSET)
        error.offset = call->offset;
    if (err)
        *err = error;
    return error.result;
}

/* Lock held, given up meanwhile. What was written over this connection. */
static enum platter_result flush_one(struct platter_nbd_link *link, struct platter_nbd_connection *chosen,
                                     uint64_t deadline, struct platter_error *err)
{
    struct platter_nbd_call call = {.command = NBD_CMD_FLUSH};
    enum platter_nbd_outcome outcome;
    uint64_t covered;

    platter_mutex_lock(&chosen->conn.lock);
    covered = chosen->conn.written > chosen->conn.flushed ? chosen->conn.written : 0;
    platter_mutex_unlock(&chosen->conn.lock);
    if (!covered)
        return PLATTER_OK;
    chosen->users++;
    platter_mutex_unlock(&link->lock);
    outcome = try_once(chosen, &call, deadline, err);
    if (outcome == PLATTER_NBD_DONE && !call.error) {
        platter_mutex_lock(&chosen->conn.lock);
        if (chosen->conn.flushed < covered)
            chosen->conn.flushed = covered;
        platter_mutex_unlock(&chosen->conn.lock);
    }
    release(link, chosen);
    platter_mutex_lock(&link->lock);
    if (outcome != PLATTER_NBD_DONE)
        return err->result;
    return call.error ? answer_error(link, &call, err) : PLATTER_OK;
}

enum platter_result platter_nbd_link_flush(struct platter_nbd_link *link, struct platter_error *err)
{
    uint64_t deadline = platter_os_monotonic_ms() + PLATTER_NBD_PATIENCE_MS;
    enum platter_result result = PLATTER_OK;
    struct platter_error error;

    /* Over each connection that wrote, so that one that has died meanwhile is noticed. */
    platter_mutex_lock(&link->lock);
    for (unsigned i = 0; i < MOST_CONNECTIONS && result == PLATTER_OK; i++) {
        if (link->connections[i])
            result = flush_one(link, link->connections[i], deadline, &error);
    }
    platter_mutex_unlock(&link->lock);
    if (writes_lost(link, err))
        return PLATTER_E_IO;
    if (result && err)
        *err = error;
    return result;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static void link_free(struct platter_nbd_link *link)
{
    platter_cond_destroy(&link->changed);
    platter_mutex_destroy(&link->lock);
    platter_addresses_free(link->addresses);
    platter_nbd_uri_free(&link->uri);
    free(link->name);
    free(link);
}

enum platter_result platter_nbd_link_open(const char *name, struct platter_nbd_link **link, struct platter_error *err)
{
    struct platter_nbd_link *made = calloc(1, sizeof(*made));
    size_t length = strlen(name) + 1;
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->changed);
    made->name = malloc(length);
    if (!made->name) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
        goto fail;
    }
    memcpy(made->name, name, length);
    result = platter_nbd_uri_parse(name, &made->uri, err);
    if (result)
        goto fail;
    result = made->uri.host ? platter_addresses_resolve(made->uri.host, made->uri.port, name, &made->addresses, err)
                            : platter_addresses_unix(made->uri.socket_path, name, &made->addresses, err);
    if (result)
        goto fail;
    result = platter_nbd_connect(made->addresses, made->name, made->uri.export_name,
                                 platter_os_monotonic_ms() + 2 * CONNECT_MS, &made->connections[0], err);
    if (result)
        goto fail;
    made->export = made->connections[0]->conn.export;
    *link = made;
    return PLATTER_OK;
fail:
    link_free(made);
    return result;
}

void platter_nbd_link_close(struct platter_nbd_link *link)
{
    for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
        if (link->connections[i])
            platter_nbd_disconnect(link->connections[i]);
    }
    link_free(link);
}

const struct platter_nbd_export *platter_nbd_link_export(const struct platter_nbd_link *link)
{
    return &link->export;
}
