/* SPDX-License-Identifier: MIT */
/* The handshake phase: fixed newstyle, one export, no TLS. */
#include "nbd_session.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* A client that has not come to the point by then is hung up on, lest it hold a place for nothing. */
#define NEGOTIATION_MS 10000u
/* Longer data of an option is skipped and refused; beyond the second limit the client is hung up on. */
#define MAX_OPTION_DATA (64u << 10)
#define MAX_OPTION_SKIP (1u << 20)

static const char allocation[] = "base:allocation";

struct option {
    uint32_t number;
    uint32_t length;
    uint8_t *data; /* MAX_OPTION_DATA; the option's own are at [position, length) */
    uint32_t position;
};

/* What happens after an option. */
enum next {
    NEXT_OPTION,
    NEXT_TRANSMISSION,
    NEXT_HANG_UP,
};

static bool send_all(struct nbd_session *session, const void *data, size_t length)
{
    return session->stream->ops->send(session->stream, data, length);
}

/* ---- Option replies ---------------------------------------------------------------------------------------------- */

/* `head` and then `text` are the reply's data. */
static bool reply(struct nbd_session *session, const struct option *option, uint32_t type, const void *head,
                  size_t head_length, const char *text)
{
    size_t text_length = text ? strlen(text) : 0;
    /* Name and description were measured when the server was made, and there is nothing longer. */
    uint8_t buffer[NBD_OPTION_REPLY_HEADER_SIZE + 4 + 2 * PLATTER_NBD_MAX_NAME];
    uint8_t *at = buffer;

    at = nbd_put64(at, NBD_OPTION_REPLY_MAGIC);
    at = nbd_put32(at, option->number);
    at = nbd_put32(at, type);
    at = nbd_put32(at, (uint32_t)(head_length + text_length));
    at = nbd_put_bytes(at, head, head_length);
    at = nbd_put_bytes(at, text, text_length);
    return send_all(session, buffer, (size_t)(at - buffer));
}

static enum next acknowledge(struct nbd_session *session, const struct option *option)
{
    return reply(session, option, NBD_REP_ACK, NULL, 0, NULL) ? NEXT_OPTION : NEXT_HANG_UP;
}

static enum next refuse(struct nbd_session *session, const struct option *option, uint32_t type, const char *why)
{
    return reply(session, option, type, NULL, 0, why) ? NEXT_OPTION : NEXT_HANG_UP;
}

static enum next refuse_malformed(struct nbd_session *session, const struct option *option)
{
    return refuse(session, option, NBD_REP_ERR_INVALID, "the option's data is malformed");
}

/* ---- Option data ------------------------------------------------------------------------------------------------- */

static bool take16(struct option *option, uint32_t *value)
{
    if (option->length - option->position < 2)
        return false;
    *value = platter_be16(option->data + option->position);
    option->position += 2;
    return true;
}

static bool take32(struct option *option, uint32_t *value)
{
    if (option->length - option->position < 4)
        return false;
    *value = platter_be32(option->data + option->position);
    option->position += 4;
    return true;
}

/* A length and so many bytes, which are borrowed from the option. */
static bool take_string(struct option *option, const uint8_t **string, uint32_t *length)
{
    if (!take32(option, length) || *length > option->length - option->position)
        return false;
    *string = option->data + option->position;
    option->position += *length;
    return true;
}

static bool is_text(const uint8_t *string, uint32_t length, const char *text)
{
    return length == strlen(text) && memcmp(string, text, length) == 0;
}

static bool is_export(const struct nbd_session *session, const uint8_t *name, uint32_t length)
{
    return length == 0 || is_text(name, length, session->export->name);
}

static enum next refuse_export(struct nbd_session *session, const struct option *option)
{
    return refuse(session, option, NBD_REP_ERR_UNKNOWN, "no export has this name");
}

/* ---- The options ------------------------------------------------------------------------------------------------- */

uint16_t nbd_transmission_flags(const struct nbd_session *session)
{
    const struct nbd_export *export = session->export;
    uint32_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_CACHE;

    /* One block stands behind all connections, and a flush of it is a flush for all. */
    flags |= NBD_FLAG_CAN_MULTI_CONN;
    if (session->structured)
        flags |= NBD_FLAG_SEND_DF;
    if (export->read_only)
        return (uint16_t)(flags | NBD_FLAG_READ_ONLY);
    flags |= NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_WRITE_ZEROES;
    if (platter_block_caps(export->block) & PLATTER_CAP_DISCARD)
        flags |= NBD_FLAG_SEND_TRIM;
    return (uint16_t)flags;
}

static enum next option_export_name(struct nbd_session *session, const struct option *option)
{
    uint8_t answer[8 + 2 + NBD_EXPORT_PADDING] = {0};

    if (!is_export(session, option->data, option->length))
        return NEXT_HANG_UP;
    nbd_put16(nbd_put64(answer, session->export->size), nbd_transmission_flags(session));
    return send_all(session, answer, session->no_zeroes ? 8 + 2 : sizeof(answer)) ? NEXT_TRANSMISSION : NEXT_HANG_UP;
}

static enum next option_list(struct nbd_session *session, const struct option *option)
{
    const struct nbd_export *export = session->export;
    size_t name_length = strlen(export->name);
    uint8_t *head;
    bool sent;

    if (option->length != 0)
        return refuse_malformed(session, option);
    head = malloc(4 + name_length);
    if (!head)
        return NEXT_HANG_UP;
    nbd_put_bytes(nbd_put32(head, (uint32_t)name_length), export->name, name_length);
    sent = reply(session, option, NBD_REP_SERVER, head, 4 + name_length, export->description);
    free(head);
    return sent ? acknowledge(session, option) : NEXT_HANG_UP;
}

static bool reply_info(struct nbd_session *session, const struct option *option, uint32_t info)
{
    const struct nbd_export *export = session->export;
    uint8_t head[14];
    uint8_t *at = nbd_put16(head, info);

    switch (info) {
    case NBD_INFO_EXPORT:
        at = nbd_put16(nbd_put64(at, export->size), nbd_transmission_flags(session));
        return reply(session, option, NBD_REP_INFO, head, (size_t)(at - head), NULL);
    case NBD_INFO_NAME:
        return reply(session, option, NBD_REP_INFO, head, (size_t)(at - head), export->name);
    case NBD_INFO_DESCRIPTION:
        return export->description[0] == '\0' ||
               reply(session, option, NBD_REP_INFO, head, (size_t)(at - head), export->description);
    case NBD_INFO_BLOCK_SIZE:
        at = nbd_put32(nbd_put32(nbd_put32(at, 1), export->preferred_block), PLATTER_NBD_MAX_REQUEST);
        return reply(session, option, NBD_REP_INFO, head, (size_t)(at - head), NULL);
    default:
        return true; /* "MUST ignore any information requests it does not understand" */
    }
}

static enum next option_info_or_go(struct nbd_session *session, struct option *option)
{
    uint32_t asked[NBD_INFO_BLOCK_SIZE + 1] = {0};
    const uint8_t *name;
    uint32_t name_length, count, info;
    enum next next;

    if (!take_string(option, &name, &name_length) || !take16(option, &count) ||
        option->length - option->position != 2 * count)
        return refuse_malformed(session, option);
    if (!is_export(session, name, name_length))
        return refuse_export(session, option);
    asked[NBD_INFO_EXPORT] = 1;
    while (take16(option, &info))
        if (info <= NBD_INFO_BLOCK_SIZE)
            asked[info] = 1;
    for (info = 0; info <= NBD_INFO_BLOCK_SIZE; info++)
        if (asked[info] && !reply_info(session, option, info))
            return NEXT_HANG_UP;
    next = acknowledge(session, option);
    return next == NEXT_OPTION && option->number == NBD_OPT_GO ? NEXT_TRANSMISSION : next;
}

static enum next option_structured_reply(struct nbd_session *session, const struct option *option)
{
    if (option->length != 0)
        return refuse_malformed(session, option);
    session->structured = true;
    return acknowledge(session, option);
}

static enum next option_meta_context(struct nbd_session *session, struct option *option)
{
    bool set = option->number == NBD_OPT_SET_META_CONTEXT;
    const uint8_t *string;
    uint32_t length, count;
    uint8_t id[4];
    bool chosen;

    /* "replaces all previously-set metadata contexts (including when this command fails)" */
    if (set)
        session->allocation = false;
    if (!session->structured)
        return refuse(session, option, NBD_REP_ERR_INVALID, "structured replies must be negotiated first");
    if (!take_string(option, &string, &length))
        return refuse_malformed(session, option);
    if (!is_export(session, string, length))
        return refuse_export(session, option);
    if (!take32(option, &count))
        return refuse_malformed(session, option);
    chosen = !set && count == 0;
    for (; count > 0; count--) {
        if (!take_string(option, &string, &length))
            return refuse_malformed(session, option);
        chosen = chosen || is_text(string, length, allocation) || (!set && is_text(string, length, "base:"));
    }
    if (option->position != option->length)
        return refuse_malformed(session, option);
    nbd_put32(id, set ? NBD_ALLOCATION_ID : 0);
    if (chosen && !reply(session, option, NBD_REP_META_CONTEXT, id, sizeof(id), allocation))
        return NEXT_HANG_UP;
    session->allocation = session->allocation || (set && chosen);
    return acknowledge(session, option);
}

static enum next answer_option(struct nbd_session *session, struct option *option)
{
    switch (option->number) {
    case NBD_OPT_EXPORT_NAME:
        return option_export_name(session, option);
    case NBD_OPT_ABORT:
        acknowledge(session, option);
        return NEXT_HANG_UP;
    case NBD_OPT_LIST:
        return option_list(session, option);
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
        return option_info_or_go(session, option);
    case NBD_OPT_STRUCTURED_REPLY:
        return option_structured_reply(session, option);
    case NBD_OPT_LIST_META_CONTEXT:
    case NBD_OPT_SET_META_CONTEXT:
        return option_meta_context(session, option);
    default:
        return refuse(session, option, NBD_REP_ERR_UNSUP, "the option is not known here");
    }
}

/* ---- The phase --------------------------------------------------------------------------------------------------- */

static enum next next_option(struct nbd_session *session, struct option *option, bool fixed)
{
    uint8_t header[NBD_OPTION_HEADER_SIZE];

    if (!nbd_stream_take(session->stream, header, sizeof(header)) || platter_be64(header) != NBD_OPTION_MAGIC)
        return NEXT_HANG_UP;
    option->number = platter_be32(header + 8);
    option->length = platter_be32(header + 12);
    option->position = 0;
    /* Only the fixed style has answers to other options. */
    if (!fixed && option->number != NBD_OPT_EXPORT_NAME)
        return NEXT_HANG_UP;
    if (option->length > MAX_OPTION_DATA) {
        if (option->number == NBD_OPT_EXPORT_NAME || option->length > MAX_OPTION_SKIP ||
            !nbd_stream_skip(session->stream, option->length))
            return NEXT_HANG_UP;
        return refuse(session, option, NBD_REP_ERR_TOO_BIG, "the option's data is too long");
    }
    if (!nbd_stream_take(session->stream, option->data, option->length))
        return NEXT_HANG_UP;
    return answer_option(session, option);
}

bool nbd_negotiate(struct nbd_session *session)
{
    struct nbd_stream *stream = session->stream;
    struct option option = {0};
    enum next next = NEXT_HANG_UP;
    uint8_t greeting[8 + 8 + 2];
    uint8_t raw[4];

    stream->ops->deadline(stream, NEGOTIATION_MS);
    nbd_put16(nbd_put64(nbd_put64(greeting, NBD_MAGIC), NBD_OPTION_MAGIC),
              NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    option.data = malloc(MAX_OPTION_DATA);
    if (option.data && send_all(session, greeting, sizeof(greeting)) && nbd_stream_take(stream, raw, sizeof(raw))) {
        uint32_t flags = platter_be32(raw);

        session->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
        if (!(flags & ~(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES))) {
            do
                next = next_option(session, &option, flags & NBD_FLAG_FIXED_NEWSTYLE);
            while (next == NEXT_OPTION);
        }
    }
    free(option.data);
    stream->ops->deadline(stream, 0);
    return next == NEXT_TRANSMISSION;
}
