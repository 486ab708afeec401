/* SPDX-License-Identifier: MIT */
#include "wide_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wchar_t *platter_wide(const char *text)
{
    int units = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *wide = units > 0 ? malloc((size_t)units * sizeof(*wide)) : NULL;

    if (wide)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, units);
    return wide;
}

char *platter_narrow(const wchar_t *text)
{
    int bytes = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *narrow = bytes > 0 ? malloc((size_t)bytes) : NULL;

    if (narrow)
        WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, bytes, NULL, NULL);
    return narrow;
}

void platter_whole_path(const char *path, char *buffer, size_t size)
{
    wchar_t *wide = platter_wide(path), whole[32768 / sizeof(wchar_t)];
    DWORD length = wide ? GetFullPathNameW(wide, sizeof(whole) / sizeof(whole[0]), whole, NULL) : 0;
    char *narrow = length > 0 && length < sizeof(whole) / sizeof(whole[0]) ? platter_narrow(whole) : NULL;

    (void)snprintf(buffer, size, "%s", narrow ? narrow : path);
    free(narrow);
    free(wide);
}

void platter_wide_field(const char *text, uint16_t *field, size_t units)
{
    wchar_t *wide = platter_wide(text);
    size_t length = wide ? wcslen(wide) : 0;

    if (length >= units) {
        length = units - 1;
        if (IS_HIGH_SURROGATE(wide[length - 1]))
            length--;
    }
    memset(field, 0, units * sizeof(*field));
    if (wide)
        memcpy(field, wide, length * sizeof(*field));
    free(wide);
}

char *platter_narrow_field(const uint16_t *field, size_t units, char *buffer, size_t size)
{
    size_t length = 0;
    int bytes = 0;

    while (length < units && field[length])
        length++;
    while (length > 0) {
        bytes = WideCharToMultiByte(CP_UTF8, 0, (const wchar_t *)field, (int)length, buffer, (int)size - 1, NULL, NULL);
        if (bytes > 0)
            break;
        length--; /* too long for the buffer: cut */
    }
    buffer[bytes] = '\0';
    return buffer;
}
