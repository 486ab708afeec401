/* SPDX-License-Identifier: MIT */
#include "nbd_uri.h"

#include <stdlib.h>
#include <string.h>

#include "../ascii.h"
#include "nbd_wire.h"

static enum platter_result malformed(const char *text, const char *why, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_USAGE, text, PLATTER_NO_OFFSET,
                             "%s; want nbd://HOST[:PORT][/EXPORT] or nbd+unix:///[EXPORT]?socket=PATH", why);
}

/* The `length` bytes at `text` with %XX decoded; NULL: no memory, or (*broken) not to be decoded. */
static char *decode(const char *text, size_t length, bool *broken)
{
    char *out = malloc(length + 1), *at = out;

    for (size_t i = 0; out && i < length; i++) {
        int high, low;

        if (text[i] != '%') {
            *at++ = text[i];
            continue;
        }
        high = i + 2 < length ? platter_hex_digit(text[i + 1]) : -1;
        low = high >= 0 ? platter_hex_digit(text[i + 2]) : -1;
        /* A NUL would end the string where the user did not. */
        if (low < 0 || high * 16 + low == 0) {
            *broken = true;
            free(out);
            return NULL;
        }
        *at++ = (char)(high * 16 + low);
        i += 2;
    }
    if (out)
        *at = '\0';
    return out;
}

static enum platter_result take(const char *text, const char *part, size_t length, char **out,
                                struct platter_error *err)
{
    bool broken = false;

    *out = decode(part, length, &broken);
    if (*out)
        return PLATTER_OK;
    if (broken)
        return malformed(text, "a '%' in it is not followed by the two digits of a byte", err);
    return platter_error_set(err, PLATTER_E_NO_MEMORY, text, PLATTER_NO_OFFSET, "out of memory");
}

/* `authority` up to `end`: host and port. */
static enum platter_result take_authority(const char *text, const char *authority, const char *end,
                                          struct platter_nbd_uri *uri, struct platter_error *err)
{
    size_t length = (size_t)(end - authority), host = length, skip = 0;
    const char *port = NULL;

    if (memchr(authority, '@', length))
        return malformed(text, "a user in it means nothing without TLS", err);
    if (length && authority[0] == '[') {
        const char *close = memchr(authority, ']', length);

        if (!close || (close + 1 < end && close[1] != ':'))
            return malformed(text, "the brackets of its IPv6 address do not match", err);
        host = (size_t)(close - authority) - 1;
        skip = 1;
        port = close + 1 < end ? close + 2 : NULL;
    } else if ((port = memchr(authority, ':', length))) {
        host = (size_t)(port - authority);
        port++;
    }
    uri->port = NBD_DEFAULT_PORT;
    if (port && port < end) {
        uint32_t number = 0;

        for (; port < end && *port >= '0' && *port <= '9' && number <= UINT16_MAX; port++)
            number = number * 10 + (uint32_t)(*port - '0');
        if (port < end || number == 0 || number > UINT16_MAX)
            return malformed(text, "its port is no number from 1 to 65535", err);
        uri->port = (uint16_t)number;
    }
    if (host == 0)
        return malformed(text, "it names no host", err);
    return take(text, authority + skip, host, &uri->host, err);
}

static enum platter_result take_query(const char *text, const char *query, struct platter_nbd_uri *uri,
                                      struct platter_error *err)
{
    static const char key[] = "socket=";

    while (*query) {
        size_t length = strcspn(query, "&");

        if (uri->host || uri->socket_path || length <= sizeof(key) - 1 || strncmp(query, key, sizeof(key) - 1) != 0)
            return malformed(text, "it asks for something after '?' that is not known here", err);
        enum platter_result result =
            take(text, query + sizeof(key) - 1, length - (sizeof(key) - 1), &uri->socket_path, err);

        if (result)
            return result;
        query += length + (query[length] == '&');
    }
    return PLATTER_OK;
}

static enum platter_result parse(const char *text, struct platter_nbd_uri *uri, struct platter_error *err)
{
    bool tcp = strncmp(text, "nbd://", 6) == 0, local = strncmp(text, "nbd+unix://", 11) == 0;
    const char *authority, *path, *query;
    enum platter_result result;

    if (strncmp(text, "nbds", 4) == 0)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, text, PLATTER_NO_OFFSET,
                                 "TLS is not supported; an nbd:// URI goes without, perhaps through a tunnel");
    if (!tcp && !local)
        return malformed(text, "it is not understood", err);
    authority = text + (tcp ? 6 : 11);
    path = authority + strcspn(authority, "/?#");
    query = path + strcspn(path, "?#");
    if (strchr(text, '#'))
        return malformed(text, "it has a '#', which is written %23 in a name", err);
    result = tcp ? take_authority(text, authority, path, uri, err)
                 : (path > authority ? malformed(text, "it names a host and a Unix socket", err) : PLATTER_OK);
    if (result)
        return result;
    if (*path == '/')
        path++;
    result = take(text, path, (size_t)(query - path), &uri->export_name, err);
    if (result)
        return result;
    if (strlen(uri->export_name) > NBD_MAX_NAME)
        return malformed(text, "an export's name has at most 4096 bytes", err);
    result = take_query(text, *query ? query + 1 : query, uri, err);
    if (result == PLATTER_OK && local && !uri->socket_path)
        result = malformed(text, "it names no socket", err);
    return result;
}

enum platter_result platter_nbd_uri_parse(const char *text, struct platter_nbd_uri *uri, struct platter_error *err)
{
    enum platter_result result;

    memset(uri, 0, sizeof(*uri));
    result = parse(text, uri, err);
    if (result)
        platter_nbd_uri_free(uri);
    return result;
}

void platter_nbd_uri_free(struct platter_nbd_uri *uri)
{
    free(uri->host);
    free(uri->socket_path);
    free(uri->export_name);
    memset(uri, 0, sizeof(*uri));
}
