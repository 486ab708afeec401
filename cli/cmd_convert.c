/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "image.h"
#include "progress.h"
#include "text.h"

const struct cli_option cli_convert_options[] = {
    {"partition", "N", "copy only this partition, by its number in 'platter info'"},
    {"overwrite", NULL, "replace OUT if it is there"},
    {"threads", "N", "how many parts to copy at a time, 1 to 64; as many as processors, at most 8, otherwise"},
    CLI_IMAGE_OPTIONS,
    {NULL, NULL, NULL}};

/* Bytes a second. Not by 1000 first: disks of 2^54 bytes and more exist, sparse. */
static uint64_t rate_of(uint64_t bytes, uint64_t elapsed_ms)
{
    return (uint64_t)((double)bytes * 1000 / (double)(elapsed_ms ? elapsed_ms : 1));
}

static void tell(const struct cli_arguments *arguments, struct cli_reply *reply, uint64_t bytes, uint64_t elapsed_ms)
{
    char size[CLI_SIZE_TEXT], rate[CLI_SIZE_TEXT];

    if (reply->json) {
        cli_json_text(reply->root, "image", arguments->operands[0]);
        cli_json_text(reply->root, "output", arguments->operands[1]);
        cli_json_text(reply->root, "output_format", "raw");
        cli_json_number(reply->root, "bytes", bytes);
        cli_json_number(reply->root, "milliseconds", elapsed_ms);
        return;
    }
    cli_print(CLI_OUT, "%s: %s in %llu.%llu s (%s/s)\n", arguments->operands[1], cli_size_text(bytes, size),
              (unsigned long long)(elapsed_ms / 1000), (unsigned long long)(elapsed_ms % 1000 / 100),
              cli_size_text(rate_of(bytes, elapsed_ms), rate));
}

enum platter_result cli_convert(const struct cli_arguments *arguments, struct cli_reply *reply,
                                struct platter_error *err)
{
    struct cli_progress progress;
    struct platter_convert_options options = {.overwrite = cli_option_given(arguments, "overwrite"),
                                              .progress = {cli_progress_step, &progress}};
    struct platter_image *image = NULL;
    struct platter_block *block = NULL;
    uint64_t threads = 0;
    enum platter_result result = cli_option_number(arguments, "threads", 1, 64, &threads, err);

    if (result == PLATTER_OK)
        result = cli_image_open(arguments, 0, &image, err);
    if (result != PLATTER_OK)
        return result;
    options.threads = (unsigned)threads;
    result = cli_image_block(arguments, image, &block, err);
    if (result != PLATTER_OK)
        goto close_image;

    cli_interrupt_catch(NULL, NULL);
    cli_progress_begin(&progress);
    result = platter_convert(block, arguments->operands[1], &options, err);
    cli_progress_end(&progress);
    cli_interrupt_done();
    if (result == PLATTER_OK)
        tell(arguments, reply, platter_block_size(block), cli_monotonic_ms() - progress.start_ms);
    else if (result == PLATTER_E_EXISTS)
        reply->hint = "'--overwrite' replaces it";
    else if (result == PLATTER_E_CANCELLED)
        reply->hint = "nothing was left behind";
    platter_block_unref(block);
close_image:
    platter_image_close(image);
    return result;
}
