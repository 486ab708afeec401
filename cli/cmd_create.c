/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "image.h"
#include "target.h"

#include "../engine/reference.h"

const struct cli_option cli_create_options[] = {
    {"size", "N", "bytes of the disk, or with K, M, G or T behind the number; more than IMAGE's leaves room behind it"},
    {"from", "IMAGE", "copy the disk in this image, of any format"},
    {"backing", "IMAGE",
     "make a child of this image, of any format: a QCOW2 image that reads as IMAGE and takes the writes; IMAGE is not "
     "to "
     "be changed any more"},
    CLI_TARGET_OPTIONS,
    CLI_SOURCE_OPTIONS,
    {NULL, NULL, NULL}};

/* The new disk's sectors are IMAGE's, if there is one. */
static enum platter_result read_options(const struct cli_arguments *arguments, struct platter_convert_options *options,
                                        struct platter_error *err)
{
    bool from = cli_option_given(arguments, "from"), backing = cli_option_given(arguments, "backing");
    enum platter_result result = cli_target_read(arguments, arguments->operands[0], options, err);
    uint64_t sector_size = 0;

    if (result == PLATTER_OK)
        result = cli_option_size(arguments, "size", 1, INT64_MAX, &options->size, err);
    if (result == PLATTER_OK && !from && !backing)
        result = cli_option_number(arguments, "sector-size", 512, 4096, &sector_size, err);
    if (result == PLATTER_OK && sector_size && sector_size != 512 && sector_size != 4096)
        result =
            platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                              "'--sector-size %llu': want 512 or 4096 for a new disk", (unsigned long long)sector_size);
    options->sector_size = (uint32_t)sector_size;
    if (result != PLATTER_OK)
        return result;
    if (from && backing)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--from' and '--backing' exclude each other");
    if (!options->size && !from && !backing)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "none of '--size', '--from' and '--backing' tells how large the disk is to be");
    /* A name that tells nothing stands for raw otherwise, which has no children. */
    if (backing && !cli_option_given(arguments, "format") && !platter_format_for_name(arguments->operands[0]))
        options->format = "qcow2";
    return PLATTER_OK;
}

/* A server's address in an image is not followed, so the child could not be opened. */
static enum platter_result check_backing(struct platter_image *image, struct platter_error *err)
{
    const char *path = platter_image_info(image)->path;

    if (!platter_reference_is_url(path))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                             "cannot be named in an image; 'serve' and 'mount' take '--overlay=FILE' for it");
}

enum platter_result cli_create(const struct cli_arguments *arguments, struct cli_reply *reply,
                               struct platter_error *err)
{
    const char *from = cli_option_value(arguments, "from"), *backing = cli_option_value(arguments, "backing");
    struct platter_convert_options options;
    struct cli_image_options source;
    struct platter_image *image = NULL;
    enum platter_result result = read_options(arguments, &options, err);

    if (result == PLATTER_OK)
        result = cli_source_options_read(arguments, &source, err);
    if (result == PLATTER_OK && (from || backing))
        result = platter_image_open(from ? from : backing, &source.open, &image, err);
    if (result == PLATTER_OK && backing)
        result = check_backing(image, err);
    if (result != PLATTER_OK)
        goto out;
    options.backing = backing ? image : NULL;
    if (reply->json) {
        platter_json_text(reply->root, "from", from);
        platter_json_text(reply->root, "backing", backing);
    }
    result = cli_target_make(arguments->operands[0], &options, from ? platter_image_block(image) : NULL,
                             backing ? source.open.password : NULL, reply, err);
out:
    platter_image_close(image);
    return result;
}
