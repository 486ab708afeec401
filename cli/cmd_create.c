/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "image.h"
#include "target.h"

const struct cli_option cli_create_options[] = {
    {"size", "N", "bytes of the disk, or with K, M, G or T behind the number; more than IMAGE's leaves room behind it"},
    {"from", "IMAGE", "copy the disk in this image, of any format"},
    CLI_TARGET_OPTIONS,
    CLI_SOURCE_OPTIONS,
    {NULL, NULL, NULL}};

/* The new disk's sectors are IMAGE's, if there is one. */
static enum platter_result read_options(const struct cli_arguments *arguments, struct platter_convert_options *options,
                                        struct platter_error *err)
{
    enum platter_result result = cli_target_read(arguments, arguments->operands[0], options, err);
    uint64_t sector_size = 0;

    if (result == PLATTER_OK)
        result = cli_option_size(arguments, "size", 1, INT64_MAX, &options->size, err);
    if (result == PLATTER_OK && !cli_option_given(arguments, "from"))
        result = cli_option_number(arguments, "sector-size", 512, 4096, &sector_size, err);
    options->sector_size = (uint32_t)sector_size;
    if (result == PLATTER_OK && !options->size && !cli_option_given(arguments, "from"))
        result = platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                   "neither '--size' nor '--from' tells how large the disk is to be");
    return result;
}

enum platter_result cli_create(const struct cli_arguments *arguments, struct cli_reply *reply,
                               struct platter_error *err)
{
    const char *from = cli_option_value(arguments, "from");
    struct platter_convert_options options;
    struct platter_image *image = NULL;
    enum platter_result result = read_options(arguments, &options, err);

    if (result == PLATTER_OK && from)
        result = cli_source_open(arguments, from, &image, err);
    if (result != PLATTER_OK)
        return result;
    if (reply->json)
        platter_json_text(reply->root, "from", from);
    result = cli_target_make(arguments->operands[0], &options, image ? platter_image_block(image) : NULL, reply, err);
    platter_image_close(image);
    return result;
}
