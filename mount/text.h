/* SPDX-License-Identifier: MIT */
/* Numbers, names and identifiers as people read them. Pure: no system, no output. */
#ifndef PLATTER_MOUNT_TEXT_H
#define PLATTER_MOUNT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATTER_SIZE_TEXT 32 /* bytes that platter_size_text and platter_grouped need */
#define PLATTER_GUID_TEXT 37
#define PLATTER_TIME_TEXT 32

/* "512 bytes", "1.5 MiB", "3.64 TiB": three digits that count, binary units. Returns buffer, as all of these. */
char *platter_size_text(uint64_t bytes, char buffer[PLATTER_SIZE_TEXT]);
/* "524,288,000" */
char *platter_grouped(uint64_t number, char buffer[PLATTER_SIZE_TEXT]);
/* "0:07", "12:30", "3:05:00" */
char *platter_duration_text(uint64_t seconds, char buffer[PLATTER_TIME_TEXT]);
/* A GUID as a disk stores it (first three fields little-endian), written EBD0A0A2-B9E5-4433-87C0-68B6B72699C7. */
char *platter_guid_text(const uint8_t guid[16], char buffer[PLATTER_GUID_TEXT]);

/*
 * What an image says of itself goes to a terminal only after this: control characters, which a hostile image could
 * use to move the cursor or retitle the window, become question marks. In place.
 */
char *platter_printable(char *text);

/* A copy in which each byte that is not part of valid UTF-8 is U+FFFD; NULL without memory. To be freed. */
char *platter_utf8_repair(const char *text);

/* The part of a path behind the last separator of either kind. */
const char *platter_base_name(const char *path);

#endif
