/* SPDX-License-Identifier: MIT */
/* What the server asks of the system: sockets that listen, sockets that are connected, and a bell. */
#ifndef PLATTER_NBD_OS_H
#define PLATTER_NBD_OS_H

#include <platter/engine.h>

#include "source/nbd_stream.h"

/* ---- Listening --------------------------------------------------------------------------------------------------- */

struct nbd_listener;

/* A Unix socket at `path`, mode 0600. See platter_nbd_server_create() for what is in the way and what is not. */
enum platter_result nbd_listen_unix(const char *path, struct nbd_listener **listener, struct platter_error *err);
/* 127.0.0.1, and ::1 where there is IPv6, on one port. *port 0: a free one, which it then holds. */
enum platter_result nbd_listen_loopback(uint16_t *port, struct nbd_listener **listener, struct platter_error *err);
/* Removes the Unix socket if it is still the one that was made. NULL is fine. */
void nbd_listener_close(struct nbd_listener *listener);

/* ---- The bell: wakes nbd_accept from anywhere, also from a signal handler ---------------------------------------- */

struct nbd_bell;

enum platter_result nbd_bell_create(struct nbd_bell **bell, struct platter_error *err);
void nbd_bell_ring(struct nbd_bell *bell);
void nbd_bell_free(struct nbd_bell *bell); /* NULL is fine */

/* ---- Connections ------------------------------------------------------------------------------------------------- */

/*
 * Waits for a client or for the bell, which stays rung. NULL: the bell rang, or the client was gone again, or the
 * system is short of something (then only after a moment, so that the caller may simply try again).
 */
struct nbd_stream *nbd_accept(struct nbd_listener *listener, struct nbd_bell *bell);
/* No more is received; what was received already, is. Answers can still be sent. */
void nbd_stream_stop_receiving(struct nbd_stream *stream);
void nbd_stream_close(struct nbd_stream *stream);

/* Microseconds since some moment, never going back. */
uint64_t nbd_clock_us(void);

#endif
