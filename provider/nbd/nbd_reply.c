/* SPDX-License-Identifier: MIT */
/* Answers: gathered for each thread, sent together, so that a burst of small requests costs few system calls. */
#include "nbd_session.h"

#include <stdlib.h>
#include <string.h>

#include "nbd_os.h"
#include "os/system.h"

#define PAGE 4096u
#define ROOM_SIZE (PAGE + NBD_ANSWER_ROOM)
#define MAX_ERROR_TEXT 1024u

/* Where the first answer begins: so that the bytes of a lone read lie page-aligned, for blocks that like them so. */
static size_t start_of_room(const struct nbd_session *session)
{
    return PAGE - (session->structured ? NBD_CHUNK_HEADER_SIZE + 8u : NBD_SIMPLE_REPLY_SIZE);
}

bool nbd_worker_init(struct nbd_worker *worker, struct nbd_session *session)
{
    worker->session = session;
    worker->receiving = false;
    worker->waited = 0;
    worker->payload = NULL;
    worker->answers = platter_os_aligned_alloc(PAGE, ROOM_SIZE);
    worker->first = worker->used = start_of_room(session);
    return worker->answers != NULL;
}

void nbd_worker_destroy(struct nbd_worker *worker)
{
    platter_os_aligned_free(worker->payload);
    platter_os_aligned_free(worker->answers);
}

bool nbd_worker_need_payload(struct nbd_worker *worker)
{
    if (!worker->payload)
        worker->payload = platter_os_aligned_alloc(PAGE, NBD_PIECE);
    return worker->payload != NULL;
}

bool nbd_flush_answers_locked(struct nbd_worker *worker)
{
    struct nbd_stream *stream = worker->session->stream;
    uint64_t began = nbd_clock_us();
    bool sent = true;

    if (worker->used > worker->first)
        sent = stream->ops->send(stream, worker->answers + worker->first, worker->used - worker->first);
    worker->waited += nbd_clock_us() - began;
    /* Whoever waits for the client's next request waits in vain. */
    if (!sent)
        stream->ops->cut(stream);
    worker->first = worker->used = start_of_room(worker->session);
    return sent;
}

bool nbd_send_loaded(struct nbd_worker *worker, size_t length)
{
    struct nbd_stream *stream = worker->session->stream;
    uint64_t began = nbd_clock_us();
    bool sent = stream->ops->send_loaded(stream, length);

    worker->waited += nbd_clock_us() - began;
    if (!sent)
        stream->ops->cut(stream);
    return sent;
}

bool nbd_flush_answers(struct nbd_worker *worker)
{
    bool sent;

    if (worker->used == worker->first)
        return true;
    platter_mutex_lock(&worker->session->send_lock);
    sent = nbd_flush_answers_locked(worker);
    platter_mutex_unlock(&worker->session->send_lock);
    return sent;
}

uint8_t *nbd_answer_room(struct nbd_worker *worker, size_t length)
{
    if (length > ROOM_SIZE - worker->used && !nbd_flush_answers(worker))
        return NULL;
    return worker->answers + worker->used;
}

uint8_t *nbd_put_chunk_header(uint8_t *at, const struct nbd_request *request, uint32_t flags, uint32_t type,
                              uint32_t length)
{
    at = nbd_put32(at, NBD_STRUCTURED_REPLY_MAGIC);
    at = nbd_put16(at, flags);
    at = nbd_put16(at, type);
    at = nbd_put64(at, request->cookie);
    return nbd_put32(at, length);
}

uint8_t *nbd_put_simple_header(uint8_t *at, const struct nbd_request *request, enum nbd_error error)
{
    at = nbd_put32(at, NBD_SIMPLE_REPLY_MAGIC);
    at = nbd_put32(at, (uint32_t)error);
    return nbd_put64(at, request->cookie);
}

static bool answer_simple(struct nbd_worker *worker, const struct nbd_request *request, enum nbd_error error)
{
    uint8_t *at = nbd_answer_room(worker, NBD_SIMPLE_REPLY_SIZE);

    if (!at)
        return false;
    nbd_put_simple_header(at, request, error);
    worker->used += NBD_SIMPLE_REPLY_SIZE;
    return true;
}

bool nbd_answer_ok(struct nbd_worker *worker, const struct nbd_request *request)
{
    uint8_t *at;

    if (!worker->session->structured)
        return answer_simple(worker, request, NBD_SUCCESS);
    at = nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE);
    if (!at)
        return false;
    nbd_put_chunk_header(at, request, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_NONE, 0);
    worker->used += NBD_CHUNK_HEADER_SIZE;
    return true;
}

bool nbd_answer_error(struct nbd_worker *worker, const struct nbd_request *request, enum nbd_error error,
                      uint64_t offset, const char *text)
{
    bool at_offset = offset != PLATTER_NO_OFFSET;
    uint32_t text_length = text ? (uint32_t)strnlen(text, MAX_ERROR_TEXT) : 0;
    uint32_t length = 4 + 2 + text_length + (at_offset ? 8 : 0);
    uint8_t *at;

    if (!worker->session->structured)
        return answer_simple(worker, request, error);
    at = nbd_answer_room(worker, NBD_CHUNK_HEADER_SIZE + length);
    if (!at)
        return false;
    at = nbd_put_chunk_header(at, request, NBD_REPLY_FLAG_DONE,
                              at_offset ? NBD_REPLY_TYPE_ERROR_OFFSET : NBD_REPLY_TYPE_ERROR, length);
    at = nbd_put32(at, (uint32_t)error);
    at = nbd_put16(at, text_length);
    at = nbd_put_bytes(at, text, text_length);
    if (at_offset)
        nbd_put64(at, offset);
    worker->used += NBD_CHUNK_HEADER_SIZE + length;
    return true;
}

static enum nbd_error error_of_result(enum platter_result result)
{
    switch (result) {
    case PLATTER_E_ACCESS:
    case PLATTER_E_READ_ONLY:
        return NBD_EPERM;
    case PLATTER_E_NO_SPACE:
        return NBD_ENOSPC;
    case PLATTER_E_NO_MEMORY:
        return NBD_ENOMEM;
    case PLATTER_E_RANGE:
    case PLATTER_E_USAGE:
    case PLATTER_E_UNSUPPORTED:
        return NBD_EINVAL;
    default:
        return NBD_EIO;
    }
}

bool nbd_answer_failure(struct nbd_worker *worker, const struct nbd_request *request, uint64_t offset,
                        const struct platter_error *err)
{
    const struct nbd_export *export = worker->session->export;
    char text[MAX_ERROR_TEXT];

    if (export->failed)
        export->failed(export->failed_context, err);
    platter_error_text(err, text, sizeof(text));
    return nbd_answer_error(worker, request, error_of_result(err->result), offset, text);
}
