/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "progress.h"
#include "../mount/text.h"

const struct cli_option cli_overlay_options[] = {{NULL, NULL, NULL}};

enum platter_result cli_overlay_commit(const struct cli_arguments *arguments, struct cli_reply *reply,
                                       struct platter_error *err)
{
    const char *path = arguments->operands[0];
    struct cli_progress shown = {0};
    const struct platter_progress progress = {cli_progress_step, &shown};
    char size[PLATTER_SIZE_TEXT];
    uint64_t bytes = 0;
    enum platter_result result;

    cli_interrupt_catch(NULL, NULL);
    cli_progress_begin(&shown);
    result = platter_overlay_commit(path, &progress, &bytes, err);
    cli_progress_end(&shown);
    cli_interrupt_done();
    if (result == PLATTER_E_CANCELLED)
        reply->hint = "the overlay is as it was; do it again before the image is used, which has a part of it";
    if (result == PLATTER_E_BUSY)
        reply->hint = "unmount what uses it first";
    if (result != PLATTER_OK)
        return result;
    if (reply->json) {
        platter_json_text(reply->root, "overlay", path);
        platter_json_number(reply->root, "bytes", bytes);
    } else {
        cli_print_name(CLI_OUT, path);
        cli_print(CLI_OUT, ": %s written into the image; the overlay is removed\n", platter_size_text(bytes, size));
    }
    return PLATTER_OK;
}

enum platter_result cli_overlay_discard(const struct cli_arguments *arguments, struct cli_reply *reply,
                                        struct platter_error *err)
{
    const char *path = arguments->operands[0];
    enum platter_result result = platter_overlay_discard(path, err);

    if (result == PLATTER_E_BUSY)
        reply->hint = "unmount what uses it first";
    if (result != PLATTER_OK)
        return result;
    if (reply->json) {
        platter_json_text(reply->root, "overlay", path);
    } else {
        cli_print_name(CLI_OUT, path);
        cli_print(CLI_OUT, ": removed, with all that was written to it\n");
    }
    return PLATTER_OK;
}
