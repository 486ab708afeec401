/* SPDX-License-Identifier: MIT */
/* The server: takes clients, gives each a session with a thread of its own, and ends them all. */
#include "nbd_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nbd_os.h"
#include "nbd_session.h"
#include "os/system.h"

#define DEFAULT_CLIENTS 64u
#define MAX_CLIENTS 1024u
/* How long a client may take to accept the answers it is still owed when the server stops. */
#define STOP_MS 2000u
#define MIN_PREFERRED_BLOCK 4096u

struct client {
    struct platter_nbd_server *server;
    struct client *next;
    struct platter_thread *thread;
    struct nbd_stream *stream; /* NULL once the session is over */
    struct nbd_session session;
    bool over;
};

struct platter_nbd_server {
    struct nbd_export export;
    struct nbd_listener *listener;
    struct nbd_bell *bell;
    atomic_bool stop;
    unsigned max_clients;
    uint16_t port;
    char *name;
    char *description;
    char *uri;

    struct platter_mutex lock; /* the list, and stream and over of each client */
    struct platter_cond gone;  /* a client is over */
    struct client *clients;
    unsigned live;
};

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

static void run_client(void *context)
{
    struct client *client = (struct client *)context;
    struct platter_nbd_server *server = client->server;
    struct nbd_stream *stream = client->stream;

    nbd_session_run(&client->session);
    platter_mutex_lock(&server->lock);
    client->stream = NULL;
    client->over = true;
    server->live--;
    platter_cond_broadcast(&server->gone);
    platter_mutex_unlock(&server->lock);
    nbd_stream_close(stream);
}

static void free_client(struct client *client)
{
    platter_thread_join(client->thread);
    nbd_session_destroy(&client->session);
    free(client);
}

/* Joins those that are over. */
static void reap(struct platter_nbd_server *server)
{
    struct client *over = NULL;
    struct client **link = &server->clients;

    platter_mutex_lock(&server->lock);
    while (*link) {
        struct client *client = *link;

        if (!client->over) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        client->next = over;
        over = client;
    }
    platter_mutex_unlock(&server->lock);
    while (over) {
        struct client *client = over;

        over = client->next;
        free_client(client);
    }
}

/* Takes the stream over, whatever comes of it. */
static void add_client(struct platter_nbd_server *server, struct nbd_stream *stream)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client) {
        nbd_stream_close(stream);
        return;
    }
    client->server = server;
    client->stream = stream;
    nbd_session_init(&client->session, &server->export, stream);
    platter_mutex_lock(&server->lock);
    if (server->live < server->max_clients &&
        platter_thread_start(run_client, client, &client->thread, NULL) == PLATTER_OK) {
        client->next = server->clients;
        server->clients = client;
        server->live++;
        client = NULL;
    }
    platter_mutex_unlock(&server->lock);
    if (client) {
        nbd_stream_close(stream);
        nbd_session_destroy(&client->session);
        free(client);
    }
}

/* Ends all sessions: first kindly, so that answers in the making still arrive, then not. */
static void end_clients(struct platter_nbd_server *server)
{
    uint64_t until = platter_os_monotonic_ms() + STOP_MS;
    struct client *client;

    platter_mutex_lock(&server->lock);
    for (client = server->clients; client; client = client->next) {
        nbd_session_end(&client->session);
        if (client->stream)
            nbd_stream_stop_receiving(client->stream);
    }
    while (server->live > 0) {
        uint64_t now = platter_os_monotonic_ms();

        if (now >= until || !platter_cond_wait_for(&server->gone, &server->lock, (uint32_t)(until - now)))
            break;
    }
    for (client = server->clients; client; client = client->next)
        if (client->stream)
            client->stream->ops->cut(client->stream);
    while (server->live > 0)
        platter_cond_wait(&server->gone, &server->lock);
    platter_mutex_unlock(&server->lock);
    reap(server);
}

/* ---- The server -------------------------------------------------------------------------------------------------- */

static bool plain_in_uri(unsigned char c, bool path)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) ||
           (path && c == '/');
}

/* Percent-encodes; returns the end. 3 bytes a character are enough. */
static char *put_uri(char *at, const char *text, bool path)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (plain_in_uri(c, path))
            *at++ = (char)c;
        else
            at += sprintf(at, "%%%02X", c);
    }
    *at = '\0';
    return at;
}

static char *make_uri(const struct platter_nbd_server *server, const char *socket_path)
{
    size_t room = 64 + 3 * (strlen(server->name) + (socket_path ? strlen(socket_path) : 0));
    char *uri = malloc(room);
    char *at = uri;

    if (!uri)
        return NULL;
    at += socket_path ? sprintf(at, "nbd+unix:///") : sprintf(at, "nbd://localhost:%u/", (unsigned)server->port);
    at = put_uri(at, server->name, true);
    if (socket_path) {
        at += sprintf(at, "?socket=");
        put_uri(at, socket_path, true);
    }
    return uri;
}

static enum platter_result check_options(const struct platter_nbd_options *options, struct platter_error *err)
{
    if (options->export_name && strlen(options->export_name) > PLATTER_NBD_MAX_NAME)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "the export's name is longer than %u bytes", PLATTER_NBD_MAX_NAME);
    if (options->description && strlen(options->description) > PLATTER_NBD_MAX_NAME)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "the export's description is longer than %u bytes", PLATTER_NBD_MAX_NAME);
    if (options->socket_path && options->port)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a server listens on a socket or on a port, not on both");
    return PLATTER_OK;
}

static char *copy_text(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 1;
    char *copy = malloc(size);

    if (copy)
        memcpy(copy, text ? text : "", size);
    return copy;
}

static unsigned default_threads(void)
{
    unsigned threads = 2 * platter_os_cpu_count();

    /* A disk likes a queue, and on one processor, too, somebody must be able to wait for it. */
    if (threads < 8)
        threads = 8;
    return threads > 16 ? 16 : threads;
}

static void fill_export(struct nbd_export *export, struct platter_block *block,
                        const struct platter_nbd_options *options)
{
    unsigned threads = options->threads ? options->threads : default_threads();
    uint32_t preferred = platter_block_physical_sector_size(block);

    export->block = platter_block_ref(block);
    export->size = platter_block_size(block);
    export->preferred_block = preferred < MIN_PREFERRED_BLOCK ? MIN_PREFERRED_BLOCK : preferred;
    export->failed = options->failed;
    export->failed_context = options->failed_context;
    export->read_only = options->read_only || !(platter_block_caps(block) & PLATTER_CAP_WRITE);
    export->threads = threads > NBD_MAX_THREADS ? NBD_MAX_THREADS : threads;
}

enum platter_result platter_nbd_server_create(struct platter_block *block, const struct platter_nbd_options *options,
                                              struct platter_nbd_server **server, struct platter_error *err)
{
    struct platter_nbd_server *made;
    enum platter_result result = check_options(options, err);

    if (result)
        return result;
    made = calloc(1, sizeof(*made));
    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->gone);
    fill_export(&made->export, block, options);
    made->max_clients = options->max_clients ? options->max_clients : DEFAULT_CLIENTS;
    if (made->max_clients > MAX_CLIENTS)
        made->max_clients = MAX_CLIENTS;
    made->port = options->port;
    made->export.name = made->name = copy_text(options->export_name);
    made->export.description = made->description = copy_text(options->description);
    if (!made->name || !made->description) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto failed;
    }
    result = nbd_bell_create(&made->bell, err);
    if (result)
        goto failed;
    if (options->socket_path)
        result = nbd_listen_unix(options->socket_path, &made->listener, err);
    else
        result = nbd_listen_loopback(&made->port, &made->listener, err);
    if (result)
        goto failed;
    made->uri = make_uri(made, options->socket_path);
    if (!made->uri) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
        goto failed;
    }
    *server = made;
    return PLATTER_OK;

failed:
    platter_nbd_server_free(made);
    return result;
}

enum platter_result platter_nbd_server_run(struct platter_nbd_server *server, struct platter_error *err)
{
    while (!atomic_load(&server->stop)) {
        struct nbd_stream *stream = nbd_accept(server->listener, server->bell);

        reap(server);
        if (stream)
            add_client(server, stream);
    }
    nbd_listener_close(server->listener);
    server->listener = NULL;
    end_clients(server);
    return platter_block_flush(server->export.block, err);
}

void platter_nbd_server_stop(struct platter_nbd_server *server)
{
    atomic_store(&server->stop, true);
    nbd_bell_ring(server->bell);
}

void platter_nbd_server_free(struct platter_nbd_server *server)
{
    if (!server)
        return;
    nbd_listener_close(server->listener);
    nbd_bell_free(server->bell);
    platter_block_unref(server->export.block);
    free(server->uri);
    free(server->description);
    free(server->name);
    platter_cond_destroy(&server->gone);
    platter_mutex_destroy(&server->lock);
    free(server);
}

uint16_t platter_nbd_server_port(const struct platter_nbd_server *server)
{
    return server->port;
}

const char *platter_nbd_server_uri(const struct platter_nbd_server *server)
{
    return server->uri;
}
