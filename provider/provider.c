/* SPDX-License-Identifier: MIT */
/* Life of a provider: made, announced, waited for, stopped, freed. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/os/system.h"
#include "pages.h"

static enum platter_result out_of_memory(struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
}

/* ---- Making ----------------------------------------------------------------------------------------------------- */

static enum platter_result check_options(const struct platter_provider_options *options, size_t volume_count,
                                         struct platter_error *err)
{
    if (volume_count == 0)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "there is no volume to serve");
    if (volume_count > PLATTER_MAX_VOLUMES_PER_SESSION)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "%zu volumes are more than the %u that one provider may serve", volume_count,
                                 PLATTER_MAX_VOLUMES_PER_SESSION);
    if (options && options->workers > PROVIDER_MOST_WORKERS)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%u workers are more than %u",
                                 options->workers, PROVIDER_MOST_WORKERS);
    uint32_t batch = options ? options->batch_bytes : 0;
    if (batch != 0 && (batch < PLATTER_TRANSACT_MIN_BATCH || batch > PLATTER_TRANSACT_MAX_BATCH))
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "a batch buffer of %u bytes is outside of %u to %u", (unsigned)batch,
                                 PLATTER_TRANSACT_MIN_BATCH, PLATTER_TRANSACT_MAX_BATCH);
    return PLATTER_OK;
}

/* What the block decides about the volume. */
static enum platter_result fill(struct provider_volume *volume, const struct platter_provider_volume *given,
                                struct platter_error *err)
{
    static const uint8_t none[sizeof(given->create.unique_id)];
    struct platter_volume_create_in *create = &volume->create;
    uint32_t caps = platter_block_caps(given->block);

    *create = given->create;
    create->sector_size = platter_block_sector_size(given->block);
    create->physical_sector_size = platter_block_physical_sector_size(given->block);
    /* A drive has whole sectors: an odd tail of the image is not shown. */
    create->length_bytes = platter_block_size(given->block);
    create->length_bytes -= create->length_bytes % create->sector_size;
    if (create->length_bytes == 0)
        return platter_error_set(err, PLATTER_E_FORMAT, platter_block_name(given->block), PLATTER_NO_OFFSET,
                                 "the image is smaller than one sector");
    if (!(caps & PLATTER_CAP_WRITE))
        create->flags |= PLATTER_VOLUME_READ_ONLY;
    create->flags &= ~(uint32_t)PLATTER_VOLUME_TRIM;
    if ((caps & PLATTER_CAP_DISCARD) && !(create->flags & PLATTER_VOLUME_READ_ONLY))
        create->flags |= PLATTER_VOLUME_TRIM;
    if (memcmp(create->unique_id, none, sizeof(none)) == 0) {
        if (create->flags & PLATTER_VOLUME_STABLE_ID)
            return platter_error_set(err, PLATTER_E_USAGE, platter_block_name(given->block), PLATTER_NO_OFFSET,
                                     "a stable identity is asked for and not given");
        enum platter_result result = platter_os_random(create->unique_id, sizeof(create->unique_id), err);
        if (result != PLATTER_OK)
            return result;
    }
    volume->block = platter_block_ref(given->block);
    return PLATTER_OK;
}

static enum platter_result take_volumes(struct platter_provider *provider,
                                        const struct platter_provider_volume *volumes, size_t count,
                                        struct platter_error *err)
{
    provider->volumes = calloc(count, sizeof(*provider->volumes));
    if (!provider->volumes)
        return out_of_memory(err);
    provider->volume_count = count;
    for (size_t i = 0; i < count; i++) {
        enum platter_result result = fill(&provider->volumes[i], &volumes[i], err);
        if (result != PLATTER_OK)
            return result;
    }
    return PLATTER_OK;
}

/* Starts the workers, which wait until they are released. On failure those that run are joined by unmake(). */
static enum platter_result start_workers(struct platter_provider *provider, unsigned count, struct platter_error *err)
{
    provider->workers = calloc(count, sizeof(*provider->workers));
    if (!provider->workers)
        return out_of_memory(err);
    for (unsigned i = 0; i < count; i++) {
        struct provider_worker *worker = &provider->workers[i];
        worker->provider = provider;
        worker->fetch_max = 1;
        worker->room = PROVIDER_MIN_ROOM < provider->batch_bytes ? PROVIDER_MIN_ROOM : provider->batch_bytes;
        worker->batch = provider_pages_alloc(provider->batch_bytes);
        if (!worker->batch)
            return out_of_memory(err);
        enum platter_result result = platter_thread_start(provider_worker_main, worker, &worker->thread, err);
        if (result != PLATTER_OK) {
            provider_pages_free(worker->batch);
            return result;
        }
        provider->worker_count++;
    }
    return PLATTER_OK;
}

static enum platter_result create_volumes(struct platter_provider *provider, struct platter_error *err)
{
    for (size_t i = 0; i < provider->volume_count; i++) {
        struct provider_volume *volume = &provider->volumes[i];
        struct platter_volume_create_out out;
        uint32_t returned;
        enum platter_result result =
            platter_transport_control(provider->transport, PLATTER_IOCTL_VOLUME_CREATE, &volume->create,
                                      sizeof(volume->create), &out, sizeof(out), &returned, err);
        if (result != PLATTER_OK)
            return result;
        if (returned < sizeof(out) || out.volume_id == 0)
            return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                     "the Platter driver made a volume and did not say which");
        volume->id = out.volume_id;
    }
    return PLATTER_OK;
}

static void remove_volumes(struct platter_provider *provider)
{
    for (size_t i = provider->volume_count; i-- > 0;) {
        struct platter_volume_remove_in in = {.volume_id = provider->volumes[i].id, .flags = PLATTER_REMOVE_FORCE};
        if (in.volume_id != 0)
            platter_transport_control(provider->transport, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL,
                                      NULL);
    }
}

/* Joins the workers, which have been told to end, and frees everything but the transport. */
static void unmake(struct platter_provider *provider)
{
    for (unsigned i = 0; i < provider->worker_count; i++) {
        platter_thread_join(provider->workers[i].thread);
        provider_pages_free(provider->workers[i].batch);
    }
    free(provider->workers);
    for (size_t i = 0; i < provider->volume_count; i++)
        platter_block_unref(provider->volumes[i].block);
    free(provider->volumes);
    platter_cond_destroy(&provider->changed);
    platter_mutex_destroy(&provider->lock);
    free(provider);
}

static unsigned default_workers(void)
{
    unsigned count = platter_os_cpu_count() + 2;
    if (count < PROVIDER_MIN_WORKERS)
        return PROVIDER_MIN_WORKERS;
    return count > PROVIDER_MAX_WORKERS ? PROVIDER_MAX_WORKERS : count;
}

enum platter_result platter_provider_create(struct platter_transport *transport,
                                            const struct platter_provider_volume *volumes, size_t volume_count,
                                            const struct platter_provider_options *options,
                                            struct platter_provider **provider, struct platter_error *err)
{
    struct platter_hello_out hello;
    enum platter_result result = check_options(options, volume_count, err);
    if (result == PLATTER_OK)
        result = provider_hello(transport, &hello, err);
    if (result != PLATTER_OK)
        return result;
    if (hello.max_batch == 0)
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver hands out no requests");
    struct platter_provider *made = calloc(1, sizeof(*made));
    if (!made)
        return out_of_memory(err);
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->changed);
    made->transport = transport;
    made->max_fetch = hello.max_batch < PLATTER_MAX_BATCH ? hello.max_batch : PLATTER_MAX_BATCH;
    made->batch_bytes = options && options->batch_bytes ? options->batch_bytes : PROVIDER_DEFAULT_BATCH;
    unsigned workers = options && options->workers ? options->workers : default_workers();

    result = take_volumes(made, volumes, volume_count, err);
    if (result == PLATTER_OK)
        result = start_workers(made, workers, err);
    if (result != PLATTER_OK)
        goto end_workers;
    result = create_volumes(made, err);
    if (result != PLATTER_OK)
        goto undo_volumes;

    platter_mutex_lock(&made->lock);
    made->released = true;
    platter_cond_broadcast(&made->changed);
    platter_mutex_unlock(&made->lock);
    *provider = made;
    return PLATTER_OK;

undo_volumes:
    remove_volumes(made);
end_workers:
    platter_mutex_lock(&made->lock);
    made->stopping = true;
    platter_cond_broadcast(&made->changed);
    platter_mutex_unlock(&made->lock);
    unmake(made);
    return result;
}

/* ---- Using ------------------------------------------------------------------------------------------------------ */

/* Puts what only the provider knows into the driver's refusal. */
static enum platter_result explain(struct platter_provider *provider, struct provider_volume *volume,
                                   enum platter_result result, struct platter_error *err)
{
    platter_mutex_lock(&provider->lock);
    struct platter_error probe = volume->probe;
    platter_mutex_unlock(&provider->lock);
    if (result == PLATTER_E_CANCELLED || result == PLATTER_E_BUSY)
        return result;
    if (probe.result != PLATTER_OK)
        return platter_error_set(err, probe.result, probe.file[0] ? probe.file : NULL, probe.offset,
                                 "the first read of the volume failed: %s", probe.message);
    if (result == PLATTER_E_EXISTS && volume->create.letter)
        return platter_error_set(err, result, NULL, PLATTER_NO_OFFSET, "drive letter %c: is already in use",
                                 (char)volume->create.letter);
    return result;
}

enum platter_result platter_provider_announce(struct platter_provider *provider, size_t index,
                                              struct platter_volume_info *info, struct platter_error *err)
{
    struct platter_volume_info answer;
    uint32_t returned;

    if (index >= provider->volume_count)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "there is no volume number %zu", index);
    struct provider_volume *volume = &provider->volumes[index];
    struct platter_volume_start_in in = {.volume_id = volume->id};
    platter_mutex_lock(&provider->lock);
    volume->probe.result = PLATTER_OK;
    platter_mutex_unlock(&provider->lock);
    enum platter_result result = platter_transport_control(provider->transport, PLATTER_IOCTL_VOLUME_START, &in,
                                                           sizeof(in), &answer, sizeof(answer), &returned, err);
    if (result != PLATTER_OK)
        return explain(provider, volume, result, err);
    if (returned < sizeof(answer))
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "the Platter driver announced the volume and did not describe it");
    if (info)
        *info = answer;
    return PLATTER_OK;
}

bool platter_provider_wait(struct platter_provider *provider, uint32_t timeout_ms)
{
    uint64_t until = platter_os_monotonic_ms() + timeout_ms;
    platter_mutex_lock(&provider->lock);
    while (!provider->gone && !provider->stopping) {
        uint64_t now = platter_os_monotonic_ms();
        if (timeout_ms == 0)
            platter_cond_wait(&provider->changed, &provider->lock);
        else if (now < until)
            platter_cond_wait_for(&provider->changed, &provider->lock, (uint32_t)(until - now));
        else
            break;
    }
    bool gone = provider->gone;
    platter_mutex_unlock(&provider->lock);
    return gone;
}

void platter_provider_stop(struct platter_provider *provider)
{
    platter_mutex_lock(&provider->lock);
    provider->stopping = true;
    platter_cond_broadcast(&provider->changed);
    provider_shutdown_when_idle(provider);
    platter_mutex_unlock(&provider->lock);
}

void platter_provider_get_stats(struct platter_provider *provider, struct platter_provider_stats *stats)
{
    platter_mutex_lock(&provider->lock);
    *stats = provider->stats;
    platter_mutex_unlock(&provider->lock);
}

enum platter_result platter_provider_free(struct platter_provider *provider, struct platter_error *err)
{
    enum platter_result worst = PLATTER_OK;
    if (!provider)
        return PLATTER_OK;
    platter_provider_stop(provider);
    for (unsigned i = 0; i < provider->worker_count; i++) {
        platter_thread_join(provider->workers[i].thread);
        provider->workers[i].thread = NULL;
    }
    /* Before the volumes go: a flush may take long, and a drive that is gone should be one that is safe. */
    for (size_t i = 0; i < provider->volume_count; i++) {
        enum platter_result result = platter_block_flush(provider->volumes[i].block, worst == PLATTER_OK ? err : NULL);
        if (worst == PLATTER_OK)
            worst = result;
    }
    platter_transport_close(provider->transport);
    unmake(provider);
    return worst;
}
