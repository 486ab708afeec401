/* SPDX-License-Identifier: MIT */
#include "sid.h"

#include <stdio.h>
#include <string.h>

#define HEADER_BYTES 8u /* revision, count, authority (big-endian) */
#define MOST_PARTS 15u

static uint32_t little(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

char *platter_sid_text(const uint8_t *sid, size_t length, char buffer[PLATTER_SID_TEXT])
{
    uint64_t authority = 0;
    size_t used;

    buffer[0] = '\0';
    if (length < HEADER_BYTES || sid[0] != 1 || sid[1] > MOST_PARTS || length != HEADER_BYTES + 4u * sid[1])
        return buffer;
    for (size_t i = 2; i < HEADER_BYTES; i++)
        authority = authority << 8 | sid[i];
    used = (size_t)snprintf(buffer, PLATTER_SID_TEXT, "S-1-%llu", (unsigned long long)authority);
    for (size_t i = 0; i < sid[1]; i++)
        used += (size_t)snprintf(buffer + used, PLATTER_SID_TEXT - used, "-%u",
                                 (unsigned)little(sid + HEADER_BYTES + 4 * i));
    return buffer;
}
