/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_IMAGE_H
#define PLATTER_ENGINE_IMAGE_H

#include "format/format.h"

/* platter_image_open for an image that is the parent of another; chain.c calls it. */
enum platter_result platter_image_open_in(const char *path, const struct platter_open_options *options,
                                          const struct platter_chain *chain, struct platter_image **image,
                                          struct platter_error *err);

const struct platter_format *platter_image_format(struct platter_image *image);

#endif
