/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#include <string.h>

bool platter_all_zero(const void *data, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)data;
    size_t head = length < 16 ? length : 16;

    for (size_t i = 0; i < head; i++) {
        if (bytes[i])
            return false;
    }
    /* Each byte equals the one 16 before it, and the first 16 are zero; memcmp is the fastest loop there is. */
    return length == head || memcmp(bytes, bytes + head, length - head) == 0;
}
