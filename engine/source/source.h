/* SPDX-License-Identifier: MIT */
/* Where an image's bytes come from: a file, or a server that the user named. */
#ifndef PLATTER_ENGINE_SOURCE_SOURCE_H
#define PLATTER_ENGINE_SOURCE_SOURCE_H

#include "../block.h"

/*
 * True for what the user means as a URI of an NBD server. What an image file says of its parents and parts is never asked
 * this way: only what the user named is connected to.
 */
bool platter_source_is_remote(const char *path);

/* For the image that the user named; its neighbours are platter_file_open()'s. flags: enum platter_open_flag. */
enum platter_result platter_source_open(const char *path, uint32_t flags, struct platter_block **block,
                                        struct platter_error *err);

#endif
