/* SPDX-License-Identifier: MIT */
/* Opening an image that is to be written: in place, or with an overlay that takes the writes. */
#ifndef PLATTER_MOUNT_OVERLAY_H
#define PLATTER_MOUNT_OVERLAY_H

#include "json.h"

#include <platter/engine.h>

/* How an image was opened. */
struct platter_writing {
    char why[512];    /* it is read-only, though nobody asked for that; else "" */
    char notice[640]; /* it has a temporary overlay, though nobody asked for that; else "" */
};

/*
 * Opens `path` for reading (`read_only`) or for writing: to `overlay` (a file; "": a temporary one), to a temporary one
 * where the image is a backup or compressed (read-only, where `lasting`: then nothing may be lost with the mount), else
 * in place, or read-only when that cannot be. The flags of `options` are for what is written.
 */
enum platter_result platter_open_for_writing(const char *path, const struct platter_open_options *options,
                                             const char *overlay, bool read_only, bool lasting,
                                             struct platter_image **image, struct platter_writing *writing,
                                             struct platter_error *err);
/* "overlay": null, or {"file": path or null, "temporary": bool}; `overlay` as in struct platter_image_info. */
void platter_overlay_json(json_t *root, const char *overlay);

#endif
