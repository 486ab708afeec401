/* SPDX-License-Identifier: MIT */
/* One request: engine call, status, numbers. */
#include "internal.h"

static enum platter_status status_of(enum platter_result result)
{
    switch (result) {
    case PLATTER_OK:
        return PLATTER_STATUS_OK;
    case PLATTER_E_DAMAGED:
    case PLATTER_E_FORMAT: /* found while reading: the image's own structure does not hold */
        return PLATTER_STATUS_DAMAGED;
    case PLATTER_E_NO_SPACE:
        return PLATTER_STATUS_NO_SPACE;
    case PLATTER_E_READ_ONLY:
        return PLATTER_STATUS_READ_ONLY;
    case PLATTER_E_RANGE:
        return PLATTER_STATUS_OUT_OF_RANGE;
    case PLATTER_E_NO_MEMORY:
        return PLATTER_STATUS_NO_MEMORY;
    case PLATTER_E_UNSUPPORTED:
        return PLATTER_STATUS_NOT_SUPPORTED;
    case PLATTER_E_NOT_FOUND:
        return PLATTER_STATUS_MEDIA_GONE;
    default:
        return PLATTER_STATUS_IO_ERROR;
    }
}

static struct provider_volume *find_volume(struct platter_provider *provider, uint64_t id)
{
    for (size_t i = 0; i < provider->volume_count; i++) {
        if (provider->volumes[i].id == id)
            return &provider->volumes[i];
    }
    return NULL;
}

/* The driver is trusted, but a request that would leave the batch must not become a stray write of this process. */
static bool inside_batch(const struct platter_request *request, uint32_t batch_length)
{
    return request->length > 0 && request->length <= PLATTER_MAX_TRANSFER &&
           request->data_offset >= PLATTER_TRANSACT_DATA_OFFSET && request->data_offset <= batch_length &&
           request->length <= batch_length - request->data_offset;
}

static enum platter_result bad_request(const struct provider_volume *volume, const struct platter_request *request,
                                       const char *why, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_DRIVER, volume ? platter_block_name(volume->block) : NULL, request->offset,
                             "%s (request %llu, operation %u, %u bytes)", why, (unsigned long long)request->request_id,
                             (unsigned)request->op, (unsigned)request->length);
}

static enum platter_result write_through(struct provider_volume *volume, const struct platter_request *request,
                                         const uint8_t *data, struct platter_error *err)
{
    if (volume->create.flags & PLATTER_VOLUME_READ_ONLY)
        return platter_error_set(err, PLATTER_E_READ_ONLY, platter_block_name(volume->block), request->offset,
                                 "the volume is read-only");
    enum platter_result result = platter_block_write(volume->block, data, request->length, request->offset, err);
    if (result == PLATTER_OK && (request->flags & PLATTER_REQUEST_FUA))
        result = platter_block_flush(volume->block, err);
    return result;
}

static enum platter_result perform(struct provider_volume *volume, const struct platter_request *request,
                                   uint8_t *batch, uint32_t batch_length, struct platter_error *err)
{
    if (!volume)
        return bad_request(NULL, request, "the driver named a volume that is not served here", err);
    switch (request->op) {
    case PLATTER_OP_READ:
        if (!inside_batch(request, batch_length))
            return bad_request(volume, request, "the driver gave a read no room in the batch", err);
        return platter_block_read(volume->block, batch + request->data_offset, request->length, request->offset, err);
    case PLATTER_OP_WRITE:
        if (!inside_batch(request, batch_length))
            return bad_request(volume, request, "the driver gave a write no data in the batch", err);
        return write_through(volume, request, batch + request->data_offset, err);
    case PLATTER_OP_FLUSH:
        return platter_block_flush(volume->block, err);
    case PLATTER_OP_DISCARD:
        if (!(volume->create.flags & PLATTER_VOLUME_TRIM))
            return platter_error_set(err, PLATTER_E_UNSUPPORTED, platter_block_name(volume->block), request->offset,
                                     "the image cannot discard");
        return platter_block_discard(volume->block, request->offset, request->discard_bytes, err);
    default:
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, platter_block_name(volume->block), request->offset,
                                 "operation %u is unknown", (unsigned)request->op);
    }
}

static void account(struct platter_provider *provider, struct provider_volume *volume,
                    const struct platter_request *request, enum platter_result result,
                    const struct platter_error *error)
{
    struct platter_provider_stats *stats = &provider->stats;
    platter_mutex_lock(&provider->lock);
    stats->requests++;
    if (result != PLATTER_OK) {
        stats->failed_requests++;
        stats->last_error = *error;
        if (volume && (request->flags & PLATTER_REQUEST_PROBE))
            volume->probe = *error;
    } else if (request->op == PLATTER_OP_READ) {
        stats->read_bytes += request->length;
    } else if (request->op == PLATTER_OP_WRITE) {
        stats->written_bytes += request->length;
    }
    platter_mutex_unlock(&provider->lock);
}

void provider_serve(struct platter_provider *provider, const struct platter_request *request, uint8_t *batch,
                    uint32_t batch_length, struct platter_answer *answer)
{
    struct platter_error error;
    struct provider_volume *volume = find_volume(provider, request->volume_id);
    enum platter_result result = perform(volume, request, batch, batch_length, &error);
    account(provider, volume, request, result, &error);
    *answer = (struct platter_answer){
        .request_id = request->request_id,
        .status = status_of(result),
        .length = result == PLATTER_OK ? request->length : 0,
        .data_offset = result == PLATTER_OK && request->op == PLATTER_OP_READ ? request->data_offset : 0,
    };
}
