/* SPDX-License-Identifier: MIT */
/* What a new image is to be. */
#ifndef PLATTER_ENGINE_COPY_CREATE_H
#define PLATTER_ENGINE_COPY_CREATE_H

#include "../format/format.h"
#include "writer.h"

/*
 * Checks what is asked for against what the format can, and starts the image. `source`: what will be copied into it;
 * NULL: nothing. Errors name `path`, or nothing where the request is at fault.
 */
enum platter_result platter_writer_start(const char *path, const struct platter_convert_options *options,
                                         struct platter_block *source, struct platter_writer **writer,
                                         struct platter_error *err);

#endif
