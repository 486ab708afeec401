/* SPDX-License-Identifier: MIT */
/* Opening an image that is to be written: in place, or with an overlay that takes the writes. */
#ifndef PLATTER_CLI_OVERLAY_H
#define PLATTER_CLI_OVERLAY_H

#include "arguments.h"
#include "json.h"

/* For the option table of every command that writes to images. */
#define CLI_OVERLAY_OPTION                                                                                             \
    {                                                                                                                  \
        "overlay", "[=FILE]",                                                                                          \
            "leave the image as it is and write to FILE, a QCOW2 overlay, made if it is not there; without FILE, to "  \
            "a "                                                                                                       \
            "temporary one that goes with the mount"                                                                   \
    }

/* How an image was opened. */
struct cli_writing {
    char why[512];    /* it is read-only, though nobody asked for that; else "" */
    char notice[640]; /* it has a temporary overlay, though nobody asked for that; else "" */
};

/*
 * Opens operand 0 for reading (`read_only`) or for writing: to the overlay that --overlay names, to a temporary one
 * where the image is a backup or compressed, else in place, or read-only when that cannot be. `flags`: enum
 * platter_open_flag, of what is written.
 */
enum platter_result cli_open_for_writing(const struct cli_arguments *arguments, bool read_only, uint32_t flags,
                                         struct platter_image **image, struct cli_writing *writing,
                                         struct platter_error *err);
/* "overlay": null, or {"file": path or null, "temporary": bool}; `overlay` as in struct platter_image_info. */
void cli_overlay_json(json_t *root, const char *overlay);

#endif
