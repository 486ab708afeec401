/* SPDX-License-Identifier: MIT */
#include "crc32.h"

#define POLYNOMIAL 0xEDB88320u /* bit-reversed */

uint32_t platter_crc32(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)data;

    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return ~crc;
}
