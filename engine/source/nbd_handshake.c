/* SPDX-License-Identifier: MIT */
/* The handshake phase of the client: fixed newstyle, without TLS. */
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "nbd_client.h"
#include "nbd_uri.h"

/* More replies to one option, or longer ones, serve no purpose of ours. */
#define MOST_REPLIES 256u
#define MOST_REPLY_BYTES (64u << 10)
/* What a request may carry when the server does not say: the protocol's own advice. */
#define DEFAULT_MAXIMUM (32u << 20)
#define MINIMUM_MOST (64u << 10)

struct handshake {
    struct nbd_stream *stream;
    const struct platter_nbd_line *line;
    const char *name;
    const char *export_name;
    struct platter_nbd_export *export;
    struct platter_error *err;
    bool size_told, no_zeroes;
    uint8_t data[MOST_REPLY_BYTES]; /* of the last reply */
};

struct reply {
    uint32_t type, length;
};

/* What is done with the replies before the last of an option. False: the server talks nonsense. */
typedef bool reply_fn(struct handshake *h, const struct reply *reply);

void platter_nbd_text(const uint8_t *said, size_t length, char *text, size_t size)
{
    size_t used = 0;

    for (; used < length && used + 1 < size; used++)
        text[used] = said[used] < 0x20 || said[used] == 0x7f ? '?' : (char)said[used];
    text[used] = '\0';
}

enum platter_result platter_nbd_way_error(const struct platter_nbd_way *way, const char *name, const char *when,
                                          struct platter_error *err)
{
    if (way->late)
        return platter_error_set(err, PLATTER_E_IO, name, PLATTER_NO_OFFSET, "the server took too long %s", when);
    if (way->os_error)
        return platter_error_set_os(err, PLATTER_E_IO, name, PLATTER_NO_OFFSET, way->os_error,
                                    "the connection was lost %s", when);
    return platter_error_set(err, PLATTER_E_IO, name, PLATTER_NO_OFFSET, "the server hung up %s", when);
}

static enum platter_result lost(struct handshake *h)
{
    const struct platter_nbd_way *send = &h->line->send;

    return platter_nbd_way_error(send->late || send->os_error ? send : &h->line->receive, h->name,
                                 "while it was asked for the export", h->err);
}

static enum platter_result nonsense(struct handshake *h, const char *what)
{
    return platter_error_set(h->err, PLATTER_E_FORMAT, h->name, PLATTER_NO_OFFSET,
                             "the server does not keep to the NBD protocol: %s", what);
}

static enum platter_result greet(struct handshake *h)
{
    uint8_t raw[18], flags[4];
    uint32_t offered;

    if (!nbd_stream_take(h->stream, raw, 8))
        return lost(h);
    if (platter_be64(raw) != NBD_MAGIC)
        return platter_error_set(h->err, PLATTER_E_FORMAT, h->name, PLATTER_NO_OFFSET,
                                 "what answers there is no NBD server");
    if (!nbd_stream_take(h->stream, raw + 8, 10))
        return lost(h);
    offered = platter_be16(raw + 16);
    if (platter_be64(raw + 8) == NBD_OLD_MAGIC ||
        (platter_be64(raw + 8) == NBD_OPTION_MAGIC && !(offered & NBD_FLAG_FIXED_NEWSTYLE)))
        return platter_error_set(h->err, PLATTER_E_UNSUPPORTED, h->name, PLATTER_NO_OFFSET,
                                 "the server speaks only an old version of NBD; fixed newstyle is needed");
    if (platter_be64(raw + 8) != NBD_OPTION_MAGIC)
        return nonsense(h, "its greeting is wrong");
    h->no_zeroes = offered & NBD_FLAG_NO_ZEROES;
    nbd_put32(flags, NBD_FLAG_FIXED_NEWSTYLE | (offered & NBD_FLAG_NO_ZEROES));
    return h->stream->ops->send(h->stream, flags, sizeof(flags)) ? PLATTER_OK : lost(h);
}

static enum platter_result take_reply(struct handshake *h, uint32_t option, struct reply *reply)
{
    uint8_t raw[NBD_OPTION_REPLY_HEADER_SIZE];

    if (!nbd_stream_take(h->stream, raw, sizeof(raw)))
        return lost(h);
    if (platter_be64(raw) != NBD_OPTION_REPLY_MAGIC || platter_be32(raw + 8) != option)
        return nonsense(h, "it answered another question than was asked");
    reply->type = platter_be32(raw + 12);
    reply->length = platter_be32(raw + 16);
    if (reply->length > MOST_REPLY_BYTES)
        return nonsense(h, "an answer is too long");
    return nbd_stream_take(h->stream, h->data, reply->length) ? PLATTER_OK : lost(h);
}

/* Sends an option and takes its replies up to the last, which is in *last. */
static enum platter_result ask(struct handshake *h, uint32_t option, const uint8_t *data, uint32_t length,
                               reply_fn *each, struct reply *last)
{
    uint8_t header[NBD_OPTION_HEADER_SIZE];
    enum platter_result result;

    nbd_put32(nbd_put32(nbd_put64(header, NBD_OPTION_MAGIC), option), length);
    if (!h->stream->ops->send(h->stream, header, sizeof(header)) ||
        (length && !h->stream->ops->send(h->stream, data, length)))
        return lost(h);
    for (unsigned count = 0; count < MOST_REPLIES; count++) {
        result = take_reply(h, option, last);
        if (result || last->type == NBD_REP_ACK || (last->type & NBD_REP_FLAG_ERROR))
            break;
        if (!each || !each(h, last))
            return nonsense(h, "an answer is malformed");
    }
    if (result == PLATTER_OK && last->type == NBD_REP_ERR_TLS_REQD)
        return platter_error_set(h->err, PLATTER_E_UNSUPPORTED, h->name, PLATTER_NO_OFFSET,
                                 "the server wants TLS, which is not supported");
    if (result == PLATTER_OK && last->type != NBD_REP_ACK && !(last->type & NBD_REP_FLAG_ERROR))
        return nonsense(h, "its answers do not end");
    return result;
}

static uint8_t *put_name(struct handshake *h, uint8_t *at)
{
    uint32_t length = (uint32_t)strlen(h->export_name);

    return nbd_put_bytes(nbd_put32(at, length), h->export_name, length);
}

static bool take_context(struct handshake *h, const struct reply *reply)
{
    static const char wanted[] = NBD_ALLOCATION_CONTEXT;

    if (reply->type != NBD_REP_META_CONTEXT || reply->length < 4)
        return false;
    if (reply->length != 4 + sizeof(wanted) - 1 || memcmp(h->data + 4, wanted, sizeof(wanted) - 1) != 0)
        return false;
    h->export->allocation = true;
    h->export->allocation_id = platter_be32(h->data);
    return true;
}

static enum platter_result ask_contexts(struct handshake *h)
{
    static const char wanted[] = NBD_ALLOCATION_CONTEXT;
    uint8_t data[4 + NBD_MAX_NAME + 8 + sizeof(wanted)], *at = put_name(h, data);
    enum platter_result result;
    struct reply last;

    at = nbd_put32(nbd_put32(at, 1), sizeof(wanted) - 1);
    at = nbd_put_bytes(at, wanted, sizeof(wanted) - 1);
    result = ask(h, NBD_OPT_SET_META_CONTEXT, data, (uint32_t)(at - data), take_context, &last);
    /* A server that refuses has no map to give; one that did and refuses then has selected none. */
    if (result == PLATTER_OK && last.type != NBD_REP_ACK)
        h->export->allocation = false;
    return result;
}

static bool power_of_two(uint32_t value)
{
    return value && (value & (value - 1)) == 0;
}

static bool take_info(struct handshake *h, const struct reply *reply)
{
    struct platter_nbd_export *export = h->export;

    if (reply->type != NBD_REP_INFO || reply->length < 2)
        return false;
    switch (platter_be16(h->data)) {
    case NBD_INFO_EXPORT:
        if (reply->length != 12)
            return false;
        export->size = platter_be64(h->data + 2);
        export->flags = platter_be16(h->data + 10);
        h->size_told = true;
        return true;
    case NBD_INFO_BLOCK_SIZE:
        if (reply->length != 14)
            return false;
        export->minimum = platter_be32(h->data + 2);
        export->preferred = platter_be32(h->data + 6);
        export->maximum = platter_be32(h->data + 10);
        /* What is only preferred need not make sense. */
        if (!power_of_two(export->preferred) || export->preferred < export->minimum)
            export->preferred = export->minimum;
        return power_of_two(export->minimum) && export->minimum <= MINIMUM_MOST && export->maximum >= export->minimum;
    default:
        return true; /* names and descriptions */
    }
}

/* For servers that know fixed newstyle and not GO. */
static enum platter_result ask_plainly(struct handshake *h)
{
    uint32_t length = (uint32_t)strlen(h->export_name);
    uint8_t header[NBD_OPTION_HEADER_SIZE + NBD_MAX_NAME], raw[10];
    uint8_t *at = nbd_put32(nbd_put32(nbd_put64(header, NBD_OPTION_MAGIC), NBD_OPT_EXPORT_NAME), length);

    at = nbd_put_bytes(at, h->export_name, length);
    if (!h->stream->ops->send(h->stream, header, (size_t)(at - header)) || !nbd_stream_take(h->stream, raw, 10))
        return lost(h);
    h->export->size = platter_be64(raw);
    h->export->flags = platter_be16(raw + 8);
    h->size_told = true;
    return PLATTER_OK;
}

static enum platter_result refused(struct handshake *h, const struct reply *last)
{
    char said[200];
    const char *why = "the server refuses the export";
    enum platter_result result = PLATTER_E_IO;

    platter_nbd_text(h->data, last->length, said, sizeof(said));
    if (last->type == NBD_REP_ERR_UNKNOWN) {
        result = PLATTER_E_NOT_FOUND;
        why = "the server has no such export";
    } else if (last->type == NBD_REP_ERR_POLICY) {
        result = PLATTER_E_ACCESS;
        why = "the server does not allow this";
    } else if (last->type == NBD_REP_ERR_SHUTDOWN) {
        why = "the server is shutting down";
    }
    return platter_error_set(h->err, result, h->name, PLATTER_NO_OFFSET, "%s%s%s", why, said[0] ? ": " : "", said);
}

static enum platter_result ask_export(struct handshake *h)
{
    uint8_t data[4 + NBD_MAX_NAME + 4], *at = put_name(h, data);
    enum platter_result result;
    struct reply last;

    at = nbd_put16(nbd_put16(at, 1), NBD_INFO_BLOCK_SIZE);
    result = ask(h, NBD_OPT_GO, data, (uint32_t)(at - data), take_info, &last);
    if (result)
        return result;
    if (last.type == NBD_REP_ERR_UNSUP) {
        result = ask_plainly(h);
        if (result == PLATTER_OK && !h->no_zeroes && !nbd_stream_skip(h->stream, NBD_EXPORT_PADDING))
            result = lost(h);
        return result;
    }
    return last.type == NBD_REP_ACK ? PLATTER_OK : refused(h, &last);
}

static enum platter_result check(struct handshake *h)
{
    struct platter_nbd_export *export = h->export;

    if (!h->size_told || !(export->flags & NBD_FLAG_HAS_FLAGS))
        return nonsense(h, "it did not tell the export's size");
    if (export->size > INT64_MAX)
        return nonsense(h, "the export is larger than anything can be");
    if (export->size % export->minimum)
        return platter_error_set(
            h->err, PLATTER_E_UNSUPPORTED, h->name, PLATTER_NO_OFFSET,
            "the export has %llu bytes, which is no multiple of the %u that the server wants to be "
            "asked for at least, so its end cannot be read",
            (unsigned long long)export->size, export->minimum);
    if (export->maximum > DEFAULT_MAXIMUM)
        export->maximum = DEFAULT_MAXIMUM;
    export->maximum -= export->maximum % export->minimum;
    return PLATTER_OK;
}

static enum platter_result talk(struct handshake *h)
{
    enum platter_result result = greet(h);
    struct reply last;

    if (result == PLATTER_OK)
        result = ask(h, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NULL, &last);
    if (result)
        return result;
    h->export->structured = last.type == NBD_REP_ACK;
    if (h->export->structured)
        result = ask_contexts(h);
    if (result == PLATTER_OK)
        result = ask_export(h);
    return result ? result : check(h);
}

enum platter_result platter_nbd_negotiate(struct nbd_stream *stream, const struct platter_nbd_line *line,
                                          const char *name, const char *export_name, struct platter_nbd_export *export,
                                          struct platter_error *err)
{
    struct handshake *h = malloc(sizeof(*h));
    enum platter_result result;

    if (!h)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    h->stream = stream;
    h->line = line;
    h->name = name;
    h->export_name = export_name;
    h->export = export;
    h->err = err;
    h->size_told = h->no_zeroes = false;
    *export = (struct platter_nbd_export){.minimum = 1, .preferred = 4096, .maximum = DEFAULT_MAXIMUM};
    result = talk(h);
    free(h);
    return result;
}
