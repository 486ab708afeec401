/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_IMAGE_H
#define PLATTER_ENGINE_IMAGE_H

#include "format/format.h"

/* platter_image_open for an image that is the parent of another; chain.c calls it. */
enum platter_result platter_image_open_in(const char *path, const struct platter_open_options *options,
                                          const struct platter_chain *chain, struct platter_image **image,
                                          struct platter_error *err);

/*
 * What `base` is, with the disk that is written to `overlay` ("": a temporary one) in its place. Takes `block` over,
 * also when it fails. `format` is the overlay's.
 */
enum platter_result platter_image_over(struct platter_image *base, const struct platter_format *format,
                                       struct platter_block *block, const char *overlay, struct platter_image **image,
                                       struct platter_error *err);
/* Whether options other than the defaults say what of the image it shows: a snapshot, another disk. */
bool platter_image_is_view(struct platter_image *image);

/* The block that the format itself made, without read-ahead: for its own functions. Borrowed. */
struct platter_block *platter_image_decoded(struct platter_image *image);
const struct platter_format *platter_image_format(struct platter_image *image);

#endif
