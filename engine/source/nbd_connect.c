/* SPDX-License-Identifier: MIT */
#include "nbd_connect.h"

#include <stdlib.h>

static bool note(struct platter_nbd_way *way, enum platter_socket_state state, int code)
{
    way->late = state == PLATTER_SOCKET_LATE;
    way->os_error = state == PLATTER_SOCKET_FAILED ? code : 0;
    return state == PLATTER_SOCKET_OK;
}

static size_t line_receive(struct nbd_stream *stream, void *buffer, size_t length)
{
    struct platter_nbd_connection *connection = (struct platter_nbd_connection *)stream;
    size_t got = 0;
    int code = 0;
    enum platter_socket_state state =
        platter_socket_receive(connection->socket, buffer, length, connection->line.receive.until, &got, &code);

    return note(&connection->line.receive, state, code) ? got : 0;
}

static bool line_send(struct nbd_stream *stream, const void *data, size_t length)
{
    struct platter_nbd_connection *connection = (struct platter_nbd_connection *)stream;
    int code = 0;
    enum platter_socket_state state =
        platter_socket_send(connection->socket, data, length, connection->line.send.until, &code);

    return note(&connection->line.send, state, code);
}

static void line_cut(struct nbd_stream *stream)
{
    platter_socket_cut(((struct platter_nbd_connection *)stream)->socket);
}

static const struct nbd_stream_ops line_ops = {.receive = line_receive, .send = line_send, .cut = line_cut};

enum platter_result platter_nbd_connect(const struct platter_addresses *addresses, const char *name,
                                        const char *export_name, uint64_t deadline,
                                        struct platter_nbd_connection **connection, struct platter_error *err)
{
    struct platter_nbd_connection *made = calloc(1, sizeof(*made));
    struct platter_nbd_export export;
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    nbd_stream_init(&made->stream, &line_ops);
    made->line.receive.until = made->line.send.until = deadline;
    result = platter_socket_connect(addresses, deadline, name, &made->socket, err);
    if (result)
        goto fail_connect;
    result = platter_nbd_negotiate(&made->stream, &made->line, name, export_name, &export, err);
    if (result)
        goto fail_negotiate;
    platter_nbd_conn_init(&made->conn, &made->stream, &made->line, name, &export);
    *connection = made;
    return PLATTER_OK;
fail_negotiate:
    platter_socket_close(made->socket);
fail_connect:
    free(made);
    return result;
}

void platter_nbd_disconnect(struct platter_nbd_connection *connection)
{
    platter_nbd_conn_destroy(&connection->conn);
    platter_socket_close(connection->socket);
    free(connection);
}
