/* SPDX-License-Identifier: MIT */
/* Life of the loopback and its sessions, and the dispatch of control codes. */
#include "loopback.h"

#include <stdlib.h>
#include <string.h>

enum platter_result loopback_refuse(struct platter_error *err, const char *why)
{
    return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, "the driver refused the request: %s", why);
}

static enum platter_result hello(struct loopback_session *session, const struct platter_hello_in *in,
                                 struct platter_hello_out *out, struct platter_error *err)
{
    if (in->magic != PLATTER_HELLO_MAGIC)
        return loopback_refuse(err, "HELLO has a wrong magic");
    bool match = in->protocol_version == PLATTER_PROTOCOL_VERSION;
    if (match && (in->reserved[0] != 0 || in->reserved[1] != 0))
        return loopback_refuse(err, "a reserved field of HELLO is not zero");
    session->hello |= match; /* said once, it holds */
    *out = (struct platter_hello_out){
        .protocol_version = PLATTER_PROTOCOL_VERSION,
        .accepted = match,
        .routes = PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK),
        .max_transfer = PLATTER_MAX_TRANSFER,
        .max_batch = PLATTER_MAX_BATCH,
        .volumes = session->loopback->volumes,
    };
    return PLATTER_OK;
}

/* Lengths of the buffered codes; TRANSACT checks its own. */
static const struct shape {
    uint32_t code, input, output;
} shapes[] = {
    {PLATTER_IOCTL_HELLO, sizeof(struct platter_hello_in), sizeof(struct platter_hello_out)},
    {PLATTER_IOCTL_VOLUME_LIST, sizeof(struct platter_volume_list_in), sizeof(struct platter_volume_list_out)},
    {PLATTER_IOCTL_VOLUME_CREATE, sizeof(struct platter_volume_create_in), sizeof(struct platter_volume_create_out)},
    {PLATTER_IOCTL_VOLUME_START, sizeof(struct platter_volume_start_in), sizeof(struct platter_volume_info)},
    {PLATTER_IOCTL_VOLUME_REMOVE, sizeof(struct platter_volume_remove_in), 0},
};

/* A buffered call: input and output are copies, as the I/O manager makes them. */
static enum platter_result buffered(struct loopback_session *session, const struct shape *shape, const void *input,
                                    void *output, uint32_t output_length, uint32_t *returned, struct platter_error *err)
{
    union {
        struct platter_hello_in hello;
        struct platter_volume_list_in list;
        struct platter_volume_create_in create;
        struct platter_volume_start_in start;
        struct platter_volume_remove_in remove;
    } in;
    union {
        struct platter_hello_out hello;
        struct platter_volume_create_out create;
        struct platter_volume_info info;
    } out;
    enum platter_result result = PLATTER_OK;

    memcpy(&in, input, shape->input);
    switch (shape->code) {
    case PLATTER_IOCTL_HELLO:
        result = hello(session, &in.hello, &out.hello, err);
        break;
    case PLATTER_IOCTL_VOLUME_CREATE:
        result = loopback_volume_create(session, &in.create, &out.create, err);
        break;
    case PLATTER_IOCTL_VOLUME_START:
        result = loopback_volume_start(session, &in.start, &out.info, err);
        break;
    case PLATTER_IOCTL_VOLUME_REMOVE:
        return loopback_volume_remove(session->loopback, &in.remove, err);
    default:
        loopback_volume_list(session->loopback, in.list.after_id, output, output_length, returned);
        return PLATTER_OK;
    }
    if (result == PLATTER_OK) {
        memcpy(output, &out, shape->output);
        *returned = shape->output;
    }
    return result;
}

static enum platter_result dispatch(struct loopback_session *session, uint32_t code, const void *input,
                                    uint32_t input_length, void *output, uint32_t output_length, uint32_t *returned,
                                    struct platter_error *err)
{
    if (code != PLATTER_IOCTL_HELLO && !session->hello)
        return loopback_refuse(err, "HELLO has not been said on this handle, or not in this version");
    if (code == PLATTER_IOCTL_TRANSACT)
        return loopback_transact(session, input, input_length, output, output_length, returned, err);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (shapes[i].code != code)
            continue;
        if (input_length != shapes[i].input)
            return loopback_refuse(err, "its input has a wrong length");
        if (output_length < shapes[i].output)
            return loopback_refuse(err, "its output buffer is too small");
        return buffered(session, &shapes[i], input, output, output_length, returned, err);
    }
    return loopback_refuse(err, "unknown control code");
}

static enum platter_result session_control(struct platter_transport *transport, uint32_t code, const void *input,
                                           uint32_t input_length, void *output, uint32_t output_length,
                                           uint32_t *returned, struct platter_error *err)
{
    struct loopback_session *session = (struct loopback_session *)transport;
    struct platter_mutex *lock = &session->loopback->lock;
    enum platter_result result;

    platter_mutex_lock(lock);
    session->inside++;
    if (session->shut)
        result = platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "the handle is shutting down");
    else
        result = dispatch(session, code, input, input_length, output, output_length, returned, err);
    if (--session->inside == 0)
        platter_cond_broadcast(&session->drained);
    platter_mutex_unlock(lock);
    return result;
}

static void session_shutdown(struct platter_transport *transport)
{
    struct loopback_session *session = (struct loopback_session *)transport;
    platter_mutex_lock(&session->loopback->lock);
    session->shut = true;
    for (struct loopback_volume *volume = session->volumes; volume; volume = volume->next) {
        if (volume->info.state == PLATTER_STATE_PROBING && volume->ios)
            loopback_io_finish(volume->ios, LOOPBACK_CANCELLED);
    }
    platter_cond_broadcast(&session->work);
    platter_mutex_unlock(&session->loopback->lock);
}

static void session_close(struct platter_transport *transport)
{
    struct loopback_session *session = (struct loopback_session *)transport;
    struct platter_loopback *loopback = session->loopback;

    platter_mutex_lock(&loopback->lock);
    while (session->volumes)
        loopback_volume_drop(session->volumes);
    while (session->inside > 0)
        platter_cond_wait(&session->drained, &loopback->lock);
    struct loopback_session **link = &loopback->sessions;
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    platter_mutex_unlock(&loopback->lock);
    platter_cond_destroy(&session->drained);
    platter_cond_destroy(&session->work);
    free(session);
}

static const struct platter_transport_ops session_ops = {session_control, session_shutdown, session_close};

enum platter_result platter_loopback_create(struct platter_loopback **loopback, struct platter_error *err)
{
    struct platter_loopback *made = calloc(1, sizeof(*made));
    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->idle);
    made->next_volume_id = 1;
    *loopback = made;
    return PLATTER_OK;
}

void platter_loopback_free(struct platter_loopback *loopback)
{
    if (!loopback)
        return;
    platter_mutex_lock(&loopback->lock);
    while (loopback->clients > 0)
        platter_cond_wait(&loopback->idle, &loopback->lock);
    platter_mutex_unlock(&loopback->lock);
    platter_cond_destroy(&loopback->idle);
    platter_mutex_destroy(&loopback->lock);
    free(loopback);
}

enum platter_result platter_loopback_connect(struct platter_loopback *loopback, struct platter_transport **transport,
                                             struct platter_error *err)
{
    struct loopback_session *session = calloc(1, sizeof(*session));
    if (!session)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    session->base.ops = &session_ops;
    session->loopback = loopback;
    platter_cond_init(&session->work);
    platter_cond_init(&session->drained);
    platter_mutex_lock(&loopback->lock);
    session->next = loopback->sessions;
    loopback->sessions = session;
    platter_mutex_unlock(&loopback->lock);
    *transport = &session->base;
    return PLATTER_OK;
}
