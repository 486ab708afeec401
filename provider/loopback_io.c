/* SPDX-License-Identifier: MIT */
/* The client's side of the loopback: what a program does to the drive. */
#include "loopback.h"

#include "../engine/os/system.h"

#include <stdlib.h>

static void enqueue(struct loopback_io *io)
{
    struct loopback_session *session = io->volume->session;
    io->previous_queued = session->queue_tail;
    if (session->queue_tail)
        session->queue_tail->next_queued = io;
    else
        session->queue_head = io;
    session->queue_tail = io;
    io->queued = true;
    session->queued++;
    /* One request needs one worker; what it leaves is taken by those that come back. */
    platter_cond_signal(&session->work);
}

void loopback_io_unqueue(struct loopback_io *io)
{
    struct loopback_session *session = io->volume->session;
    if (!io->queued)
        return;
    if (io->previous_queued)
        io->previous_queued->next_queued = io->next_queued;
    else
        session->queue_head = io->next_queued;
    if (io->next_queued)
        io->next_queued->previous_queued = io->previous_queued;
    else
        session->queue_tail = io->previous_queued;
    io->queued = false;
    session->queued--;
}

void loopback_io_finish(struct loopback_io *io, uint32_t status)
{
    if (io->done)
        return;
    loopback_io_unqueue(io);
    io->done = true;
    io->status = status;
    platter_cond_broadcast(&io->changed);
}

/* The provider's answers to these come too late from now on. */
static void forget_pieces(struct loopback_io *io)
{
    for (struct loopback_piece **link = &io->volume->session->pieces; *link;) {
        struct loopback_piece *piece = *link;
        if (piece->io != io) {
            link = &piece->next;
            continue;
        }
        *link = piece->next;
        free(piece);
    }
}

static void account(struct loopback_io *io)
{
    struct platter_volume_info *info = &io->volume->info;
    if (io->status != PLATTER_STATUS_OK) {
        info->failed_requests++;
    } else if (io->op == PLATTER_OP_READ) {
        info->read_requests++;
        info->read_bytes += io->length;
    } else if (io->op == PLATTER_OP_WRITE) {
        info->write_requests++;
        info->written_bytes += io->length;
    }
}

uint32_t loopback_io_run(struct loopback_io *io)
{
    struct loopback_volume *volume = io->volume;
    struct loopback_session *session = volume->session;
    struct platter_mutex *lock = &session->loopback->lock;

    io->deadline = platter_os_monotonic_ms() + volume->create.deadline_ms;
    platter_cond_init(&io->changed);
    session->inside++;
    volume->info.in_flight++;
    io->next_of_volume = volume->ios;
    if (volume->ios)
        volume->ios->previous_of_volume = io;
    volume->ios = io;
    enqueue(io);

    while (!io->done) {
        uint64_t now = platter_os_monotonic_ms();
        if (now >= io->deadline)
            loopback_io_finish(io, PLATTER_LOOPBACK_TIMEOUT);
        else
            platter_cond_wait_for(&io->changed, lock, (uint32_t)(io->deadline - now));
    }
    /* The buffer is the client's again only when nobody copies any more. */
    while (io->busy > 0)
        platter_cond_wait(&io->changed, lock);
    forget_pieces(io);
    account(io);

    if (io->previous_of_volume)
        io->previous_of_volume->next_of_volume = io->next_of_volume;
    else
        volume->ios = io->next_of_volume;
    if (io->next_of_volume)
        io->next_of_volume->previous_of_volume = io->previous_of_volume;
    volume->info.in_flight--;
    if (--session->inside == 0)
        platter_cond_broadcast(&session->drained);
    platter_cond_destroy(&io->changed);
    return io->status;
}

/* What the driver refuses by itself, without the provider. */
static uint32_t refuse(const struct loopback_volume *volume, uint32_t op, uint64_t offset, uint64_t length)
{
    uint32_t sector = volume->create.sector_size;
    if (op != PLATTER_OP_READ && op != PLATTER_OP_WRITE && op != PLATTER_OP_FLUSH && op != PLATTER_OP_DISCARD)
        return PLATTER_STATUS_NOT_SUPPORTED;
    if (op == PLATTER_OP_FLUSH)
        return PLATTER_STATUS_OK;
    if (offset % sector != 0 || length % sector != 0)
        return PLATTER_STATUS_NOT_SUPPORTED;
    if (offset > volume->create.length_bytes || length > volume->create.length_bytes - offset)
        return PLATTER_STATUS_OUT_OF_RANGE;
    if (op != PLATTER_OP_READ && (volume->create.flags & PLATTER_VOLUME_READ_ONLY))
        return PLATTER_STATUS_READ_ONLY;
    if (op == PLATTER_OP_DISCARD && !(volume->create.flags & PLATTER_VOLUME_TRIM))
        return PLATTER_STATUS_NOT_SUPPORTED;
    return PLATTER_STATUS_OK;
}

uint32_t platter_loopback_io(struct platter_loopback *loopback, uint64_t volume_id, enum platter_op op, void *buffer,
                             uint64_t offset, uint64_t length)
{
    uint32_t status = PLATTER_LOOPBACK_GONE;

    platter_mutex_lock(&loopback->lock);
    loopback->clients++;
    struct loopback_volume *volume = loopback_volume_find(loopback, NULL, volume_id);
    if (volume && volume->info.state == PLATTER_STATE_RUNNING) {
        status = refuse(volume, op, offset, length);
        if (status == PLATTER_STATUS_OK && (length > 0 || op == PLATTER_OP_FLUSH)) {
            struct loopback_io io = {.volume = volume, .op = op, .buffer = buffer, .offset = offset, .length = length};
            if (op == PLATTER_OP_FLUSH)
                io.offset = io.length = 0;
            volume->references++;
            status = loopback_io_run(&io);
            loopback_volume_unref(volume);
        }
    }
    if (--loopback->clients == 0)
        platter_cond_broadcast(&loopback->idle);
    platter_mutex_unlock(&loopback->lock);
    return status;
}
