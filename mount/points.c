/* SPDX-License-Identifier: MIT */
#include "points.h"

#include <string.h>

#define NT_NAME_UNITS 48u /* \??\Volume{8-4-4-4-12} */
#define GUID_AT 11u       /* behind \??\Volume{ */
#define POINTS_HEAD 8u    /* MOUNTMGR_MOUNT_POINTS: size, count */
#define POINT_BYTES 24u   /* MOUNTMGR_MOUNT_POINT; its first fields are the link's offset and length */
#define REPARSE_HEAD 8u   /* tag, length, reserved; then four 16-bit fields, then the names */
#define REPARSE_NAMES 16u
#define TAG_MOUNT_POINT 0xa0000003u

static uint16_t u16_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return u16_at(bytes) | (uint32_t)u16_at(bytes + 2) << 16;
}

/* `bytes` holds `length` bytes of UTF-16: \??\Volume{GUID}, with a backslash at the end or without. */
static bool take_name(const uint8_t *bytes, size_t length, uint16_t name[PLATTER_VOLUME_NAME_CHARS])
{
    static const char prefix[] = "\\??\\Volume{";
    size_t units = length / 2;

    if (units != NT_NAME_UNITS && !(units == NT_NAME_UNITS + 1 && u16_at(bytes + length - 2) == '\\'))
        return false;
    for (size_t i = 0; i < NT_NAME_UNITS; i++) {
        uint16_t unit = u16_at(bytes + i * 2);

        if (i < GUID_AT ? unit != (uint8_t)prefix[i] : i == NT_NAME_UNITS - 1 ? unit != '}' : unit >= 0x80)
            return false;
        name[i] = unit;
    }
    name[1] = '\\'; /* \??\ is \\?\ for programs */
    name[NT_NAME_UNITS] = '\\';
    name[NT_NAME_UNITS + 1] = 0;
    return true;
}

bool platter_points_volume_name(const void *answer, size_t length, uint16_t name[PLATTER_VOLUME_NAME_CHARS])
{
    const uint8_t *bytes = answer;
    size_t count = length >= POINTS_HEAD ? u32_at(bytes + 4) : 0;

    if (count > (length - POINTS_HEAD) / POINT_BYTES)
        return false;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *point = bytes + POINTS_HEAD + i * POINT_BYTES;
        size_t at = u32_at(point), size = u16_at(point + 4);

        if (at <= length && size <= length - at && take_name(bytes + at, size, name))
            return true;
    }
    return false;
}

bool platter_points_reparse_target(const void *buffer, size_t length, uint16_t name[PLATTER_VOLUME_NAME_CHARS])
{
    const uint8_t *bytes = buffer;
    size_t at, size;

    if (length < REPARSE_NAMES || u32_at(bytes) != TAG_MOUNT_POINT)
        return false;
    at = u16_at(bytes + REPARSE_HEAD);
    size = u16_at(bytes + REPARSE_HEAD + 2);
    if (at > length - REPARSE_NAMES || size > length - REPARSE_NAMES - at)
        return false;
    return take_name(bytes + REPARSE_NAMES + at, size, name);
}
