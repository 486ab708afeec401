/* SPDX-License-Identifier: MIT */
/* Connections to servers: TCP, and Unix sockets where the system has them. Each wait has an end. */
#ifndef PLATTER_ENGINE_OS_SOCKET_H
#define PLATTER_ENGINE_OS_SOCKET_H

#include <platter/engine.h>

struct platter_addresses;
struct platter_socket;

/*
 * The addresses of `host`, a name or a literal address (IPv6 without brackets). Waits for the system's resolver, however
 * long that takes: to be asked once, not at each reconnect. `name` is for messages.
 */
enum platter_result platter_addresses_resolve(const char *host, uint16_t port, const char *name,
                                              struct platter_addresses **addresses, struct platter_error *err);
enum platter_result platter_addresses_unix(const char *path, const char *name, struct platter_addresses **addresses,
                                           struct platter_error *err);
void platter_addresses_free(struct platter_addresses *addresses); /* NULL is fine */

/* Tries one address after the other. `deadline`: platter_os_monotonic_ms() after which it gives up. */
enum platter_result platter_socket_connect(const struct platter_addresses *addresses, uint64_t deadline,
                                           const char *name, struct platter_socket **connected,
                                           struct platter_error *err);
void platter_socket_close(struct platter_socket *closed); /* NULL is fine */

enum platter_socket_state {
    PLATTER_SOCKET_OK,
    PLATTER_SOCKET_CLOSED, /* the other side has ended it */
    PLATTER_SOCKET_LATE,   /* the deadline has passed */
    PLATTER_SOCKET_FAILED, /* *os_error tells */
};

/*
 * One thread may receive while another sends. receive waits for something and takes at most `length` bytes; *got is not 0
 * when it succeeds. send sends all.
 */
enum platter_socket_state platter_socket_receive(struct platter_socket *from, void *buffer, size_t length,
                                                 uint64_t deadline, size_t *got, int *os_error);
enum platter_socket_state platter_socket_send(struct platter_socket *to, const void *data, size_t length,
                                              uint64_t deadline, int *os_error);
/* Ends the connection under the hands of whoever is inside the two: they return soon. Idempotent. */
void platter_socket_cut(struct platter_socket *cut);

#endif
