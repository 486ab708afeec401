/* SPDX-License-Identifier: MIT */
#include "nbd_os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "block.h"
#include "os/file.h"
#include "os/system.h"

#define BACKLOG 64
/* How often a free port of 127.0.0.1 may turn out to be taken on ::1. */
#define PORT_ATTEMPTS 16
#define SHORTAGE_MS 100
#define LOAD_SIZE (256 << 10)

struct nbd_listener {
    int sockets[2]; /* the second: -1 unless there is IPv6 */
    unsigned turn;  /* the socket to look at first */
    char *path;     /* of the Unix socket, else NULL */
    dev_t device;   /* of the file at `path` that is ours */
    ino_t inode;
};

struct nbd_bell {
    int ends[2];
};

struct socket_stream {
    struct nbd_stream stream;
    int fd;
    uint64_t deadline; /* nbd_clock_us(); 0: none */
    int pipe[2];       /* holds what was loaded; -1 until it is needed */
    bool no_pipe;      /* there is none to be had */
};

uint64_t nbd_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- Listening --------------------------------------------------------------------------------------------------- */

static struct nbd_listener *new_listener(struct platter_error *err)
{
    struct nbd_listener *listener = calloc(1, sizeof(*listener));

    if (!listener) {
        platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        return NULL;
    }
    listener->sockets[0] = listener->sockets[1] = -1;
    return listener;
}

static int new_socket(int domain)
{
    /* Not blocking, because a client may be gone between being announced and being accepted. */
    return socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Whether somebody accepts connections at `address`. */
static bool is_live(const struct sockaddr_un *address)
{
    int fd = new_socket(AF_UNIX);
    bool live;

    if (fd < 0)
        return true; /* nothing is removed that might be in use */
    live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED;
    close(fd);
    return live;
}

/* bind() found something at the path: removes it if it is a socket that nobody listens on any more. */
static enum platter_result clear_path(const struct sockaddr_un *address, struct platter_error *err)
{
    const char *path = address->sun_path;
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? PLATTER_OK
                               : platter_error_set_os(err, platter_os_result(errno), path, PLATTER_NO_OFFSET, errno,
                                                      "cannot look at what is there");
    if (!S_ISSOCK(status.st_mode))
        return platter_error_set(err, PLATTER_E_EXISTS, path, PLATTER_NO_OFFSET,
                                 "is there already, and is not a socket");
    if (is_live(address))
        return platter_error_set(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET, "another server listens on this socket");
    if (unlink(path) != 0 && errno != ENOENT)
        return platter_error_set_os(err, platter_os_result(errno), path, PLATTER_NO_OFFSET, errno,
                                    "cannot remove the socket that a dead server left");
    return PLATTER_OK;
}

static enum platter_result bind_unix(int fd, const struct sockaddr_un *address, struct platter_error *err)
{
    const struct sockaddr *generic = (const struct sockaddr *)address;

    if (bind(fd, generic, sizeof(*address)) == 0)
        return PLATTER_OK;
    if (errno == EADDRINUSE) {
        enum platter_result result = clear_path(address, err);

        if (result)
            return result;
        if (bind(fd, generic, sizeof(*address)) == 0)
            return PLATTER_OK;
    }
    return platter_error_set_os(err, platter_os_result(errno), address->sun_path, PLATTER_NO_OFFSET, errno,
                                "cannot make the socket");
}

enum platter_result nbd_listen_unix(const char *path, struct nbd_listener **listener, struct platter_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct nbd_listener *made;
    enum platter_result result;
    struct stat status;

    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "a socket's path has 1 to %zu bytes; give a shorter one, perhaps a relative one",
                                 sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    made = new_listener(err);
    if (!made)
        return PLATTER_E_NO_MEMORY;
    made->sockets[0] = new_socket(AF_UNIX);
    if (made->sockets[0] < 0) {
        result = platter_error_set_os(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET, errno, "cannot make a socket");
        goto failed;
    }
    result = bind_unix(made->sockets[0], &address, err);
    if (result)
        goto failed;
    made->path = strdup(path);
    /* Nobody can connect before listen(), so nobody comes in between with the wider mode. */
    if (!made->path || chmod(path, S_IRUSR | S_IWUSR) != 0 || lstat(path, &status) != 0 ||
        listen(made->sockets[0], BACKLOG) != 0) {
        result =
            platter_error_set_os(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET, errno, "cannot listen on the socket");
        unlink(path);
        goto failed;
    }
    made->device = status.st_dev;
    made->inode = status.st_ino;
    *listener = made;
    return PLATTER_OK;

failed:
    nbd_listener_close(made);
    return result;
}

static int bind_loopback(int domain, uint16_t *port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *address = domain == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t size = domain == AF_INET ? sizeof(v4) : sizeof(v6);
    int fd = new_socket(domain);
    int one = 1;
    int code;

    if (fd < 0)
        return -1;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Connections of an earlier server that linger in TIME_WAIT do not hold the port. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (domain == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, address, size) != 0 || listen(fd, BACKLOG) != 0 || getsockname(fd, address, &size) != 0) {
        code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    *port = ntohs(domain == AF_INET ? v4.sin_port : v6.sin6_port);
    return fd;
}

enum platter_result nbd_listen_loopback(uint16_t *port, struct nbd_listener **listener, struct platter_error *err)
{
    struct nbd_listener *made = new_listener(err);
    uint16_t wanted = *port;
    int code = 0;
    int attempt;

    if (!made)
        return PLATTER_E_NO_MEMORY;
    for (attempt = 0; attempt < (wanted ? 1 : PORT_ATTEMPTS); attempt++) {
        *port = wanted;
        made->sockets[0] = bind_loopback(AF_INET, port);
        if (made->sockets[0] < 0) {
            code = errno;
            break;
        }
        made->sockets[1] = bind_loopback(AF_INET6, port);
        code = made->sockets[1] < 0 ? errno : 0;
        /* A machine without IPv6 is none the worse for it; a port that is taken there is not ours. */
        if (code != EADDRINUSE) {
            *listener = made;
            return PLATTER_OK;
        }
        close(made->sockets[0]);
        made->sockets[0] = -1;
    }
    nbd_listener_close(made);
    if (code == EADDRINUSE)
        return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET,
                                 "port %u of the loopback address is in use", (unsigned)wanted);
    return platter_error_set_os(err, platter_os_result(code), NULL, PLATTER_NO_OFFSET, code,
                                "cannot listen on port %u of the loopback address", (unsigned)wanted);
}

void nbd_listener_close(struct nbd_listener *listener)
{
    struct stat status;
    int i;

    if (!listener)
        return;
    /* Before the socket is closed: a server that starts meanwhile must find this one alive, not its path taken away. */
    if (listener->path && lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(listener->path);
    for (i = 0; i < 2; i++)
        if (listener->sockets[i] >= 0)
            close(listener->sockets[i]);
    free(listener->path);
    free(listener);
}

/* ---- The bell ---------------------------------------------------------------------------------------------------- */

enum platter_result nbd_bell_create(struct nbd_bell **bell, struct platter_error *err)
{
    struct nbd_bell *made = malloc(sizeof(*made));

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    if (pipe2(made->ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        int code = errno;

        free(made);
        return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, code, "cannot make a pipe");
    }
    *bell = made;
    return PLATTER_OK;
}

void nbd_bell_ring(struct nbd_bell *bell)
{
    int code = errno; /* a signal handler leaves no trace */

    /* A full pipe rings as well. */
    if (write(bell->ends[1], "", 1) < 0)
        errno = code;
}

void nbd_bell_free(struct nbd_bell *bell)
{
    if (!bell)
        return;
    close(bell->ends[0]);
    close(bell->ends[1]);
    free(bell);
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

/* Waits until the socket is ready or the deadline has passed; false: it has. */
static bool wait_ready(const struct socket_stream *stream, short events)
{
    struct pollfd polled = {stream->fd, events, 0};

    for (;;) {
        uint64_t now = nbd_clock_us();

        if (now >= stream->deadline)
            return false;
        if (poll(&polled, 1, (int)((stream->deadline - now + 999) / 1000)) > 0)
            return true;
    }
}

static size_t socket_receive(struct nbd_stream *base, void *buffer, size_t length)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    ssize_t got;

    if (stream->deadline && !wait_ready(stream, POLLIN))
        return 0;
    do
        got = recv(stream->fd, buffer, length, 0);
    while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

static bool socket_send(struct nbd_stream *base, const void *data, size_t length)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    const uint8_t *from = (const uint8_t *)data;

    while (length > 0) {
        ssize_t sent;

        if (stream->deadline && !wait_ready(stream, POLLOUT))
            return false;
        sent = send(stream->fd, from, length, MSG_NOSIGNAL | (stream->deadline ? MSG_DONTWAIT : 0));
        if (sent < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent <= 0)
            return false;
        from += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void socket_deadline(struct nbd_stream *base, uint32_t ms)
{
    ((struct socket_stream *)base)->deadline = ms ? nbd_clock_us() + (uint64_t)ms * 1000 : 0;
}

static void socket_cut(struct nbd_stream *base)
{
    shutdown(((struct socket_stream *)base)->fd, SHUT_RDWR);
}

#ifdef __linux__
static bool need_pipe(struct socket_stream *stream)
{
    if (stream->pipe[0] < 0 && !stream->no_pipe) {
        stream->no_pipe = pipe2(stream->pipe, O_CLOEXEC | O_NONBLOCK) != 0;
        /* Where a user may not have pipes as long, shorter ones do. */
        if (!stream->no_pipe)
            (void)fcntl(stream->pipe[1], F_SETPIPE_SZ, LOAD_SIZE);
    }
    return !stream->no_pipe;
}

/* splice() to a socket nobody reads from raises SIGPIPE and has no flag against it; the threads are our own. */
static void block_sigpipe(void)
{
    static _Thread_local bool blocked;
    sigset_t set;

    if (blocked)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    blocked = pthread_sigmask(SIG_BLOCK, &set, NULL) == 0;
}

/* The pages of the system's cache by reference: an error of the medium shows here, before anything is promised. */
static size_t socket_load(struct nbd_stream *base, const struct platter_location *location, size_t length)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    int file = (int)platter_os_file_handle(location->file);
    loff_t offset = (loff_t)location->offset;
    size_t loaded = 0;

    if (!need_pipe(stream))
        return 0;
    block_sigpipe();
    while (loaded < length) {
        ssize_t moved = splice(file, &offset, stream->pipe[1], NULL, length - loaded, SPLICE_F_NONBLOCK);

        if (moved <= 0)
            break;
        loaded += (size_t)moved;
    }
    return loaded;
}

static bool socket_send_loaded(struct nbd_stream *base, size_t length)
{
    struct socket_stream *stream = (struct socket_stream *)base;

    while (length > 0) {
        ssize_t moved = splice(stream->pipe[0], NULL, stream->fd, NULL, length, 0);

        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return false;
        length -= (size_t)moved;
    }
    return true;
}
#else
#define socket_load NULL
#define socket_send_loaded NULL
#endif

static const struct nbd_stream_ops socket_ops = {
    .receive = socket_receive,
    .send = socket_send,
    .load = socket_load,
    .send_loaded = socket_send_loaded,
    .deadline = socket_deadline,
    .cut = socket_cut,
};

static struct nbd_stream *new_stream(int fd, bool tcp)
{
    struct socket_stream *stream = malloc(sizeof(*stream));
    int one = 1;

    if (!stream) {
        close(fd);
        return NULL;
    }
    nbd_stream_init(&stream->stream, &socket_ops);
    stream->fd = fd;
    stream->deadline = 0;
    stream->pipe[0] = stream->pipe[1] = -1;
    stream->no_pipe = false;
    /* Answers are gathered here already, and whoever waits for one waits for it now. */
    if (tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return &stream->stream;
}

struct nbd_stream *nbd_accept(struct nbd_listener *listener, struct nbd_bell *bell)
{
    struct pollfd polled[3] = {
        {bell->ends[0], POLLIN, 0}, {listener->sockets[0], POLLIN, 0}, {listener->sockets[1], POLLIN, 0}};
    unsigned i;

    /* A socket that is -1 is passed over by poll. */
    if (poll(polled, 3, -1) <= 0 || polled[0].revents)
        return NULL;
    for (i = 0; i < 2; i++) {
        unsigned index = (listener->turn + i) % 2;
        int fd;

        if (!polled[1 + index].revents)
            continue;
        listener->turn = index + 1;
        fd = accept4(listener->sockets[index], NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return new_stream(fd, !listener->path);
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            poll(polled, 1, SHORTAGE_MS);
        break;
    }
    return NULL;
}

void nbd_stream_stop_receiving(struct nbd_stream *stream)
{
    shutdown(((struct socket_stream *)stream)->fd, SHUT_RD);
}

void nbd_stream_close(struct nbd_stream *stream)
{
    struct socket_stream *closed = (struct socket_stream *)stream;

    if (closed->pipe[0] >= 0) {
        close(closed->pipe[0]);
        close(closed->pipe[1]);
    }
    close(closed->fd);
    free(closed);
}
