/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "image.h"
#include "target.h"

const struct cli_option cli_convert_options[] = {
    {"partition", "N", "copy only this partition, by its number in 'platter info'"},
    CLI_TARGET_OPTIONS,
    CLI_SOURCE_OPTIONS,
    {NULL, NULL, NULL}};

enum platter_result cli_convert(const struct cli_arguments *arguments, struct cli_reply *reply,
                                struct platter_error *err)
{
    struct platter_convert_options options;
    struct platter_image *image = NULL;
    struct platter_block *block = NULL;
    enum platter_result result = cli_target_read(arguments, arguments->operands[1], &options, err);

    if (result == PLATTER_OK)
        result = cli_source_open(arguments, arguments->operands[0], &image, err);
    if (result != PLATTER_OK)
        return result;
    if (reply->json)
        platter_json_text(reply->root, "image", arguments->operands[0]);
    result = cli_image_block(arguments, image, &block, err);
    if (result == PLATTER_OK)
        result = cli_target_make(arguments->operands[1], &options, block, NULL, reply, err);
    platter_block_unref(block);
    platter_image_close(image);
    return result;
}
