/* SPDX-License-Identifier: MIT */
/* Opening the image that a command names, and showing what it is. */
#ifndef PLATTER_CLI_IMAGE_H
#define PLATTER_CLI_IMAGE_H

#include "../mount/overlay.h"
#include "arguments.h"
#include "../mount/json.h"

/* What an image may have to be told that is opened. */
#define CLI_IMAGE_DETAIL_OPTIONS                                                                                       \
    {"sector-size", "N", "bytes in a sector, 512 to 4096, where the image does not say; 512 otherwise"},               \
        {"snapshot", "NAME", "the disk as it was at this snapshot inside the image, by name or id"},                   \
        {"disk", "N", "which disk of a backup that holds several, counted from 1; the first otherwise"},               \
    {                                                                                                                  \
        "password-file", "FILE",                                                                                       \
            "open an encrypted image with the password on the first line of FILE; '-' is standard input"               \
    }

/* For the option table of every command that writes to images. */
#define CLI_OVERLAY_OPTION                                                                                             \
    {                                                                                                                  \
        "overlay", "[=FILE]",                                                                                          \
            "leave the image as it is and write to FILE, a QCOW2 overlay, made if it is not there; without FILE, to "  \
            "a "                                                                                                       \
            "temporary one that goes with the mount"                                                                   \
    }

/* For the option table of every command that opens an image. */
#define CLI_IMAGE_OPTIONS                                                                                              \
    {"format", "NAME", "take the image for this format instead of looking at its content ('raw': a bare disk)"},       \
        CLI_IMAGE_DETAIL_OPTIONS

/* The same where --format is that of an image which is made. */
#define CLI_SOURCE_OPTIONS                                                                                             \
    {"source-format", "NAME", "take IMAGE for this format instead of looking at its content ('raw': a bare disk)"},    \
        CLI_IMAGE_DETAIL_OPTIONS

#define CLI_PASSWORD_MOST 1024u
#define CLI_PASSWORD_INPUT "-" /* instead of a file: standard input */

/* The options above, read; `open` may borrow `password`, so this is not to be copied. */
struct cli_image_options {
    struct platter_open_options open;
    char password[CLI_PASSWORD_MOST + 1];
};

enum platter_result cli_image_options_read(const struct cli_arguments *arguments, struct cli_image_options *options,
                                           struct platter_error *err);
/* Opens operand 0 as the options above say. `flags`: enum platter_open_flag. */
enum platter_result cli_image_open(const struct cli_arguments *arguments, uint32_t flags, struct platter_image **image,
                                   struct platter_error *err);
enum platter_result cli_source_options_read(const struct cli_arguments *arguments, struct cli_image_options *options,
                                            struct platter_error *err);
/* Opens `path` as CLI_SOURCE_OPTIONS say, for reading. */
enum platter_result cli_source_open(const struct cli_arguments *arguments, const char *path,
                                    struct platter_image **image, struct platter_error *err);
/*
 * What is to be read or served: the whole disk, or the partition that --partition names. One reference, the caller's.
 */
enum platter_result cli_image_block(const struct cli_arguments *arguments, struct platter_image *image,
                                    struct platter_block **block, struct platter_error *err);

void cli_image_json(json_t *root, struct platter_image *image);
void cli_image_print(struct platter_image *image);
void cli_partitions_json(json_t *root, const struct platter_partition_table *table);
/* False without memory. */
bool cli_partitions_print(const struct platter_partition_table *table);

#endif
