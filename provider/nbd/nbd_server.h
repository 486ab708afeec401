/* SPDX-License-Identifier: MIT */
/*
 * An NBD server for one block: what stands behind `platter serve`.
 *
 * Fixed newstyle negotiation, structured replies and base:allocation, as in the protocol's own document
 * (github.com/NetworkBlockDevice/nbd, doc/proto.md). No TLS: it listens on a Unix socket that only its owner may
 * open, or on the loopback addresses, never on others.
 */
#ifndef PLATTER_NBD_SERVER_H
#define PLATTER_NBD_SERVER_H

#include <platter/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes; a read or write above it is answered with an error. Told to clients as the maximum payload. */
#define PLATTER_NBD_MAX_REQUEST (32u << 20)
/* Bytes; the protocol's limit for names and other strings. */
#define PLATTER_NBD_MAX_NAME 4096u

struct platter_nbd_options {
    const char *socket_path; /* Unix socket to make, mode 0600; NULL: TCP on 127.0.0.1 and ::1 */
    uint16_t port;           /* TCP only; 0: a free one, see platter_nbd_server_port() */
    const char *export_name; /* UTF-8; NULL: "". The empty name always means this export, too */
    const char *description; /* UTF-8, for people, shown by `nbdinfo --list`; NULL: none */
    bool read_only;          /* also of a block that could be written; a block that cannot is read-only anyway */
    unsigned threads;        /* most threads of one connection; 0: a default for this machine */
    unsigned max_clients;    /* connections at once, further ones are closed at once; 0: 64 */
    /* Told of each request that the block did not do, by any thread, by several at once; NULL: only clients are told. */
    void (*failed)(void *context, const struct platter_error *err);
    void *failed_context;
};

struct platter_nbd_server;

/*
 * Listens when it returns: clients may connect, and are served once run is called. Keeps its own reference to `block`.
 * PLATTER_E_BUSY: the port is taken, or a live server listens on the socket (a dead one's socket is replaced).
 * PLATTER_E_EXISTS: something that is not a socket lies at socket_path. PLATTER_E_USAGE: a name or path too long.
 */
enum platter_result platter_nbd_server_create(struct platter_block *block, const struct platter_nbd_options *options,
                                              struct platter_nbd_server **server, struct platter_error *err);

/*
 * Serves until platter_nbd_server_stop(): then takes no further request, answers those in hand (a client that does
 * not take its answers is cut off after two seconds), removes the socket and flushes the block. Returns the flush's
 * result. Once a server; call it from one thread.
 */
enum platter_result platter_nbd_server_run(struct platter_nbd_server *server, struct platter_error *err);

/* Makes run return. From any thread or a signal handler; idempotent; before run is fine, too. */
void platter_nbd_server_stop(struct platter_nbd_server *server);

/* After run has returned, or when it was never called. Removes the socket if it is still there. NULL is fine. */
void platter_nbd_server_free(struct platter_nbd_server *server);

uint16_t platter_nbd_server_port(const struct platter_nbd_server *server); /* 0 with a Unix socket */
/* "nbd+unix:///disk?socket=/run/x" or "nbd://localhost:10809/disk": what clients take. Borrowed. */
const char *platter_nbd_server_uri(const struct platter_nbd_server *server);

#ifdef __cplusplus
}
#endif

#endif /* PLATTER_NBD_SERVER_H */
