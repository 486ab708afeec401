/* SPDX-License-Identifier: MIT */
/* The loop of one worker: TRANSACT (answer m, fetch n), serve, repeat. */
#include "internal.h"

#include <string.h>

#include "../engine/os/system.h"

/* A batch is meant to take about this long: longer, and requests wait here that an idle worker could do. */
#define BATCH_SHORT_MS 2u
#define BATCH_LONG_MS 8u
/* In a batch that drags on, what is done is answered this often, or deadlines would pass over finished work. */
#define PATIENCE_MS 200u
/* How long TRANSACT may need to take the answers it carries before it waits for requests. */
#define CARRY_GRACE_MS 50u
/*
 * Once the last volume is gone the driver gives every TRANSACT back by itself, within this long. Cancelling one that is
 * just being completed is legal, and yet it crashes Wine's driver host, which cancels an IRP that it has freed.
 */
#define GIVEN_BACK_MS 2000u
/* After so many batches in a row that leave half of the room empty, the room is halved. */
#define SMALL_BATCHES 16u
/* A call that somebody else's trouble ended: tries, and the pause between them. */
#define MOST_TRIES 100u
#define TRY_PAUSE_MS 50u

/* ---- States and the end ------------------------------------------------------------------------------------------- */

/* Milliseconds until nothing is lost by a shutdown; 0: now; UINT32_MAX: not before a worker's state changes. */
static uint32_t until_idle(const struct platter_provider *provider)
{
    uint64_t now = platter_os_monotonic_ms();
    uint32_t wait = 0;
    for (unsigned i = 0; i < provider->worker_count; i++) {
        const struct provider_worker *worker = &provider->workers[i];
        if (worker->state == PROVIDER_SERVING)
            return UINT32_MAX;
        uint64_t age = now - worker->carrying_since;
        if (worker->state == PROVIDER_CARRYING && age < CARRY_GRACE_MS && CARRY_GRACE_MS - age > wait)
            wait = (uint32_t)(CARRY_GRACE_MS - age);
        age = now - provider->gone_since;
        if (worker->state != PROVIDER_ENDED && provider->gone && age < GIVEN_BACK_MS && GIVEN_BACK_MS - age > wait)
            wait = (uint32_t)(GIVEN_BACK_MS - age);
    }
    return wait;
}

void provider_shutdown_when_idle(struct platter_provider *provider)
{
    uint32_t wait;
    while (!provider->shut && (wait = until_idle(provider)) != UINT32_MAX) {
        if (wait > 0) {
            platter_cond_wait_for(&provider->changed, &provider->lock, wait);
            continue;
        }
        provider->shut = true;
        platter_mutex_unlock(&provider->lock);
        platter_transport_shutdown(provider->transport);
        platter_mutex_lock(&provider->lock);
    }
}

static void set_state(struct provider_worker *worker, enum provider_worker_state state)
{
    struct platter_provider *provider = worker->provider;
    worker->state = state;
    if (state == PROVIDER_CARRYING)
        worker->carrying_since = platter_os_monotonic_ms();
    if (provider->stopping)
        platter_cond_broadcast(&provider->changed);
}

/* ---- TRANSACT ----------------------------------------------------------------------------------------------------- */

/*
 * Whether to call again, after a pause: the kernel was out of memory, or the call was cancelled and not by us. (Wine's
 * driver host does that: it passes the cancel of an IRP that it has freed to the IRP that lies there now.) The volumes are
 * everybody's drives, so they are not given up for it.
 */
static bool try_again(struct provider_worker *worker, enum platter_result result, unsigned tries)
{
    struct platter_provider *provider = worker->provider;
    bool again;

    if (tries == MOST_TRIES)
        return false;
    /* Only a call that waits can be cancelled, and the driver has taken the answers before it waits. */
    if (result == PLATTER_E_CANCELLED)
        worker->in.header.answer_count = 0;
    platter_mutex_lock(&provider->lock);
    again = result == PLATTER_E_NO_MEMORY || (result == PLATTER_E_CANCELLED && !provider->shut);
    if (again)
        platter_cond_wait_for(&provider->changed, &provider->lock, TRY_PAUSE_MS);
    platter_mutex_unlock(&provider->lock);
    return again;
}

static enum platter_result transact(struct provider_worker *worker, uint32_t fetch_max, uint32_t length,
                                    struct platter_transact_out *out, uint32_t *returned, struct platter_error *err)
{
    struct platter_provider *provider = worker->provider;
    enum platter_result result;
    unsigned tries = 0;

    worker->in.header.fetch_max = fetch_max;
    do {
        uint32_t input_length =
            (uint32_t)(sizeof(worker->in.header) + worker->in.header.answer_count * sizeof(worker->in.answers[0]));
        result = platter_transport_control(provider->transport, PLATTER_IOCTL_TRANSACT, &worker->in, input_length,
                                           worker->batch, length, returned, err);
    } while (result != PLATTER_OK && try_again(worker, result, tries++));
    worker->in.header.answer_count = 0;
    if (result != PLATTER_OK)
        return result;
    if (*returned < sizeof(*out))
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver's answer to TRANSACT has only %u bytes", (unsigned)*returned);
    memcpy(out, worker->batch, sizeof(*out));
    return PLATTER_OK;
}

/* Takes the requests out of the batch. */
static enum platter_result unpack(struct provider_worker *worker, const struct platter_transact_out *out,
                                  uint32_t asked, uint32_t returned, struct platter_error *err)
{
    if (out->request_count > asked || returned < sizeof(*out) + out->request_count * sizeof(worker->requests[0]))
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver handed out %u requests in %u bytes where %u were asked for",
                                 (unsigned)out->request_count, (unsigned)returned, (unsigned)asked);
    memcpy(worker->requests, worker->batch + sizeof(*out), out->request_count * sizeof(worker->requests[0]));
    return PLATTER_OK;
}

/* ---- One batch ---------------------------------------------------------------------------------------------------- */

/* Chooses how many requests and how much room the next TRANSACT gets, after a batch that took `ms` and `used` bytes. */
static void adapt(struct provider_worker *worker, uint32_t count, uint64_t ms, uint32_t used)
{
    uint32_t whole = worker->provider->batch_bytes, least = whole < PROVIDER_MIN_ROOM ? whole : PROVIDER_MIN_ROOM;

    if (ms >= BATCH_LONG_MS)
        worker->fetch_max = worker->fetch_max > 1 ? worker->fetch_max / 2 : 1;
    else if (ms < BATCH_SHORT_MS && count == worker->fetch_max && count * 2 <= worker->provider->max_fetch)
        worker->fetch_max = count * 2;
    /* Too little room cuts a request into pieces that go one after the other, so it grows at once and shrinks late. */
    worker->small = used > worker->room / 2 ? 0 : worker->small + 1;
    if (worker->small == 0)
        worker->room = whole;
    else if (worker->small % SMALL_BATCHES == 0)
        worker->room = worker->room / 2 > least ? worker->room / 2 : least;
}

/* Serves `count` requests that were fetched into a batch of `length` bytes; the answers are left for the next TRANSACT. */
static enum platter_result serve_batch(struct provider_worker *worker, uint32_t count, uint32_t length,
                                       struct platter_error *err)
{
    uint64_t begin = platter_os_monotonic_ms(), answered = begin, now = begin;
    uint32_t used = PLATTER_TRANSACT_DATA_OFFSET;

    for (uint32_t i = 0; i < count; i++) {
        const struct platter_request *request = &worker->requests[i];
        provider_serve(worker->provider, request, worker->batch, length,
                       &worker->in.answers[worker->in.header.answer_count++]);
        /* Only what provider_serve() found inside the batch may move the mark. */
        if (request->length <= length && request->data_offset <= length - request->length &&
            request->data_offset + request->length > used)
            used = request->data_offset + request->length;
        now = platter_os_monotonic_ms();
        if (i + 1 < count && now - answered >= PATIENCE_MS) {
            struct platter_transact_out out;
            uint32_t returned;
            enum platter_result result = transact(worker, 0, length, &out, &returned, err);
            if (result != PLATTER_OK)
                return result;
            answered = now;
        }
    }
    adapt(worker, count, now - begin, used);
    return PLATTER_OK;
}

/* ---- The loop ------------------------------------------------------------------------------------------------------- */

/* Ends everything: nothing more can be served. */
static void finish(struct platter_provider *provider, enum platter_result result, const struct platter_error *error)
{
    platter_mutex_lock(&provider->lock);
    provider->stopping = true;
    if (result != PLATTER_E_CANCELLED && !provider->gone) {
        provider->gone = true;
        provider->gone_since = platter_os_monotonic_ms();
    }
    if (result != PLATTER_OK && result != PLATTER_E_CANCELLED)
        provider->stats.last_error = *error;
    platter_cond_broadcast(&provider->changed);
    platter_mutex_unlock(&provider->lock);
}

/* Chooses the state of the coming call. False: stopping, and there is nothing left to answer. */
static bool enter_call(struct provider_worker *worker, uint32_t *fetch_max)
{
    struct platter_provider *provider = worker->provider;
    bool carries = worker->in.header.answer_count > 0;
    platter_mutex_lock(&provider->lock);
    bool last = provider->stopping;
    *fetch_max = last ? 0 : worker->fetch_max;
    if (!last)
        set_state(worker, carries ? PROVIDER_CARRYING : PROVIDER_WAITING);
    platter_mutex_unlock(&provider->lock);
    return !last || carries;
}

static void work(struct provider_worker *worker)
{
    struct platter_provider *provider = worker->provider;
    struct platter_transact_out out;
    struct platter_error error;
    uint32_t fetch_max, returned, used = 0;

    while (enter_call(worker, &fetch_max)) {
        /* The buffer lent must hold the bytes of the reads that are being answered, too. */
        uint32_t length = worker->room > used ? worker->room : used;
        enum platter_result result = transact(worker, fetch_max, length, &out, &returned, &error);
        if (result == PLATTER_OK)
            result = unpack(worker, &out, fetch_max, returned, &error);
        if (result == PLATTER_OK && out.live_volumes == 0) {
            finish(provider, PLATTER_OK, NULL);
            break;
        }
        if (result == PLATTER_OK && out.request_count > 0) {
            platter_mutex_lock(&provider->lock);
            set_state(worker, PROVIDER_SERVING);
            platter_mutex_unlock(&provider->lock);
            used = length;
            result = serve_batch(worker, out.request_count, length, &error);
        } else {
            used = 0;
        }
        if (result != PLATTER_OK) {
            finish(provider, result, &error);
            break;
        }
    }
}

void provider_worker_main(void *context)
{
    struct provider_worker *worker = context;
    struct platter_provider *provider = worker->provider;

    platter_mutex_lock(&provider->lock);
    while (!provider->released && !provider->stopping)
        platter_cond_wait(&provider->changed, &provider->lock);
    bool released = provider->released;
    platter_mutex_unlock(&provider->lock);
    if (released)
        work(worker);
    platter_mutex_lock(&provider->lock);
    set_state(worker, PROVIDER_ENDED);
    /* Without `released` the provider is being unmade, and its transport stays its caller's. */
    if (released && provider->stopping)
        provider_shutdown_when_idle(provider);
    platter_mutex_unlock(&provider->lock);
}
