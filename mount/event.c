/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define PERCENT "\xef\xbc\x85"     /* U+FF05 */
#define CUT "..."

/* Length of the character at `at`, which is valid UTF-8. */
static size_t length_of(const char *at)
{
    unsigned char first = (unsigned char)*at;

    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* C0, DEL and C1; line and paragraph separators; marks, embeddings and isolates of the writing direction. */
static bool is_control(const char *at, size_t length)
{
    const unsigned char *byte = (const unsigned char *)at;

    if (length == 1)
        return byte[0] < 0x20 || byte[0] == 0x7f;
    if (length == 2)
        return byte[0] == 0xc2 && byte[1] < 0xa0;
    if (length != 3 || byte[0] != 0xe2)
        return false;
    return (byte[1] == 0x80 && (byte[2] == 0x8e || byte[2] == 0x8f || (byte[2] >= 0xa8 && byte[2] <= 0xae))) ||
           (byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9);
}

static bool is_insertion(const char *at)
{
    return at[0] == '%' && ((at[1] >= '0' && at[1] <= '9') || at[1] == '%' || at[1] == '!');
}

char *platter_event_text(const char *text, char buffer[PLATTER_EVENT_TEXT])
{
    char *whole = platter_utf8_repair(text ? text : "");
    size_t used = 0, kept = 0; /* kept: where a cut text ends, before CUT */
    const char *at = whole;

    while (at && *at) {
        size_t length = length_of(at);
        const char *put = is_control(at, length) ? REPLACEMENT : is_insertion(at) ? PERCENT : at;
        size_t size = put == at ? length : strlen(put);

        if (used + size >= PLATTER_EVENT_TEXT)
            break;
        memcpy(buffer + used, put, size);
        used += size;
        if (used + sizeof(CUT) <= PLATTER_EVENT_TEXT)
            kept = used;
        at += length;
    }
    buffer[used] = '\0';
    if (at && *at)
        memcpy(buffer + kept, CUT, sizeof(CUT));
    free(whole);
    return buffer;
}

uint16_t platter_event_type(enum platter_event event)
{
    switch ((uint32_t)event >> 30) {
    case 3:
        return 1;
    case 2:
        return 2;
    default:
        return 4;
    }
}
