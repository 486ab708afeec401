/* SPDX-License-Identifier: MIT */
#include "retry.h"

#include <string.h>

bool service_retry_next(struct service_retry *retry, uint64_t now, uint32_t *delay_ms)
{
    static const uint32_t delays[SERVICE_RETRY_MOST] = {2000, 10000, 30000};

    while (retry->count > 0 && now >= retry->at[0] && now - retry->at[0] >= SERVICE_RETRY_WITHIN_MS) {
        retry->count--;
        memmove(retry->at, retry->at + 1, retry->count * sizeof(retry->at[0]));
    }
    if (retry->count == SERVICE_RETRY_MOST)
        return false;
    *delay_ms = delays[retry->count];
    retry->at[retry->count++] = now + *delay_ms;
    return true;
}
