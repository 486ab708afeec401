/* SPDX-License-Identifier: MIT */
/* Words of ASCII, whatever the locale: names of formats, keys of descriptors, hexadecimal digits. */
#ifndef PLATTER_ENGINE_ASCII_H
#define PLATTER_ENGINE_ASCII_H

#include <stdbool.h>

static inline char platter_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* True when the two differ at most in the case of letters. */
static inline bool platter_same_word(const char *a, const char *b)
{
    while (*a && platter_ascii_lower(*a) == platter_ascii_lower(*b)) {
        a++;
        b++;
    }
    return platter_ascii_lower(*a) == platter_ascii_lower(*b);
}

/* 0 to 15, or -1. */
static inline int platter_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = platter_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
