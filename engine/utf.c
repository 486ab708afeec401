/* SPDX-License-Identifier: MIT */
#include "utf.h"

#include <stdbool.h>
#include <string.h>

#define REPLACEMENT 0xFFFDu

/* Appends one character, or says that it does not fit. */
static bool append(char *out, size_t size, size_t *used, uint32_t character)
{
    char bytes[4];
    size_t count;

    if (character < 0x80) {
        bytes[0] = (char)character;
        count = 1;
    } else if (character < 0x800) {
        bytes[0] = (char)(0xC0 | (character >> 6));
        bytes[1] = (char)(0x80 | (character & 0x3F));
        count = 2;
    } else if (character < 0x10000) {
        bytes[0] = (char)(0xE0 | (character >> 12));
        bytes[1] = (char)(0x80 | ((character >> 6) & 0x3F));
        bytes[2] = (char)(0x80 | (character & 0x3F));
        count = 3;
    } else {
        bytes[0] = (char)(0xF0 | (character >> 18));
        bytes[1] = (char)(0x80 | ((character >> 12) & 0x3F));
        bytes[2] = (char)(0x80 | ((character >> 6) & 0x3F));
        bytes[3] = (char)(0x80 | (character & 0x3F));
        count = 4;
    }
    if (size - *used <= count)
        return false;
    memcpy(out + *used, bytes, count);
    *used += count;
    return true;
}

size_t platter_utf8_from_utf16(const uint16_t *text, size_t units, char *out, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return 0;
    for (size_t i = 0; i < units && text[i]; i++) {
        uint32_t character = text[i];

        if (character >= 0xD800 && character < 0xDC00 && i + 1 < units && text[i + 1] >= 0xDC00 &&
            text[i + 1] < 0xE000) {
            i++;
            character = 0x10000 + ((character - 0xD800) << 10) + (text[i] - 0xDC00u);
        } else if (character >= 0xD800 && character < 0xE000) {
            character = REPLACEMENT;
        }
        if (!append(out, size, &used, character))
            break;
    }
    out[used] = '\0';
    return used;
}

size_t platter_utf8_from_oem(const uint8_t *text, size_t length, char *out, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return 0;
    for (size_t i = 0; i < length && text[i]; i++) {
        if (!append(out, size, &used, text[i] >= 0x20 && text[i] < 0x7F ? text[i] : REPLACEMENT))
            break;
    }
    out[used] = '\0';
    return used;
}

size_t platter_utf8_cut(const char *text, size_t most)
{
    while (most > 0 && ((uint8_t)text[most] & 0xC0) == 0x80)
        most--;
    return most;
}

size_t platter_utf8_valid(const uint8_t *text, size_t length)
{
    size_t at = 0;

    while (at < length && text[at] >= 0x20 && text[at] != 0x7F) {
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        uint32_t character = text[at];
        size_t more = 0;

        if (character >= 0xC2 && character < 0xE0)
            more = 1;
        else if (character >= 0xE0 && character < 0xF0)
            more = 2;
        else if (character >= 0xF0 && character < 0xF5)
            more = 3;
        else if (character >= 0x80)
            break;
        if (length - at <= more)
            break;
        character &= more ? 0x3Fu >> more : 0x7Fu;
        for (size_t i = 1; i <= more; i++) {
            if ((text[at + i] & 0xC0) != 0x80)
                return at;
            character = character << 6 | (text[at + i] & 0x3Fu);
        }
        if (character < least[more] || character > 0x10FFFF || (character >= 0xD800 && character < 0xE000))
            break;
        at += more + 1;
    }
    return at;
}
