/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_IMAGE_H
#define PLATTER_ENGINE_IMAGE_H

#include "format/format.h"

const struct platter_format *platter_image_format(struct platter_image *image);

#endif
