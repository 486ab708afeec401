/* SPDX-License-Identifier: MIT */
/* Where servers are: what socket_address.c shares with the system's sockets. */
#ifndef PLATTER_ENGINE_OS_SOCKET_ADDRESS_H
#define PLATTER_ENGINE_OS_SOCKET_ADDRESS_H

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#else
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

#include "socket.h"

struct platter_addresses {
    struct addrinfo *list; /* NULL: `local` */
    struct sockaddr_un local;
};

/* The system's own, socket_posix.c and socket_win32.c. Before anything else is asked of its sockets. */
enum platter_result platter_sockets_use(const char *name, struct platter_error *err);
/* What getaddrinfo returned for `host`, as an error. */
enum platter_result platter_sockets_unresolved(int code, const char *host, const char *name, struct platter_error *err);

#endif
