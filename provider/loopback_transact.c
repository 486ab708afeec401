/* SPDX-License-Identifier: MIT */
/* TRANSACT: takes m answers, hands out n requests. */
#include "loopback.h"

#include "../engine/os/system.h"

#include <stdlib.h>
#include <string.h>

/* Gives up the lock for a copy; `piece` and its client's buffer stay because both are marked busy. */
static void copy_unlocked(struct loopback_piece *piece, uint8_t *to, const uint8_t *from)
{
    struct platter_mutex *lock = &piece->io->volume->session->loopback->lock;
    piece->busy = true;
    piece->io->busy++;
    platter_mutex_unlock(lock);
    memcpy(to, from, piece->length);
    platter_mutex_lock(lock);
    piece->busy = false;
    if (--piece->io->busy == 0 && piece->io->done)
        platter_cond_broadcast(&piece->io->changed);
}

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

static struct loopback_piece **find_piece(struct loopback_session *session, uint64_t id)
{
    struct loopback_piece **link = &session->pieces;
    while (*link && ((*link)->id != id || (*link)->busy || (*link)->io->done))
        link = &(*link)->next;
    return link;
}

static void piece_done(struct loopback_piece *piece, uint32_t status)
{
    struct loopback_io *io = piece->io;
    free(piece);
    io->outstanding--;
    if (status != PLATTER_STATUS_OK && io->status == PLATTER_STATUS_OK) {
        io->status = status;
        loopback_io_unqueue(io); /* the rest would be in vain */
    } else {
        io->deadline = platter_os_monotonic_ms() + io->volume->create.deadline_ms;
    }
    if (!io->queued && io->outstanding == 0)
        loopback_io_finish(io, io->status);
}

/* The status an answer is worth: one that breaks the rules is an I/O error, whatever it says. */
static uint32_t judge(const struct loopback_piece *piece, const struct platter_answer *answer, uint32_t output_length)
{
    if (answer->status > PLATTER_STATUS_MEDIA_GONE)
        return PLATTER_STATUS_IO_ERROR;
    if (answer->status != PLATTER_STATUS_OK)
        return answer->status;
    if (answer->length != piece->length)
        return PLATTER_STATUS_IO_ERROR;
    if (piece->io->op == PLATTER_OP_READ &&
        (answer->data_offset > output_length || answer->length > output_length - answer->data_offset))
        return PLATTER_STATUS_IO_ERROR;
    return PLATTER_STATUS_OK;
}

static bool take_answer(struct loopback_session *session, const struct platter_answer *answer, const uint8_t *output,
                        uint32_t output_length)
{
    struct loopback_piece **link = find_piece(session, answer->request_id);
    struct loopback_piece *piece = *link;
    if (!piece) {
        /* The upper half of an id names the volume, so that a late answer is counted where it belongs. */
        struct loopback_volume *volume = loopback_volume_find(session->loopback, session, answer->request_id >> 32);
        if (volume)
            volume->info.late_answers++;
        return false;
    }
    uint32_t status = judge(piece, answer, output_length);
    if (status == PLATTER_STATUS_OK && piece->io->op == PLATTER_OP_READ) {
        copy_unlocked(piece, piece->io->buffer + piece->position, output + answer->data_offset);
        if (piece->io->done)
            return true; /* it ended meanwhile; its client frees the piece */
        link = find_piece(session, answer->request_id);
    }
    *link = piece->next;
    piece_done(piece, status);
    return true;
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

static uint32_t new_serial(struct loopback_volume *volume)
{
    return ++volume->serial;
}

/* Cuts the next piece off *io. `room` is what is left of the batch, `length` what was chosen; false: out of memory. */
static bool hand_out(struct loopback_io *io, uint32_t length, uint32_t data_offset, struct platter_request *request,
                     struct loopback_piece **handed)
{
    struct loopback_session *session = io->volume->session;
    bool data = io->op == PLATTER_OP_READ || io->op == PLATTER_OP_WRITE;
    struct loopback_piece *piece = calloc(1, sizeof(*piece));
    if (!piece)
        return false;
    piece->io = io;
    piece->id = io->volume->info.volume_id << 32 | new_serial(io->volume);
    piece->position = io->handed;
    piece->length = length;
    piece->next = session->pieces;
    session->pieces = piece;
    *request = (struct platter_request){
        .request_id = piece->id,
        .volume_id = io->volume->info.volume_id,
        .offset = io->offset + io->handed,
        .length = length,
        .op = io->op,
        .flags = io->flags,
        .data_offset = data ? data_offset : 0,
        .discard_bytes = io->op == PLATTER_OP_DISCARD ? io->length : 0,
    };
    io->outstanding++;
    io->handed += data ? length : io->length;
    if (io->handed == io->length)
        loopback_io_unqueue(io);
    *handed = piece;
    return true;
}

/* Bytes of *io that go into `room`, or false when it had better wait for a batch with more room. */
static bool choose_length(const struct loopback_io *io, uint32_t room, bool first, uint32_t *length)
{
    *length = 0;
    if (io->op != PLATTER_OP_READ && io->op != PLATTER_OP_WRITE)
        return true;
    uint64_t left = io->length - io->handed;
    uint32_t want = left < PLATTER_MAX_TRANSFER ? (uint32_t)left : PLATTER_MAX_TRANSFER;
    *length = want;
    if (want > room)
        *length = first ? room - room % io->volume->create.sector_size : 0;
    return *length > 0;
}

static uint32_t fetch(struct loopback_session *session, uint32_t fetch_max, uint8_t *output, uint32_t output_length)
{
    struct platter_request *requests = (struct platter_request *)(output + sizeof(struct platter_transact_out));
    /* The driver gives a request to a waiting TRANSACT as it arrives; a fair share comes to the same. */
    uint32_t share = session->queued / (session->waiting + 1) + (session->queued % (session->waiting + 1) != 0);
    uint32_t count = 0, cursor = PLATTER_TRANSACT_DATA_OFFSET, length;

    if (share < fetch_max)
        fetch_max = share;
    while (count < fetch_max && session->queue_head) {
        struct loopback_io *io = session->queue_head;
        struct loopback_piece *piece;
        if (!choose_length(io, output_length - cursor, cursor == PLATTER_TRANSACT_DATA_OFFSET, &length))
            break;
        if (!hand_out(io, length, cursor, &requests[count], &piece)) {
            loopback_io_unqueue(io);
            io->status = PLATTER_STATUS_NO_MEMORY;
            if (io->outstanding == 0)
                loopback_io_finish(io, PLATTER_STATUS_NO_MEMORY);
            continue;
        }
        if (io->op == PLATTER_OP_WRITE)
            copy_unlocked(piece, output + cursor, io->buffer + piece->position);
        cursor += length;
        count++;
    }
    /* What is left, if anything, is another worker's. */
    if (session->queue_head)
        platter_cond_signal(&session->work);
    return count;
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

static const char *malformed(const struct platter_transact_in *in, const struct platter_answer *answers,
                             uint32_t input_length, const void *output, uint32_t output_length)
{
    if (input_length < sizeof(*in))
        return "the input of TRANSACT is shorter than its header";
    if (in->reserved != 0 || (in->flags & ~(uint32_t)PLATTER_TRANSACT_NO_WAIT))
        return "TRANSACT has unknown flags or a reserved field that is not zero";
    if (in->answer_count > PLATTER_MAX_BATCH || in->fetch_max > PLATTER_MAX_BATCH)
        return "TRANSACT has more answers or asks for more requests than a batch holds";
    if (input_length != sizeof(*in) + in->answer_count * sizeof(*answers))
        return "the input of TRANSACT does not have the length of its answers";
    if (!output || output_length < PLATTER_TRANSACT_MIN_BATCH || output_length > PLATTER_TRANSACT_MAX_BATCH)
        return "the batch buffer of TRANSACT is too small or too large";
    for (uint32_t i = 0; i < in->answer_count; i++) {
        if (answers[i].reserved != 0)
            return "a reserved field of an answer is not zero";
    }
    return NULL;
}

/* Until there is a request, a volume has gone, all have, or the handle shuts down. */
static void wait_for_work(struct loopback_session *session)
{
    uint64_t removals = session->removals;
    session->waiting++;
    while (!session->queue_head && !session->shut && session->removals == removals &&
           (session->live_volumes > 0 || !session->had_volumes))
        platter_cond_wait(&session->work, &session->loopback->lock);
    session->waiting--;
}

enum platter_result loopback_transact(struct loopback_session *session, const void *input, uint32_t input_length,
                                      void *output, uint32_t output_length, uint32_t *returned,
                                      struct platter_error *err)
{
    struct {
        struct platter_transact_in header;
        struct platter_answer answers[PLATTER_MAX_BATCH];
    } in;
    struct platter_transact_out out = {0};

    /* A copy, as the system buffer is; what does not fit in it is refused by its length. */
    memset(&in.header, 0, sizeof(in.header));
    memcpy(&in, input, input_length < sizeof(in) ? input_length : sizeof(in));
    const char *why = malformed(&in.header, in.answers, input_length, output, output_length);
    if (why)
        return loopback_refuse(err, why);

    for (uint32_t i = 0; i < in.header.answer_count; i++) {
        if (take_answer(session, &in.answers[i], output, output_length))
            out.answers_taken++;
        else
            out.answers_late++;
    }
    if (in.header.fetch_max > 0) {
        if (!(in.header.flags & PLATTER_TRANSACT_NO_WAIT))
            wait_for_work(session);
        if (session->shut)
            return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "the handle is shutting down");
        out.request_count = fetch(session, in.header.fetch_max, output, output_length);
    }
    out.live_volumes = session->live_volumes;
    memcpy(output, &out, sizeof(out));
    *returned = (uint32_t)(sizeof(out) + out.request_count * sizeof(struct platter_request));
    return PLATTER_OK;
}
