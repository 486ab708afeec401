/* SPDX-License-Identifier: MIT */
/* Winsock 2. Waiting is done with select(): WSAPoll of Windows before 10 never tells that a connection has failed. */
#include "socket_address.h"

#include <stdlib.h>

#include "system.h"
#include "thread.h"

/* How long a cut may go unnoticed where shutdown() alone does not wake select(). */
#define SLICE_MS 500u
#define MOST_AT_ONCE (1u << 20) /* recv and send count with an int */

struct platter_socket {
    SOCKET handle;
    LONG cut;
};

static int startup_code;

static void startup(void)
{
    WSADATA data;

    startup_code = WSAStartup(MAKEWORD(2, 2), &data);
}

enum platter_result platter_sockets_use(const char *name, struct platter_error *err)
{
    static struct platter_once once = PLATTER_ONCE_INIT;

    platter_once_run(&once, startup);
    if (startup_code)
        return platter_error_set_os(err, PLATTER_E_FAILED, name, PLATTER_NO_OFFSET, startup_code,
                                    "Windows Sockets cannot be used");
    return PLATTER_OK;
}

static enum platter_result result_of(int code)
{
    switch (code) {
    case WSAHOST_NOT_FOUND:
    case WSANO_DATA:
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
        return PLATTER_E_NOT_FOUND;
    case WSAEACCES:
        return PLATTER_E_ACCESS;
    case WSAEAFNOSUPPORT:
        return PLATTER_E_UNSUPPORTED;
    default:
        return platter_os_result(code);
    }
}

enum platter_result platter_sockets_unresolved(int code, const char *host, const char *name, struct platter_error *err)
{
    return platter_error_set_os(err, result_of(code), name, PLATTER_NO_OFFSET, code,
                                "the address of \"%.200s\" cannot be found", host);
}

/* 0 when it can be read or written, or has failed; WSAETIMEDOUT when the deadline has come, WSAECONNABORTED after a cut. */
static int wait_for(const struct platter_socket *waiting, bool writing, uint64_t deadline)
{
    for (;;) {
        uint64_t now = platter_os_monotonic_ms(), left;
        struct timeval wait;
        fd_set ready, failed;
        int count;

        if (now >= deadline)
            return WSAETIMEDOUT;
        if (__atomic_load_n(&waiting->cut, __ATOMIC_ACQUIRE))
            return WSAECONNABORTED;
        left = deadline - now < SLICE_MS ? deadline - now : SLICE_MS;
        wait.tv_sec = 0;
        wait.tv_usec = (long)left * 1000;
        FD_ZERO(&ready);
        FD_ZERO(&failed);
        FD_SET(waiting->handle, &ready);
        FD_SET(waiting->handle, &failed); /* where a connection that could not be made shows */
        count = select(0, writing ? NULL : &ready, writing ? &ready : NULL, &failed, &wait);
        if (count > 0)
            return 0;
        if (count < 0)
            return WSAGetLastError();
    }
}

/* 0, or a code of Winsock; then there is nothing to be closed. */
static int connect_to(struct platter_socket *made, const struct sockaddr *address, int size, uint64_t deadline)
{
    u_long not_blocking = 1;
    int code = 0, length = sizeof(code);
    BOOL yes = TRUE;

    made->handle = socket(address->sa_family, SOCK_STREAM, 0);
    if (made->handle == INVALID_SOCKET)
        return WSAGetLastError();
    if (ioctlsocket(made->handle, (long)FIONBIO, &not_blocking) != 0) {
        code = WSAGetLastError();
    } else if (connect(made->handle, address, size) != 0) {
        code = WSAGetLastError();
        if (code == WSAEWOULDBLOCK) {
            code = wait_for(made, true, deadline);
            if (code == 0 && getsockopt(made->handle, SOL_SOCKET, SO_ERROR, (char *)&code, &length) != 0)
                code = WSAGetLastError();
        }
    }
    if (code) {
        closesocket(made->handle);
        return code;
    }
    if (address->sa_family != AF_UNIX)
        setsockopt(made->handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof(yes));
    return 0;
}

enum platter_result platter_socket_connect(const struct platter_addresses *addresses, uint64_t deadline,
                                           const char *name, struct platter_socket **connected,
                                           struct platter_error *err)
{
    struct platter_socket *made = calloc(1, sizeof(*made));
    int code = WSAHOST_NOT_FOUND;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    if (!addresses->list)
        code = connect_to(made, (const struct sockaddr *)&addresses->local, sizeof(addresses->local), deadline);
    for (const struct addrinfo *at = addresses->list; at && code; at = at->ai_next)
        code = connect_to(made, at->ai_addr, (int)at->ai_addrlen, deadline);
    if (code == 0) {
        *connected = made;
        return PLATTER_OK;
    }
    free(made);
    return platter_error_set_os(err, result_of(code), name, PLATTER_NO_OFFSET, code, "cannot be connected to");
}

void platter_socket_close(struct platter_socket *closed)
{
    if (!closed)
        return;
    closesocket(closed->handle);
    free(closed);
}

static enum platter_socket_state state_of(int code, int *os_error)
{
    *os_error = code;
    switch (code) {
    case WSAETIMEDOUT:
        return PLATTER_SOCKET_LATE;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAESHUTDOWN:
        return PLATTER_SOCKET_CLOSED;
    default:
        return PLATTER_SOCKET_FAILED;
    }
}

enum platter_socket_state platter_socket_receive(struct platter_socket *from, void *buffer, size_t length,
                                                 uint64_t deadline, size_t *got, int *os_error)
{
    for (;;) {
        int received = recv(from->handle, buffer, (int)(length < MOST_AT_ONCE ? length : MOST_AT_ONCE), 0), code;

        if (received > 0) {
            *got = (size_t)received;
            return PLATTER_SOCKET_OK;
        }
        if (received == 0)
            return PLATTER_SOCKET_CLOSED;
        code = WSAGetLastError();
        if (code == WSAEWOULDBLOCK)
            code = wait_for(from, false, deadline);
        if (code)
            return state_of(code, os_error);
    }
}

enum platter_socket_state platter_socket_send(struct platter_socket *to, const void *data, size_t length,
                                              uint64_t deadline, int *os_error)
{
    const char *at = data;

    while (length > 0) {
        int sent = send(to->handle, at, (int)(length < MOST_AT_ONCE ? length : MOST_AT_ONCE), 0), code;

        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
            continue;
        }
        code = WSAGetLastError();
        if (code == WSAEWOULDBLOCK)
            code = wait_for(to, true, deadline);
        if (code)
            return state_of(code, os_error);
    }
    return PLATTER_SOCKET_OK;
}

void platter_socket_cut(struct platter_socket *cut)
{
    __atomic_store_n(&cut->cut, 1, __ATOMIC_RELEASE);
    shutdown(cut->handle, SD_BOTH);
}
