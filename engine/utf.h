/* SPDX-License-Identifier: MIT */
/* UTF-16 of partition names and labels to the UTF-8 that the engine speaks. */
#ifndef PLATTER_ENGINE_UTF_H
#define PLATTER_ENGINE_UTF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Converts up to `units` host-order units, stopping at a zero; a lone surrogate becomes U+FFFD. The result is always
 * terminated, cut between characters when `size` bytes are too few. Returns its length in bytes.
 */
size_t platter_utf8_from_utf16(const uint16_t *text, size_t units, char *out, size_t size);

/* The same from bytes in an 8-bit code page that is not known: what is not printable ASCII becomes U+FFFD. */
size_t platter_utf8_from_oem(const uint8_t *text, size_t length, char *out, size_t size);

/* Length of the longest run of whole characters in the first `most` bytes of `text`, which is at least that long. */
size_t platter_utf8_cut(const char *text, size_t most);

/* Length of the valid UTF-8 at the start of `length` bytes, without control characters. */
size_t platter_utf8_valid(const uint8_t *text, size_t length);

#endif
