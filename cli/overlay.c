/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <stdio.h>
#include <string.h>

#include "image.h"
#include "text.h"

static void notice(const struct cli_arguments *arguments, const struct platter_image_info *info,
                   struct cli_writing *writing)
{
    const char *why = info->compressed                      ? "compressed images are not written to"
                      : strcmp(info->format, "mrimgx") == 0 ? "backups are not written to"
                                                            : "an image of this kind is not written to";

    (void)snprintf(writing->notice, sizeof(writing->notice),
                   "%.300s: %s. Changes go to a temporary overlay and are lost with it when this ends; "
                   "'--overlay=FILE' keeps them, '--read-only' refuses them",
                   cli_base_name(arguments->operands[0]), why);
}

enum platter_result cli_open_for_writing(const struct cli_arguments *arguments, bool read_only, uint32_t flags,
                                         struct platter_image **image, struct cli_writing *writing,
                                         struct platter_error *err)
{
    const char *overlay = cli_option_value(arguments, "overlay");
    const struct platter_image_info *info;
    struct platter_image *base = NULL;
    enum platter_result result;

    writing->why[0] = writing->notice[0] = '\0';
    if (overlay && read_only)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--overlay' and '--read-only' exclude each other");
    /* For reading first: opening for writing may already change a file that is not to be changed. */
    result = cli_image_open(arguments, 0, &base, err);
    if (result == PLATTER_OK && read_only) {
        *image = base;
        return PLATTER_OK;
    }
    if (result != PLATTER_OK)
        return result;
    info = platter_image_info(base);
    if (overlay || info->compressed || !info->writable) {
        if (!overlay)
            notice(arguments, info, writing);
        result = platter_overlay_open(base, overlay && overlay[0] ? overlay : NULL, flags, image, err);
        platter_image_close(base);
        return result;
    }
    platter_image_close(base);
    return cli_image_open_writable(arguments, flags, image, writing->why, sizeof(writing->why), err);
}

void cli_overlay_json(json_t *root, const char *overlay)
{
    json_t *object;

    if (!overlay) {
        cli_json_null(root, "overlay");
        return;
    }
    object = cli_json_object(root, "overlay");
    cli_json_text(object, "file", overlay[0] ? overlay : NULL);
    cli_json_bool(object, "temporary", !overlay[0]);
}
