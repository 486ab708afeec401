/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "console.h"
#include "../mount/text.h"

#include <string.h>

/* Formats that are known and never made, by the ends of their files' names: no raw disk is to bear such a name. */
static const char *const foreign[] = {"mrimgx", "mrbakx", "mrimg", "mrbak", "avhd", "avhdx"};

static enum platter_result deduce(const char *path, const char **format, struct platter_error *err)
{
    const char *dot = strrchr(platter_base_name(path), '.');

    *format = platter_format_for_name(path);
    for (size_t i = 0; dot && !*format && i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (strcmp(dot + 1, foreign[i]) == 0)
            return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                     "images of this kind cannot be made; '--format' names one that can");
    }
    if (!*format)
        *format = "raw";
    return PLATTER_OK;
}

enum platter_result cli_target_read(const struct cli_arguments *arguments, const char *path,
                                    struct platter_convert_options *options, struct platter_error *err)
{
    uint64_t threads = 0, block_size = 0;
    enum platter_result result = cli_option_number(arguments, "threads", 1, 64, &threads, err);

    if (result == PLATTER_OK)
        result = cli_option_size(arguments, "block-size", 512, 1u << 30, &block_size, err);
    if (result != PLATTER_OK)
        return result;
    memset(options, 0, sizeof(*options));
    options->format = cli_option_value(arguments, "format");
    options->subformat = cli_option_value(arguments, "subformat");
    options->block_size = (uint32_t)block_size;
    options->overwrite = cli_option_given(arguments, "overwrite");
    options->threads = (unsigned)threads;
    return options->format ? PLATTER_OK : deduce(path, &options->format, err);
}

/* Bytes a second. Not by 1000 first: disks of 2^54 bytes and more exist, sparse. */
static uint64_t rate_of(uint64_t bytes, uint64_t elapsed_ms)
{
    return (uint64_t)((double)bytes * 1000 / (double)(elapsed_ms ? elapsed_ms : 1));
}

static void tell(const struct platter_image_info *info, uint64_t copied, uint64_t elapsed_ms, struct cli_reply *reply)
{
    char size[PLATTER_SIZE_TEXT], rate[PLATTER_SIZE_TEXT];

    if (reply->json) {
        platter_json_text(reply->root, "output", info->path);
        platter_json_text(reply->root, "output_format", info->format);
        platter_json_text(reply->root, "output_variant", info->variant);
        platter_json_number(reply->root, "size", info->virtual_size);
        platter_json_number(reply->root, "sector_size", info->sector_size);
        platter_json_number(reply->root, "bytes", copied);
        platter_json_number(reply->root, "milliseconds", elapsed_ms);
        return;
    }
    cli_print_name(CLI_OUT, info->path);
    cli_print(CLI_OUT, ": %s%s%s, %s", info->format, info->variant[0] ? " " : "", info->variant,
              platter_size_text(info->virtual_size, size));
    if (copied)
        cli_print(CLI_OUT, " in %llu.%llu s (%s/s)", (unsigned long long)(elapsed_ms / 1000),
                  (unsigned long long)(elapsed_ms % 1000 / 100), platter_size_text(rate_of(copied, elapsed_ms), rate));
    cli_print(CLI_OUT, "\n");
}

/* What is told of the image it tells itself, so that it has been opened once before anybody needs it. */
static enum platter_result look(const char *path, const struct platter_open_options *options, uint64_t copied,
                                uint64_t elapsed_ms, struct cli_reply *reply, struct platter_error *err)
{
    struct platter_image *image;
    enum platter_result result = platter_image_open(path, options, &image, err);

    if (result != PLATTER_OK)
        return result;
    tell(platter_image_info(image), copied, elapsed_ms, reply);
    platter_image_close(image);
    return PLATTER_OK;
}

enum platter_result cli_target_make(const char *path, struct platter_convert_options *options,
                                    struct platter_block *source, const char *password, struct cli_reply *reply,
                                    struct platter_error *err)
{
    const struct platter_open_options open = {.format = options->format, .password = password};
    struct cli_progress progress;
    enum platter_result result;

    options->progress.function = cli_progress_step;
    options->progress.context = &progress;
    cli_interrupt_catch(NULL, NULL);
    cli_progress_begin(&progress);
    result = source ? platter_convert(source, path, options, err) : platter_create(path, options, err);
    cli_progress_end(&progress);
    cli_interrupt_done();
    if (result == PLATTER_E_EXISTS)
        reply->hint = "'--overwrite' replaces it";
    else if (result == PLATTER_E_CANCELLED)
        reply->hint = "nothing was left behind";
    if (result != PLATTER_OK)
        return result;
    return look(path, &open, source ? platter_block_size(source) : 0, cli_monotonic_ms() - progress.start_ms, reply,
                err);
}
