/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "image.h"
#include "../mount/text.h"

#include "nbd_server.h"

#include <stdio.h>

const struct cli_option cli_serve_options[] = {
    {"socket", "PATH", "listen on this Unix socket"},
    {"port", "N", "listen on this TCP port of 127.0.0.1 and ::1; 0: one that is free"},
    {"partition", "N", "serve only this partition, by its number in 'platter info'"},
    {"read-only", NULL, "refuse writes"},
    CLI_OVERLAY_OPTION,
    {"name", "TEXT", "the export's name; none otherwise, and the empty name always works"},
    {"threads", "N", "how many requests of one client to work on at a time, 1 to 64"},
    CLI_IMAGE_OPTIONS,
    {NULL, NULL, NULL}};

static void stop(void *server)
{
    platter_nbd_server_stop(server);
}

static enum platter_result read_options(const struct cli_arguments *arguments, struct platter_nbd_options *options,
                                        struct platter_error *err)
{
    const char *port = cli_option_value(arguments, "port");
    uint64_t number = 0, threads = 0;
    enum platter_result result;

    options->socket_path = cli_option_value(arguments, "socket");
    options->export_name = cli_option_value(arguments, "name");
    options->read_only = cli_option_given(arguments, "read-only");
    if (!options->socket_path == !port)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s",
                                 port ? "'--socket' and '--port' exclude each other"
                                      : "say where to listen: --socket PATH or --port N");
    result = cli_option_number(arguments, "port", 0, UINT16_MAX, &number, err);
    if (result == PLATTER_OK)
        result = cli_option_number(arguments, "threads", 1, 64, &threads, err);
    options->port = (uint16_t)number;
    options->threads = (unsigned)threads;
    return result;
}

/* Of each kind the first: where the disk is full, thousands of writes may fail. */
static void tell_failure(void *context, const struct platter_error *err)
{
    uint32_t *told = context, kind = 1u << ((unsigned)err->result & 31);
    char text[1024], warning[1200];

    if (__atomic_fetch_or(told, kind, __ATOMIC_RELAXED) & kind)
        return;
    (void)snprintf(warning, sizeof(warning), "%s; a client was told, and no more is said here of others like it",
                   platter_error_text(err, text, sizeof(text)));
    cli_warn(warning);
}

/* The first line out, so that a script can wait for it: clients may connect from now on. */
static void announce(const struct cli_arguments *arguments, struct cli_reply *reply,
                     const struct platter_nbd_server *server, struct platter_image *image,
                     const struct platter_block *block, bool read_only)
{
    const struct platter_image_info *info = platter_image_info(image);
    char size[PLATTER_SIZE_TEXT];

    if (reply->json) {
        platter_json_text(reply->root, "image", arguments->operands[0]);
        platter_json_text(reply->root, "uri", platter_nbd_server_uri(server));
        platter_json_number(reply->root, "port", platter_nbd_server_port(server));
        platter_json_number(reply->root, "size", platter_block_size(block));
        platter_json_bool(reply->root, "read_only", read_only);
        platter_overlay_json(reply->root, info->overlay);
        cli_reply_print(reply);
        return;
    }
    cli_print(CLI_OUT, "%s\n", platter_nbd_server_uri(server));
    cli_flush(CLI_OUT);
    cli_print(CLI_ERR, "platter: serving ");
    cli_print_name(CLI_ERR, arguments->operands[0]);
    cli_print(CLI_ERR, ", %s%s", platter_size_text(platter_block_size(block), size), read_only ? ", read-only" : "");
    if (info->overlay && info->overlay[0]) {
        cli_print(CLI_ERR, ", with the overlay ");
        cli_print_name(CLI_ERR, info->overlay);
    } else if (info->overlay) {
        cli_print(CLI_ERR, ", with a temporary overlay that ends with it");
    }
    cli_print(CLI_ERR, "; Ctrl-C ends it\n");
}

enum platter_result cli_serve(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    struct platter_nbd_options options = {.description = platter_base_name(arguments->operands[0])};
    struct platter_nbd_server *server = NULL;
    struct platter_image *image = NULL;
    struct platter_block *block = NULL;
    struct platter_writing writing;
    struct cli_image_options image_options;
    char warning[700];
    uint32_t told = 0;
    enum platter_result result = read_options(arguments, &options, err);

    if (result != PLATTER_OK)
        return result;
    result = cli_image_options_read(arguments, &image_options, err);
    if (result == PLATTER_OK)
        result = platter_open_for_writing(arguments->operands[0], &image_options.open,
                                          cli_option_value(arguments, "overlay"), options.read_only, false, &image,
                                          &writing, err);
    if (result != PLATTER_OK)
        return result;
    if (writing.notice[0])
        cli_warn(writing.notice);
    if (writing.why[0]) {
        (void)snprintf(warning, sizeof(warning), "%.100s is served read-only: %s", arguments->operands[0], writing.why);
        cli_warn(warning);
        options.read_only = true;
    }
    result = cli_image_block(arguments, image, &block, err);
    if (result != PLATTER_OK)
        goto close_image;
    options.failed = tell_failure;
    options.failed_context = &told;
    result = platter_nbd_server_create(block, &options, &server, err);
    if (result != PLATTER_OK)
        goto unref_block;
    cli_interrupt_catch(stop, server);
    announce(arguments, reply, server, image, block, options.read_only);
    result = platter_nbd_server_run(server, err);
    cli_interrupt_done();
    platter_nbd_server_free(server);
unref_block:
    platter_block_unref(block);
close_image:
    platter_image_close(image);
    return result;
}
