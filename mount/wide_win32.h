/* SPDX-License-Identifier: MIT */
/* UTF-8, which Platter speaks, and UTF-16, which Windows does. */
#ifndef PLATTER_MOUNT_WIDE_H
#define PLATTER_MOUNT_WIDE_H

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

wchar_t *platter_wide(const char *text);   /* NULL without memory; to be freed */
char *platter_narrow(const wchar_t *text); /* NULL without memory; to be freed */
/* The path from its drive on; as it is where it has none, or is too long. Always terminated. */
void platter_whole_path(const char *path, char *buffer, size_t size);
/* Into a field of `units` UTF-16 units, always terminated, cut between characters. */
void platter_wide_field(const char *text, uint16_t *field, size_t units);
/* A field of at most `units` units into UTF-8; always terminated. Returns buffer. */
char *platter_narrow_field(const uint16_t *field, size_t units, char *buffer, size_t size);

#endif
