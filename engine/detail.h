/* SPDX-License-Identifier: MIT */
/* What a format has to say of an image, gathered while it opens it. */
#ifndef PLATTER_ENGINE_DETAIL_H
#define PLATTER_ENGINE_DETAIL_H

#include <platter/engine.h>

struct platter_detail_list {
    size_t count, room;
    struct platter_image_detail *lines;
};

void platter_detail_free(struct platter_detail_list *list); /* what it holds, not the list itself */

#endif
