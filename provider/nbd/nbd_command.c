/* SPDX-License-Identifier: MIT */
/* The commands of the transmission phase. */
#include "nbd_session.h"

#include <string.h>

#include "bytes.h"

/* A hole or a run of data shorter than this is not worth a chunk of its own. */
#define WORTH_A_CHUNK (32u << 10)
/* Bounds on one BLOCK_STATUS: descriptors answered, and questions put to the block to find them. */
#define MAX_DESCRIPTORS 512u
#define MAX_MAP_CALLS 4096u

static uint32_t smaller(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

bool nbd_execute_receives(const struct nbd_request *request)
{
    return request->command == NBD_CMD_WRITE && request->length > NBD_PIECE;
}

bool nbd_take_payload(struct nbd_worker *worker, const struct nbd_request *request)
{
    return nbd_worker_need_payload(worker) &&
           nbd_stream_take(worker->session->stream, worker->payload, request->length);
}

/* ---- What may be asked ------------------------------------------------------------------------------------------- */

/* Command flags that go with a command; those that do not are refused, as the protocol wants it. */
static uint32_t known_flags(const struct nbd_session *session, uint16_t command)
{
    switch (command) {
    case NBD_CMD_READ:
        return NBD_CMD_FLAG_FUA | (session->structured ? NBD_CMD_FLAG_DF : 0);
    case NBD_CMD_WRITE_ZEROES:
        return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE;
    case NBD_CMD_BLOCK_STATUS:
        return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_REQ_ONE;
    default:
        return NBD_CMD_FLAG_FUA;
    }
}

/* Why the request cannot be carried out whatever the block says; NBD_SUCCESS when it can be tried. */
static enum nbd_error refuse(const struct nbd_session *session, const struct nbd_request *request, const char **why)
{
    const struct nbd_export *export = session->export;
    bool writes = request->command == NBD_CMD_WRITE || request->command == NBD_CMD_WRITE_ZEROES;

    if (request->command > NBD_CMD_BLOCK_STATUS) {
        *why = "no such command";
        return NBD_EINVAL;
    }
    if (request->flags & ~known_flags(session, request->command)) {
        *why = "a flag that does not go with the command";
        return NBD_EINVAL;
    }
    if (request->command == NBD_CMD_FLUSH)
        return NBD_SUCCESS;
    if (export->read_only && (writes || request->command == NBD_CMD_TRIM)) {
        *why = "the export is read-only";
        return NBD_EPERM;
    }
    if (!platter_inside(request->offset, request->length, export->size)) {
        *why = "the range ends outside the export";
        return writes ? NBD_ENOSPC : NBD_EINVAL;
    }
    if (request->length > PLATTER_NBD_MAX_REQUEST) {
        *why = "more than 32 MiB in one request";
        if (request->command == NBD_CMD_WRITE)
            return NBD_EINVAL;
        if (request->command == NBD_CMD_READ || request->command == NBD_CMD_CACHE)
            return NBD_EOVERFLOW;
    }
    if (request->command == NBD_CMD_BLOCK_STATUS && (!session->allocation || request->length == 0)) {
        *why = session->allocation ? "a range of no bytes" : "no metadata context was selected";
        return NBD_EINVAL;
    }
    return NBD_SUCCESS;
}

/* ---- READ, CACHE ------------------------------------------------------------------------------------------------- */

/* The next run to answer with one chunk. What the map cannot tell is data. */
static bool next_is_hole(struct platter_block *block, uint64_t offset, uint32_t left, uint32_t *run)
{
    struct platter_extent extent;

    *run = smaller(left, NBD_PIECE);
    if (left < WORTH_A_CHUNK || platter_block_map(block, offset, left, &extent, NULL) != PLATTER_OK ||
        extent.length < WORTH_A_CHUNK)
        return false;
    if (extent.flags & PLATTER_EXTENT_DATA) {
        *run = smaller(extent.length, *run);
        return false;
    }
    *run = smaller(extent.length, left);
    return true;
}

/*
 * The next data of the request from the system's cache to the socket with no copy of ours. Returns the bytes sent, 0
 * when they must be read after all; *gone when the client is. Not while the block is slow: others could not send then.
 */
static uint32_t send_from_file(struct nbd_worker *worker, const struct nbd_request *request, uint64_t offset,
                               uint32_t left, uint32_t run, bool *gone)
{
    struct nbd_session *session = worker->session;
    struct nbd_stream *stream = session->stream;
    struct platter_location location;
    uint32_t loaded;
    uint8_t *at;

    if (run < WORTH_A_CHUNK || !worker->receiving || !stream->ops->load ||
        !platter_block_locate(session->export->block, offset, run, &location))
        return 0;
    at = nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE + 8);
    *gone = !at;
    loaded = at ? (uint32_t)stream->ops->load(stream, &location, smaller(location.length, run)) : 0;
    if (loaded == 0)
        return 0;
    at = nbd_put_chunk_header(at, request, loaded == left ? NBD_REPLY_FLAG_DONE : 0, NBD_REPLY_TYPE_OFFSET_DATA,
                              8 + loaded);
    nbd_put64(at, offset);
    worker->used += NBD_CHUNK_HEADER_SIZE + 8;
    platter_mutex_lock(&session->send_lock);
    *gone = !nbd_flush_answers_locked(worker) || !nbd_send_loaded(worker, loaded);
    platter_mutex_unlock(&session->send_lock);
    return *gone ? 0 : loaded;
}

static bool read_in_chunks(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_block *block = worker->session->export->block;
    bool unfragmented = request->flags & NBD_CMD_FLAG_DF;
    bool look_for_holes = !unfragmented && (platter_block_caps(block) & PLATTER_CAP_MAP);
    uint64_t offset = request->offset;
    uint32_t left = request->length;

    while (left > 0) {
        uint32_t run = smaller(left, NBD_PIECE);
        bool hole = look_for_holes && next_is_hole(block, offset, left, &run);
        bool gone = false;
        uint32_t sent = hole || unfragmented ? 0 : send_from_file(worker, request, offset, left, run, &gone);
        uint32_t content = hole ? 4 : run;
        uint8_t *at;

        if (sent > 0) {
            offset += sent;
            left -= sent;
            continue;
        }
        at = gone ? NULL : nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE + 8 + content);
        if (!at)
            return false;
        if (!hole) {
            struct platter_error err;

            if (platter_block_read(block, at + NBD_CHUNK_HEADER_SIZE + 8, run, offset, &err) != PLATTER_OK)
                return nbd_answer_failure(worker, request, offset, &err);
        }
        at = nbd_put_chunk_header(at, request, run == left ? NBD_REPLY_FLAG_DONE : 0,
                                  hole ? NBD_REPLY_TYPE_OFFSET_HOLE : NBD_REPLY_TYPE_OFFSET_DATA, 8 + content);
        at = nbd_put64(at, offset);
        if (hole)
            nbd_put32(at, run);
        worker->used += NBD_CHUNK_HEADER_SIZE + 8 + content;
        offset += run;
        left -= run;
    }
    return true;
}

static bool read_simple(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_error err;
    uint8_t *at = nbd_answer_room(worker, NBD_SIMPLE_REPLY_SIZE + request->length);

    if (!at)
        return false;
    if (platter_block_read(worker->session->export->block, at + NBD_SIMPLE_REPLY_SIZE, request->length, request->offset,
                           &err) != PLATTER_OK)
        return nbd_answer_failure(worker, request, request->offset, &err);
    nbd_put_simple_header(at, request, NBD_SUCCESS);
    worker->used += NBD_SIMPLE_REPLY_SIZE + request->length;
    return true;
}

/* The pieces of read_whole behind its header; send_lock is held. *failed_at stays PLATTER_NO_OFFSET when all went well. */
static bool send_pieces(struct nbd_worker *worker, const struct nbd_request *request, uint64_t *failed_at,
                        struct platter_error *err)
{
    struct nbd_session *session = worker->session;
    uint64_t end = request->offset + request->length;
    uint64_t offset = request->offset;

    for (;;) {
        uint32_t run = smaller(end - offset, NBD_PIECE);

        if (!session->stream->ops->send(session->stream, worker->payload, run))
            return false;
        offset += run;
        if (offset == end)
            return true;
        run = smaller(end - offset, NBD_PIECE);
        if (*failed_at == PLATTER_NO_OFFSET &&
            platter_block_read(session->export->block, worker->payload, run, offset, err) != PLATTER_OK) {
            /* A simple reply has no way to take its promise back but to hang up; a chunk is padded, and refuted. */
            if (!session->structured)
                return false;
            *failed_at = offset;
        }
        if (*failed_at != PLATTER_NO_OFFSET)
            memset(worker->payload, 0, run);
    }
}

/* More than a piece in one run of bytes: simple replies, and structured ones that must not be fragmented. */
static bool read_whole(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct nbd_session *session = worker->session;
    uint64_t failed_at = PLATTER_NO_OFFSET;
    struct platter_error err;
    uint8_t *at;
    bool sent;

    if (!nbd_worker_need_payload(worker))
        return nbd_answer_error(worker, request, NBD_ENOMEM, PLATTER_NO_OFFSET, "out of memory");
    /* The first piece before the header, so that most failures have an answer of their own. */
    if (platter_block_read(session->export->block, worker->payload, NBD_PIECE, request->offset, &err) != PLATTER_OK)
        return nbd_answer_failure(worker, request, request->offset, &err);
    at = nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE + 8);
    if (!at)
        return false;
    if (session->structured) {
        at = nbd_put_chunk_header(at, request, 0, NBD_REPLY_TYPE_OFFSET_DATA, 8 + request->length);
        nbd_put64(at, request->offset);
        worker->used += NBD_CHUNK_HEADER_SIZE + 8;
    } else {
        nbd_put_simple_header(at, request, NBD_SUCCESS);
        worker->used += NBD_SIMPLE_REPLY_SIZE;
    }
    platter_mutex_lock(&session->send_lock);
    sent = nbd_flush_answers_locked(worker) && send_pieces(worker, request, &failed_at, &err);
    /* Half an answer is out: nothing that follows would be understood. */
    if (!sent)
        session->stream->ops->cut(session->stream);
    platter_mutex_unlock(&session->send_lock);
    if (!sent || !session->structured)
        return sent;
    if (failed_at != PLATTER_NO_OFFSET)
        return nbd_answer_failure(worker, request, failed_at, &err);
    return nbd_answer_ok(worker, request);
}

static bool execute_read(struct nbd_worker *worker, const struct nbd_request *request)
{
    if (request->length == 0)
        return nbd_answer_ok(worker, request);
    if (request->length > NBD_PIECE && (!worker->session->structured || (request->flags & NBD_CMD_FLAG_DF)))
        return read_whole(worker, request);
    return worker->session->structured ? read_in_chunks(worker, request) : read_simple(worker, request);
}

/* Whatever caches lie below are filled by reading. */
static bool execute_cache(struct nbd_worker *worker, const struct nbd_request *request)
{
    uint64_t end = request->offset + request->length;
    uint64_t offset = request->offset;

    if (!nbd_worker_need_payload(worker))
        return nbd_answer_error(worker, request, NBD_ENOMEM, PLATTER_NO_OFFSET, "out of memory");
    while (offset < end) {
        uint32_t run = smaller(end - offset, NBD_PIECE);
        struct platter_error err;

        if (platter_block_read(worker->session->export->block, worker->payload, run, offset, &err) != PLATTER_OK)
            return nbd_answer_failure(worker, request, offset, &err);
        offset += run;
    }
    return nbd_answer_ok(worker, request);
}

/* ---- WRITE, WRITE_ZEROES, TRIM, FLUSH ---------------------------------------------------------------------------- */

/* Ends a request that wrote: stable storage first when that was asked for. */
static bool answer_written(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_error err;

    if ((request->flags & NBD_CMD_FLAG_FUA) && platter_block_flush(worker->session->export->block, &err) != PLATTER_OK)
        return nbd_answer_failure(worker, request, PLATTER_NO_OFFSET, &err);
    return nbd_answer_ok(worker, request);
}

static bool execute_write(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_block *block = worker->session->export->block;
    uint64_t end = request->offset + request->length;
    uint64_t offset = request->offset;
    struct platter_error err;

    if (!nbd_execute_receives(request)) {
        if (platter_block_write(block, worker->payload, request->length, offset, &err) != PLATTER_OK)
            return nbd_answer_failure(worker, request, offset, &err);
        return answer_written(worker, request);
    }
    if (!nbd_worker_need_payload(worker))
        return false;
    while (offset < end) {
        uint32_t run = smaller(end - offset, NBD_PIECE);

        if (!nbd_stream_take(worker->session->stream, worker->payload, run))
            return false;
        if (platter_block_write(block, worker->payload, run, offset, &err) != PLATTER_OK)
            return nbd_stream_skip(worker->session->stream, end - offset - run) &&
                   nbd_answer_failure(worker, request, offset, &err);
        offset += run;
    }
    return answer_written(worker, request);
}

static enum platter_result write_zeroes(struct nbd_worker *worker, uint64_t offset, uint64_t length,
                                        struct platter_error *err)
{
    uint64_t end = offset + length;

    memset(worker->payload, 0, smaller(length, NBD_PIECE));
    while (offset < end) {
        uint32_t run = smaller(end - offset, NBD_PIECE);
        enum platter_result result =
            platter_block_write(worker->session->export->block, worker->payload, run, offset, err);

        if (result)
            return result;
        offset += run;
    }
    return PLATTER_OK;
}

static bool execute_write_zeroes(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_block *block = worker->session->export->block;
    uint64_t end = request->offset + request->length;
    uint64_t offset = request->offset;
    bool sparse = !(request->flags & NBD_CMD_FLAG_NO_HOLE) && (platter_block_caps(block) & PLATTER_CAP_MAP);
    struct platter_error err;

    if (!nbd_worker_need_payload(worker))
        return nbd_answer_error(worker, request, NBD_ENOMEM, PLATTER_NO_OFFSET, "out of memory");
    /* A discard need not make zeros: what the map does not call a hole afterwards is written. */
    if (sparse)
        platter_block_discard(block, offset, request->length, NULL);
    while (offset < end) {
        struct platter_extent extent = {offset, end - offset, PLATTER_EXTENT_DATA};

        if (sparse && platter_block_map(block, offset, end - offset, &extent, NULL) != PLATTER_OK)
            extent = (struct platter_extent){offset, end - offset, PLATTER_EXTENT_DATA};
        if ((extent.flags & PLATTER_EXTENT_DATA) && write_zeroes(worker, offset, extent.length, &err) != PLATTER_OK)
            return nbd_answer_failure(worker, request, offset, &err);
        offset += extent.length;
    }
    return answer_written(worker, request);
}

static bool execute_trim(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_error err;
    enum platter_result result =
        platter_block_discard(worker->session->export->block, request->offset, request->length, &err);

    /* It is a hint: a block that cannot has done its duty. */
    if (result && result != PLATTER_E_UNSUPPORTED)
        return nbd_answer_failure(worker, request, request->offset, &err);
    return answer_written(worker, request);
}

static bool execute_flush(struct nbd_worker *worker, const struct nbd_request *request)
{
    struct platter_error err;

    if (platter_block_flush(worker->session->export->block, &err) != PLATTER_OK)
        return nbd_answer_failure(worker, request, PLATTER_NO_OFFSET, &err);
    return nbd_answer_ok(worker, request);
}

/* ---- BLOCK_STATUS ------------------------------------------------------------------------------------------------ */

static bool execute_block_status(struct nbd_worker *worker, const struct nbd_request *request)
{
    uint64_t end = request->offset + request->length;
    uint64_t offset = request->offset;
    uint32_t wanted = request->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : MAX_DESCRIPTORS;
    uint32_t count = 0, run = 0, state = 0, calls;
    uint8_t *start = nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE + 4 + 8 * MAX_DESCRIPTORS);
    uint8_t *at;

    if (!start)
        return false;
    at = start + NBD_CHUNK_HEADER_SIZE + 4;
    for (calls = 0; offset < end && calls < MAX_MAP_CALLS; calls++) {
        struct platter_extent extent;
        struct platter_error err;
        uint32_t found;

        if (platter_block_map(worker->session->export->block, offset, end - offset, &extent, &err) != PLATTER_OK)
            return nbd_answer_failure(worker, request, offset, &err);
        found = extent.flags & PLATTER_EXTENT_DATA ? 0 : NBD_STATE_HOLE | NBD_STATE_ZERO;
        if (run > 0 && found != state) {
            if (count + 1 == wanted)
                break;
            at = nbd_put32(nbd_put32(at, run), state);
            count++;
            run = 0;
        }
        state = found;
        run += (uint32_t)extent.length;
        offset += extent.length;
    }
    nbd_put32(nbd_put32(at, run), state);
    count++;
    at = nbd_put_chunk_header(start, request, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_BLOCK_STATUS, 4 + 8 * count);
    nbd_put32(at, NBD_ALLOCATION_ID);
    worker->used += NBD_CHUNK_HEADER_SIZE + 4 + 8 * count;
    return true;
}

bool nbd_execute(struct nbd_worker *worker, const struct nbd_request *request)
{
    const char *why = NULL;
    enum nbd_error error = refuse(worker->session, request, &why);

    if (error != NBD_SUCCESS) {
        if (nbd_execute_receives(request) && !nbd_stream_skip(worker->session->stream, request->length))
            return false;
        return nbd_answer_error(worker, request, error, PLATTER_NO_OFFSET, why);
    }
    switch (request->command) {
    case NBD_CMD_READ:
        return execute_read(worker, request);
    case NBD_CMD_WRITE:
        return execute_write(worker, request);
    case NBD_CMD_FLUSH:
        return execute_flush(worker, request);
    case NBD_CMD_TRIM:
        return execute_trim(worker, request);
    case NBD_CMD_CACHE:
        return execute_cache(worker, request);
    case NBD_CMD_WRITE_ZEROES:
        return execute_write_zeroes(worker, request);
    default:
        return execute_block_status(worker, request);
    }
}
