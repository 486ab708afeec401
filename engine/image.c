/* SPDX-License-Identifier: MIT */
/* Images: the file, the format found in it, and the disk that the format makes of it. */
#include <stdlib.h>
#include <string.h>

#include "ahead.h"
#include "detail.h"
#include "format/format.h"
#include "image.h"
#include "source/file.h"
#include "source/source.h"

struct platter_image {
    const struct platter_format *format;
    struct platter_block *decoded; /* what the format made */
    struct platter_block *block;   /* the same, or read ahead of */
    bool view;                     /* not the image's present first disk, but a snapshot or another */
    char *overlay;                 /* NULL: there is none */
    struct platter_detail_list details;
    struct platter_image_info info;
    char path[];
};

static const struct platter_format *find_format(struct platter_block *file, const char *wanted,
                                                struct platter_error *err)
{
    const struct platter_format *maybe = NULL;

    for (size_t i = 0; platter_formats[i]; i++) {
        const struct platter_format *format = platter_formats[i];
        enum platter_probe probe;

        if (wanted) {
            if (strcmp(wanted, format->name) == 0)
                return format;
            continue;
        }
        probe = format->probe(file);
        if (probe == PLATTER_PROBE_YES)
            return format;
        if (probe == PLATTER_PROBE_MAYBE && !maybe)
            maybe = format;
    }
    if (wanted)
        (void)platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "there is no image format \"%s\"",
                                wanted);
    else if (!maybe)
        (void)platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                "is not an image of a format known here");
    return maybe;
}

/* Whoever asks for a snapshot is not to get the present state instead, unsaid. */
static enum platter_result check_features(const struct platter_format *format, const char *path,
                                          const struct platter_open_options *options, struct platter_error *err)
{
    if (options->snapshot && !(format->features & PLATTER_FORMAT_SNAPSHOTS))
        return platter_error_set(err, PLATTER_E_NOT_FOUND, path, PLATTER_NO_OFFSET,
                                 "%s images have no snapshots inside, so there is no \"%s\"", format->name,
                                 options->snapshot);
    if (options->disk > 1 && !(format->features & PLATTER_FORMAT_DISKS))
        return platter_error_set(err, PLATTER_E_NOT_FOUND, path, PLATTER_NO_OFFSET,
                                 "%s images hold one disk, so there is no disk %u", format->name, options->disk);
    return PLATTER_OK;
}

/* Growing, and the order of writes that a cut may not break, want a file; a server's export is one size for ever. */
static enum platter_result check_remote(const struct platter_format *format, const char *path, uint32_t flags,
                                        struct platter_error *err)
{
    if (!(flags & PLATTER_OPEN_WRITABLE) || !platter_source_is_remote(path) || strcmp(format->name, "raw") == 0)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_READ_ONLY, path, PLATTER_NO_OFFSET,
                             "%s images at a server are only read, raw ones are written", format->name);
}

static void fill_info(struct platter_image *image, struct platter_block *file, const struct platter_opened *opened)
{
    struct platter_image_info *info = &image->info;

    info->path = image->path;
    info->format = image->format->name;
    info->variant = opened->variant ? opened->variant : "";
    info->virtual_size = platter_block_size(image->block);
    info->file_size = opened->file_size ? opened->file_size : platter_block_size(file);
    info->allocated_size = opened->file_size ? opened->allocated_size : platter_file_allocated(file);
    info->sector_size = platter_block_sector_size(image->block);
    info->physical_sector_size = platter_block_physical_sector_size(image->block);
    info->writable =
        opened->writable && check_remote(image->format, image->path, PLATTER_OPEN_WRITABLE, NULL) == PLATTER_OK;
    info->detail_count = image->details.count;
    info->details = image->details.lines;
    info->compressed = opened->compressed;
}

enum platter_result platter_image_open(const char *path, const struct platter_open_options *options,
                                       struct platter_image **image, struct platter_error *err)
{
    return platter_image_open_in(path, options, NULL, image, err);
}

enum platter_result platter_image_open_in(const char *path, const struct platter_open_options *options,
                                          const struct platter_chain *chain, struct platter_image **image,
                                          struct platter_error *err)
{
    static const struct platter_open_options defaults;
    struct platter_open_request request = {.path = path, .chain = chain};
    struct platter_opened opened = {.variant = ""};
    struct platter_block *file = NULL;
    struct platter_image *made;
    enum platter_result result;
    size_t length;

    if (!options)
        options = &defaults;
    if (!path || !path[0])
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "no image was named");
    length = strlen(path) + 1;
    made = calloc(1, sizeof(*made) + length);
    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    memcpy(made->path, path, length);
    /* What an image says of its parent is a file's name, and no server's. */
    result = chain ? platter_file_open(path, options->flags, &file, err)
                   : platter_source_open(path, options->flags, &file, err);
    if (result)
        goto fail;
    if (platter_block_size(file) == 0) {
        result = platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is empty");
        goto fail;
    }
    made->format = find_format(file, options->format, err);
    if (!made->format) {
        result = options->format ? PLATTER_E_USAGE : PLATTER_E_FORMAT;
        goto fail;
    }
    opened.details = &made->details;
    request.options = options;
    result = check_features(made->format, path, options, err);
    if (result == PLATTER_OK)
        result = check_remote(made->format, path, options->flags, err);
    if (result)
        goto fail;
    result = made->format->open(file, &request, &opened, err);
    if (result)
        goto fail;
    made->decoded = made->block = opened.block;
    if (opened.unit && (options->flags & PLATTER_OPEN_READ_AHEAD) && !(options->flags & PLATTER_OPEN_WRITABLE)) {
        result = platter_ahead_of_decoder(made->decoded, opened.unit, &made->block, err);
        if (result)
            goto fail_ahead;
        platter_block_unref(made->decoded);
    }
    made->view = options->snapshot || options->disk > 1;
    fill_info(made, file, &opened);
    /* The format keeps its own reference to the file. */
    platter_block_unref(file);
    *image = made;
    return PLATTER_OK;
fail_ahead:
    platter_block_unref(made->decoded);
fail:
    platter_detail_free(&made->details);
    platter_block_unref(file);
    free(made);
    return result;
}

enum platter_result platter_image_over(struct platter_image *base, const struct platter_format *format,
                                       struct platter_block *block, const char *overlay, struct platter_image **image,
                                       struct platter_error *err)
{
    size_t path = strlen(base->path) + 1, length = strlen(overlay) + 1;
    struct platter_image *made = calloc(1, sizeof(*made) + path + length);

    if (!made) {
        platter_block_unref(block);
        return platter_error_set(err, PLATTER_E_NO_MEMORY, base->path, PLATTER_NO_OFFSET, "out of memory");
    }
    made->format = format;
    made->decoded = made->block = block;
    memcpy(made->path, base->path, path);
    made->overlay = made->path + path;
    memcpy(made->overlay, overlay, length);
    for (size_t i = 0; i < base->details.count; i++)
        platter_detail_add(&made->details, base->details.lines[i].key, "%s", base->details.lines[i].value);
    made->info = base->info;
    made->info.path = made->path;
    made->info.overlay = made->overlay;
    made->info.writable = true;
    made->info.detail_count = made->details.count;
    made->info.details = made->details.lines;
    *image = made;
    return PLATTER_OK;
}

bool platter_image_is_view(struct platter_image *image)
{
    return image->view;
}

void platter_image_close(struct platter_image *image)
{
    if (!image)
        return;
    platter_block_unref(image->block);
    platter_detail_free(&image->details);
    free(image);
}

struct platter_block *platter_image_decoded(struct platter_image *image)
{
    return image->decoded;
}

struct platter_block *platter_image_block(struct platter_image *image)
{
    return image->block;
}

const struct platter_image_info *platter_image_info(struct platter_image *image)
{
    return &image->info;
}

const struct platter_format *platter_image_format(struct platter_image *image)
{
    return image->format;
}
