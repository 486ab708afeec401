/* SPDX-License-Identifier: MIT */
/* The image that a command makes: which format and kind, and telling of it. */
#ifndef PLATTER_CLI_TARGET_H
#define PLATTER_CLI_TARGET_H

#include "arguments.h"
#include "progress.h"
#include "reply.h"

/* For the option table of every command that makes an image. */
#define CLI_TARGET_OPTIONS                                                                                             \
    {"format", "NAME",                                                                                                 \
     "the new image's format: raw, vhd, vhdx, vmdk, vdi or qcow2; without it the name's extension tells, and raw it "  \
     "is where that says nothing"},                                                                                    \
        {"subformat", "NAME",                                                                                          \
         "which kind of it: dynamic or fixed (vhd, vhdx, vdi), monolithicSparse (vmdk); the first is the usual one"},  \
        {"block-size", "N", "bytes of a cluster or block, a power of two, as in 64K (qcow2, vhd, vhdx)"},              \
        {"overwrite", NULL, "replace the file if it is there"},                                                        \
    {                                                                                                                  \
        "threads", "N", "how many parts to copy at a time, 1 to 64; as many as processors, at most 8, otherwise"       \
    }

/* Reads these options. `path`: the new image's. */
enum platter_result cli_target_read(const struct cli_arguments *arguments, const char *path,
                                    struct platter_convert_options *options, struct platter_error *err);
/*
 * Makes the image: a copy of `source`, or empty when it is NULL. Shows how far it is, and can be interrupted. `password`:
 * what the image below a child is opened with; NULL: none.
 */
enum platter_result cli_target_make(const char *path, struct platter_convert_options *options,
                                    struct platter_block *source, const char *password, struct cli_reply *reply,
                                    struct platter_error *err);

#endif
