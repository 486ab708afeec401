/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *platter_size_text(uint64_t bytes, char buffer[PLATTER_SIZE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        (void)snprintf(buffer, PLATTER_SIZE_TEXT, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
        return buffer;
    }
    /* 1023.6 KiB would be written as 1024 KiB: that is 1 MiB. */
    while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(buffer, PLATTER_SIZE_TEXT, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
    if (strchr(buffer, '.')) {
        size_t length = strlen(buffer);

        while (buffer[length - 1] == '0')
            length--;
        if (buffer[length - 1] == '.')
            length--;
        buffer[length] = '\0';
    }
    (void)snprintf(buffer + strlen(buffer), PLATTER_SIZE_TEXT - strlen(buffer), " %s", units[unit]);
    return buffer;
}

char *platter_grouped(uint64_t number, char buffer[PLATTER_SIZE_TEXT])
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    char *out = buffer;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return buffer;
}

char *platter_duration_text(uint64_t seconds, char buffer[PLATTER_TIME_TEXT])
{
    unsigned long long hours = seconds / 3600;
    unsigned minutes = (unsigned)(seconds / 60 % 60), rest = (unsigned)(seconds % 60);

    if (hours > 0)
        (void)snprintf(buffer, PLATTER_TIME_TEXT, "%llu:%02u:%02u", hours, minutes, rest);
    else
        (void)snprintf(buffer, PLATTER_TIME_TEXT, "%u:%02u", minutes, rest);
    return buffer;
}

char *platter_guid_text(const uint8_t guid[16], char buffer[PLATTER_GUID_TEXT])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char *out = buffer;

    for (size_t i = 0; i < sizeof(order); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        out += snprintf(out, 3, "%02X", guid[order[i]]);
    }
    return buffer;
}

char *platter_printable(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* U+0080 to U+009F, controls as well */
            at[0] = at[1] = '?';
    }
    return text;
}

/* Bytes of the valid character at `text`, 0 when there is none. The ranges are those of RFC 3629. */
static size_t character(const unsigned char *text)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t length;

    if (first < 0x80)
        return first ? 1 : 0;
    if (first >= 0xc2 && first <= 0xdf)
        length = 2;
    else if (first >= 0xe0 && first <= 0xef)
        length = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        length = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    }
    return length;
}

char *platter_utf8_repair(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char *copy = malloc(strlen(text) * 3 + 1), *out = copy;

    if (!copy)
        return NULL;
    while (*at) {
        size_t length = character(at);

        if (length == 0) {
            memcpy(out, "\xef\xbf\xbd", 3);
            out += 3;
            at++;
        } else {
            memcpy(out, at, length);
            out += length;
            at += length;
        }
    }
    *out = '\0';
    return copy;
}

const char *platter_base_name(const char *path)
{
    const char *name = path;

    for (; *path; path++) {
        if ((*path == '/' || *path == '\\') && path[1])
            name = path + 1;
    }
    return name;
}
