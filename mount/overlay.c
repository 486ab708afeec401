/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static const char *why_not_in_place(const struct platter_image_info *info)
{
    if (info->compressed)
        return "compressed images are not written to";
    return strcmp(info->format, "mrimgx") == 0 ? "backups are not written to"
                                               : "an image of this kind is not written to";
}

static void notice(const char *path, const struct platter_image_info *info, struct platter_writing *writing)
{
    (void)snprintf(writing->notice, sizeof(writing->notice),
                   "%.300s: %s. Changes go to a temporary overlay and are lost with it when this ends; "
                   "'--overlay=FILE' keeps them, '--read-only' refuses them",
                   platter_base_name(path), why_not_in_place(info));
}

/* Read-only when it cannot be written: then *why tells the reason. What is wrong beyond that is an error. */
static enum platter_result open_in_place(const char *path, const struct platter_open_options *options,
                                         struct platter_image **image, struct platter_writing *writing,
                                         struct platter_error *err)
{
    struct platter_open_options open = *options;
    struct platter_error first;
    enum platter_result result;

    open.flags |= PLATTER_OPEN_WRITABLE;
    result = platter_image_open(path, &open, image, &first);
    if (result == PLATTER_OK) {
        if (!(platter_block_caps(platter_image_block(*image)) & PLATTER_CAP_WRITE))
            (void)snprintf(writing->why, sizeof(writing->why), "%s images of this kind cannot be written",
                           platter_image_info(*image)->format);
        return PLATTER_OK;
    }
    if (result != PLATTER_E_ACCESS && result != PLATTER_E_READ_ONLY && result != PLATTER_E_UNSUPPORTED) {
        *err = first;
        return result;
    }
    (void)snprintf(writing->why, sizeof(writing->why), "%s", first.message);
    open.flags = options->flags & ~(uint32_t)PLATTER_OPEN_UNBUFFERED;
    return platter_image_open(path, &open, image, err);
}

enum platter_result platter_open_for_writing(const char *path, const struct platter_open_options *options,
                                             const char *overlay, bool read_only, bool lasting,
                                             struct platter_image **image, struct platter_writing *writing,
                                             struct platter_error *err)
{
    struct platter_open_options reading = *options;
    const struct platter_image_info *info;
    struct platter_image *base = NULL;
    enum platter_result result;

    writing->why[0] = writing->notice[0] = '\0';
    if (overlay && read_only)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--overlay' and '--read-only' exclude each other");
    /* For reading first: opening for writing may already change a file that is not to be changed. */
    reading.flags = PLATTER_OPEN_READ_AHEAD;
    result = platter_image_open(path, &reading, &base, err);
    if (result == PLATTER_OK && read_only) {
        *image = base;
        return PLATTER_OK;
    }
    if (result != PLATTER_OK)
        return result;
    info = platter_image_info(base);
    if (lasting && !overlay && (info->compressed || !info->writable)) {
        (void)snprintf(writing->why, sizeof(writing->why), "%s; '--overlay=FILE' keeps changes",
                       why_not_in_place(info));
        *image = base;
        return PLATTER_OK;
    }
    if (overlay || info->compressed || !info->writable) {
        if (!overlay)
            notice(path, info, writing);
        result = platter_overlay_open(base, overlay && overlay[0] ? overlay : NULL, options->flags, image, err);
        platter_image_close(base);
        return result;
    }
    platter_image_close(base);
    return open_in_place(path, options, image, writing, err);
}

void platter_overlay_json(json_t *root, const char *overlay)
{
    json_t *object;

    if (!overlay) {
        platter_json_null(root, "overlay");
        return;
    }
    object = platter_json_object(root, "overlay");
    platter_json_text(object, "file", overlay[0] ? overlay : NULL);
    platter_json_bool(object, "temporary", !overlay[0]);
}
