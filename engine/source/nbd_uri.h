/* SPDX-License-Identifier: MIT */
/* nbd://HOST[:PORT][/EXPORT] and nbd+unix:///EXPORT?socket=PATH: doc/uri.md of NetworkBlockDevice/nbd. */
#ifndef PLATTER_ENGINE_SOURCE_NBD_URI_H
#define PLATTER_ENGINE_SOURCE_NBD_URI_H

#include <platter/engine.h>

#define NBD_MAX_NAME 4096u /* bytes; the protocol's limit for strings */

struct platter_nbd_uri {
    char *host;        /* without brackets; NULL: a Unix socket */
    char *socket_path; /* NULL: TCP */
    uint16_t port;
    char *export_name; /* "" is the server's default */
};

/*
 * PLATTER_E_USAGE when it is none, PLATTER_E_UNSUPPORTED for what is understood and cannot be had (TLS). On success the
 * parts are to be freed.
 */
enum platter_result platter_nbd_uri_parse(const char *text, struct platter_nbd_uri *uri, struct platter_error *err);
void platter_nbd_uri_free(struct platter_nbd_uri *uri);

#endif
