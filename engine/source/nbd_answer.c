/* SPDX-License-Identifier: MIT */
/* What a server answers in the transmission phase: simple replies and chunks of structured ones. */
#include <string.h>

#include "../bytes.h"
#include "nbd_client.h"

/* A structured error: code, length of the text, text, and an offset. */
#define MOST_ERROR_BYTES (6u + 4096u + 8u)
#define MOST_STATUS_BYTES (16u << 20)

static bool nonsense(struct platter_nbd_conn *conn, const char *what)
{
    struct platter_error why;

    (void)platter_error_set(&why, PLATTER_E_IO, conn->name, PLATTER_NO_OFFSET,
                            "the server does not keep to the NBD protocol: %s", what);
    platter_mutex_lock(&conn->lock);
    platter_nbd_conn_end(conn, true, &why);
    platter_mutex_unlock(&conn->lock);
    return false;
}

static bool lost(struct platter_nbd_conn *conn)
{
    struct platter_error why;

    (void)platter_nbd_way_error(&conn->line->receive, conn->name, "before it had answered", &why);
    platter_mutex_lock(&conn->lock);
    platter_nbd_conn_end(conn, false, &why);
    platter_mutex_unlock(&conn->lock);
    return false;
}

static bool take(struct platter_nbd_conn *conn, void *buffer, size_t length)
{
    return nbd_stream_take(conn->stream, buffer, length) || lost(conn);
}

static bool skip(struct platter_nbd_conn *conn, uint64_t length)
{
    return nbd_stream_skip(conn->stream, length) || lost(conn);
}

/* The call stays where it is until its thread sees it done or the connection over and nobody receiving. */
static struct platter_nbd_call *find(struct platter_nbd_conn *conn, uint64_t cookie)
{
    struct platter_nbd_call *call;

    platter_mutex_lock(&conn->lock);
    call = conn->slots[cookie % PLATTER_NBD_SLOTS];
    if (call && (call->cookie != cookie || call->done))
        call = NULL;
    platter_mutex_unlock(&conn->lock);
    return call;
}

static bool complete(struct platter_nbd_conn *conn, struct platter_nbd_call *call)
{
    if (!call->error && call->command == NBD_CMD_READ && call->covered != call->length)
        return nonsense(conn, "a read was answered with other bytes than were asked for");
    if (!call->error && call->command == NBD_CMD_BLOCK_STATUS && !call->runs->count)
        return nonsense(conn, "a question for the map was not answered");
    platter_mutex_lock(&conn->lock);
    platter_nbd_conn_finish(conn, call);
    platter_mutex_unlock(&conn->lock);
    return true;
}

static bool take_simple(struct platter_nbd_conn *conn, const uint8_t *rest)
{
    struct platter_nbd_call *call = find(conn, platter_be64(rest + 4));

    if (!call)
        return nonsense(conn, "it answered what was not asked");
    if (conn->export.structured && (call->command == NBD_CMD_READ || call->command == NBD_CMD_BLOCK_STATUS))
        return nonsense(conn, "it answered without the structure that was agreed on");
    call->error = platter_be32(rest);
    if (!call->error && call->command == NBD_CMD_READ) {
        if (!take(conn, call->buffer, call->length))
            return false;
        call->covered = call->length;
    }
    return complete(conn, call);
}

/* The part [offset, offset + length) of a read's answer begins here; NULL: it cannot. */
static uint8_t *part_of_read(struct platter_nbd_call *call, uint64_t offset, uint64_t length)
{
    if (call->command != NBD_CMD_READ || length == 0 || offset < call->offset ||
        !platter_inside(offset - call->offset, length, call->length) || length > call->length - call->covered)
        return NULL;
    /* A server that sends one part twice and another never shall not make old memory part of the answer. */
    if (call->covered == 0 && length < call->length)
        memset(call->buffer, 0, call->length);
    call->covered += length;
    return call->buffer + (offset - call->offset);
}

static bool take_data(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint32_t length)
{
    uint8_t raw[8], *to;

    if (length <= sizeof(raw))
        return nonsense(conn, "a chunk of data is too short");
    if (!take(conn, raw, sizeof(raw)))
        return false;
    to = part_of_read(call, platter_be64(raw), length - sizeof(raw));
    if (!to)
        return nonsense(conn, "it sent data that was not asked for");
    return take(conn, to, length - sizeof(raw));
}

static bool take_hole(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint32_t length)
{
    uint8_t raw[12], *to;

    if (length != sizeof(raw))
        return nonsense(conn, "a chunk for a hole has a wrong length");
    if (!take(conn, raw, sizeof(raw)))
        return false;
    to = part_of_read(call, platter_be64(raw), platter_be32(raw + 8));
    if (!to)
        return nonsense(conn, "it sent a hole that was not asked for");
    memset(to, 0, platter_be32(raw + 8));
    return true;
}

/* One run more; neighbours that are alike become one. */
static void add_run(struct platter_nbd_runs *runs, uint64_t end, bool data)
{
    if (runs->count && runs->data[runs->count - 1] == data) {
        runs->end[runs->count - 1] = end;
        return;
    }
    if (runs->count == PLATTER_NBD_RUNS)
        return;
    runs->end[runs->count] = end;
    runs->data[runs->count++] = data;
}

static bool take_status(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint32_t length)
{
    uint64_t at = call->offset, end = call->offset + call->length;
    struct platter_nbd_runs *runs = call->runs;
    uint8_t raw[8];

    if (call->command != NBD_CMD_BLOCK_STATUS || length < 12 || length % 8 != 4 || length > MOST_STATUS_BYTES ||
        runs->count)
        return nonsense(conn, "its map is malformed");
    if (!take(conn, raw, 4))
        return false;
    if (platter_be32(raw) != conn->export.allocation_id)
        return nonsense(conn, "its map is one that was not asked for");
    for (length -= 4; length && at < end; length -= 8) {
        if (!take(conn, raw, sizeof(raw)))
            return false;
        if (platter_be32(raw) == 0)
            return nonsense(conn, "its map has an empty run");
        at = end - at < platter_be32(raw) ? end : at + platter_be32(raw);
        add_run(runs, at, !(platter_be32(raw + 4) & NBD_STATE_ZERO));
        if (runs->count == PLATTER_NBD_RUNS) {
            length -= 8;
            break;
        }
    }
    return skip(conn, length);
}

static bool take_error(struct platter_nbd_conn *conn, struct platter_nbd_call *call, uint32_t length)
{
    uint8_t raw[6], said[sizeof(call->text)];
    size_t text;

    if (length < sizeof(raw) || length > MOST_ERROR_BYTES)
        return nonsense(conn, "an error of its has a wrong length");
    if (!take(conn, raw, sizeof(raw)))
        return false;
    length -= (uint32_t)sizeof(raw);
    text = platter_be16(raw + 4);
    if (text > length || platter_be32(raw) == 0)
        return nonsense(conn, "an error of its is malformed");
    if (text > sizeof(said))
        text = sizeof(said);
    if (!take(conn, said, text))
        return false;
    /* The first counts. */
    if (!call->error) {
        call->error = platter_be32(raw);
        platter_nbd_text(said, text, call->text, sizeof(call->text));
    } else if (call->command != NBD_CMD_READ) {
        return nonsense(conn, "it answered twice");
    }
    return skip(conn, length - text);
}

static bool take_chunk(struct platter_nbd_conn *conn, const uint8_t *rest)
{
    uint32_t flags = platter_be16(rest), type = platter_be16(rest + 2), length = platter_be32(rest + 12);
    struct platter_nbd_call *call = find(conn, platter_be64(rest + 4));
    bool fine;

    if (!conn->export.structured)
        return nonsense(conn, "it answered with a structure that was not agreed on");
    if (!call)
        return nonsense(conn, "it answered what was not asked");
    /* An honest answer of a few KiB has a few chunks; without an end to them a read would never end. */
    if (++call->chunks > PLATTER_NBD_MOST_CHUNKS)
        return nonsense(conn, "an answer is in too many pieces");
    if (type == NBD_REPLY_TYPE_NONE)
        fine = (length == 0 && (flags & NBD_REPLY_FLAG_DONE)) || nonsense(conn, "an empty chunk is malformed");
    else if (type == NBD_REPLY_TYPE_OFFSET_DATA)
        fine = take_data(conn, call, length);
    else if (type == NBD_REPLY_TYPE_OFFSET_HOLE)
        fine = take_hole(conn, call, length);
    else if (type == NBD_REPLY_TYPE_BLOCK_STATUS)
        fine = take_status(conn, call, length);
    else if (type & NBD_REPLY_TYPE_ERROR_BIT)
        fine = take_error(conn, call, length);
    else
        fine = nonsense(conn, "a chunk is of a kind that was not asked for");
    if (!fine)
        return false;
    return !(flags & NBD_REPLY_FLAG_DONE) || complete(conn, call);
}

bool platter_nbd_receive(struct platter_nbd_conn *conn)
{
    uint8_t raw[NBD_CHUNK_HEADER_SIZE];

    if (!take(conn, raw, 4))
        return false;
    if (platter_be32(raw) == NBD_SIMPLE_REPLY_MAGIC)
        return take(conn, raw, NBD_SIMPLE_REPLY_SIZE - 4) && take_simple(conn, raw);
    if (platter_be32(raw) == NBD_STRUCTURED_REPLY_MAGIC)
        return take(conn, raw, NBD_CHUNK_HEADER_SIZE - 4) && take_chunk(conn, raw);
    return nonsense(conn, "an answer begins with something else");
}
