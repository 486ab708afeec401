/* SPDX-License-Identifier: MIT */
#include "socket_address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "system.h"

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

struct platter_socket {
    int fd;
};

enum platter_result platter_sockets_use(const char *name, struct platter_error *err)
{
    (void)name;
    (void)err;
    return PLATTER_OK;
}

enum platter_result platter_sockets_unresolved(int code, const char *host, const char *name, struct platter_error *err)
{
    return platter_error_set(err, code == EAI_NONAME ? PLATTER_E_NOT_FOUND : PLATTER_E_IO, name, PLATTER_NO_OFFSET,
                             "the address of \"%.200s\" cannot be found: %s", host, gai_strerror(code));
}

/* 0 when one of `events` has come, ETIMEDOUT when the deadline has. */
static int wait_for(int fd, short events, uint64_t deadline)
{
    struct pollfd polled = {fd, events, 0};

    for (;;) {
        uint64_t now = platter_os_monotonic_ms();

        if (now >= deadline)
            return ETIMEDOUT;
        if (poll(&polled, 1, deadline - now > 60000 ? 60000 : (int)(deadline - now)) > 0)
            return 0;
    }
}

/* 0, or errno. */
static int connect_to(const struct sockaddr *address, socklen_t size, uint64_t deadline, int *connected)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = 0, one = 1;
    socklen_t length = sizeof(code);

    if (fd < 0)
        return errno;
    if (connect(fd, address, size) != 0) {
        code = errno;
        /* A Unix socket whose queue is full says EAGAIN, and there is nothing to wait for. */
        if (code == EINPROGRESS) {
            code = wait_for(fd, POLLOUT, deadline);
            if (code == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) != 0)
                code = errno;
        }
    }
    if (code) {
        close(fd);
        return code;
    }
    /* Requests are whole when they are sent, and whoever sends one waits for its answer. */
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *connected = fd;
    return 0;
}

enum platter_result platter_socket_connect(const struct platter_addresses *addresses, uint64_t deadline,
                                           const char *name, struct platter_socket **connected,
                                           struct platter_error *err)
{
    struct platter_socket *made = malloc(sizeof(*made));
    int code = ENOENT;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
    if (!addresses->list)
        code = connect_to((const struct sockaddr *)&addresses->local, sizeof(addresses->local), deadline, &made->fd);
    for (const struct addrinfo *at = addresses->list; at && code; at = at->ai_next)
        code = connect_to(at->ai_addr, at->ai_addrlen, deadline, &made->fd);
    if (code == 0) {
        *connected = made;
        return PLATTER_OK;
    }
    free(made);
    return platter_error_set_os(err, platter_os_result(code), name, PLATTER_NO_OFFSET, code, "cannot be connected to");
}

void platter_socket_close(struct platter_socket *closed)
{
    if (!closed)
        return;
    close(closed->fd);
    free(closed);
}

enum platter_socket_state platter_socket_receive(struct platter_socket *from, void *buffer, size_t length,
                                                 uint64_t deadline, size_t *got, int *os_error)
{
    for (;;) {
        ssize_t received = recv(from->fd, buffer, length, 0);

        if (received > 0) {
            *got = (size_t)received;
            return PLATTER_SOCKET_OK;
        }
        if (received == 0)
            return PLATTER_SOCKET_CLOSED;
        if (errno == EAGAIN) {
            if (wait_for(from->fd, POLLIN, deadline))
                return PLATTER_SOCKET_LATE;
        } else if (errno != EINTR) {
            *os_error = errno;
            return PLATTER_SOCKET_FAILED;
        }
    }
}

enum platter_socket_state platter_socket_send(struct platter_socket *to, const void *data, size_t length,
                                              uint64_t deadline, int *os_error)
{
    const uint8_t *at = (const uint8_t *)data;

    while (length > 0) {
        ssize_t sent = send(to->fd, at, length, SEND_FLAGS);

        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (wait_for(to->fd, POLLOUT, deadline))
                return PLATTER_SOCKET_LATE;
        } else if (errno != EINTR) {
            *os_error = errno;
            return errno == EPIPE || errno == ECONNRESET ? PLATTER_SOCKET_CLOSED : PLATTER_SOCKET_FAILED;
        }
    }
    return PLATTER_SOCKET_OK;
}

void platter_socket_cut(struct platter_socket *cut)
{
    shutdown(cut->fd, SHUT_RDWR);
}
