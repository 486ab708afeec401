/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "image.h"

const struct cli_option cli_info_options[] = {CLI_IMAGE_OPTIONS, {NULL, NULL, NULL}};

enum platter_result cli_info(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    struct platter_image *image = NULL;
    struct platter_partition_table *table = NULL;
    enum platter_result result = cli_image_open(arguments, PLATTER_OPEN_SHARE_WRITERS, &image, err);

    if (result != PLATTER_OK)
        return result;
    if (reply->json)
        cli_image_json(reply->root, image);
    else
        cli_image_print(image);
    /* A damaged table is an error, and still what is known of the image has been said. */
    result = platter_partitions_read(platter_image_block(image), &table, err);
    if (result == PLATTER_OK && reply->json)
        cli_partitions_json(reply->root, table);
    else if (result == PLATTER_OK && !cli_partitions_print(table))
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    else if (reply->json)
        platter_json_null(reply->root, "partition_table");
    platter_partitions_free(table);
    platter_image_close(image);
    return result;
}
