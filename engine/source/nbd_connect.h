/* SPDX-License-Identifier: MIT */
/* An NBD connection over a socket. */
#ifndef PLATTER_ENGINE_SOURCE_NBD_CONNECT_H
#define PLATTER_ENGINE_SOURCE_NBD_CONNECT_H

#include "../os/socket.h"
#include "nbd_client.h"
#include "nbd_uri.h"

struct platter_nbd_connection {
    struct nbd_stream stream; /* first, so that the stream's operations find the rest */
    struct platter_nbd_line line;
    struct platter_socket *socket;
    struct platter_nbd_conn conn;
    unsigned users; /* the link's */
};

/* Connects and negotiates; both end at the deadline. `name` is borrowed for as long as the connection lives. */
enum platter_result platter_nbd_connect(const struct platter_addresses *addresses, const char *name,
                                        const char *export_name, uint64_t deadline,
                                        struct platter_nbd_connection **connection, struct platter_error *err);
/* Nobody may be inside. */
void platter_nbd_disconnect(struct platter_nbd_connection *connection);

#endif
