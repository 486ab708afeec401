/* SPDX-License-Identifier: MIT */
/*
 * When a mount that was lost is tried again: soon, then later, and only so often, so that an image which breaks its worker
 * cannot keep the machine busy.
 */
#ifndef PLATTER_SERVICE_RETRY_H
#define PLATTER_SERVICE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_RETRY_MOST 3u
#define SERVICE_RETRY_WITHIN_MS 600000u

/* All zero at first. */
struct service_retry {
    uint64_t at[SERVICE_RETRY_MOST]; /* of the tries that count, the oldest first */
    unsigned count;
};

/*
 * It was lost at `now` (milliseconds, monotonic). True: try it in *delay_ms. False: it has been tried SERVICE_RETRY_MOST
 * times within SERVICE_RETRY_WITHIN_MS. One thread at a time.
 */
bool service_retry_next(struct service_retry *retry, uint64_t now, uint32_t *delay_ms);

#endif
