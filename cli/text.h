/* SPDX-License-Identifier: MIT */
/* Numbers, names and identifiers as people read them. Pure: no system, no output. */
#ifndef PLATTER_CLI_TEXT_H
#define PLATTER_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_SIZE_TEXT 32 /* bytes that cli_size_text and cli_grouped need */
#define CLI_GUID_TEXT 37
#define CLI_TIME_TEXT 32

/* "512 bytes", "1.5 MiB", "3.64 TiB": three digits that count, binary units. Returns buffer, as all of these. */
char *cli_size_text(uint64_t bytes, char buffer[CLI_SIZE_TEXT]);
/* "524,288,000" */
char *cli_grouped(uint64_t number, char buffer[CLI_SIZE_TEXT]);
/* "0:07", "12:30", "3:05:00" */
char *cli_duration_text(uint64_t seconds, char buffer[CLI_TIME_TEXT]);
/* A GUID as a disk stores it (first three fields little-endian), written EBD0A0A2-B9E5-4433-87C0-68B6B72699C7. */
char *cli_guid_text(const uint8_t guid[16], char buffer[CLI_GUID_TEXT]);

/*
 * What an image says of itself goes to a terminal only after this: control characters, which a hostile image could
 * use to move the cursor or retitle the window, become question marks. In place.
 */
char *cli_printable(char *text);

/* A copy in which each byte that is not part of valid UTF-8 is U+FFFD; NULL without memory. To be freed. */
char *cli_utf8_repair(const char *text);

/* The part of a path behind the last separator of either kind. */
const char *cli_base_name(const char *path);

#endif
