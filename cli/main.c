/* SPDX-License-Identifier: MIT */
#include "main.h"

#include "commands.h"
#include "complete.h"
#include "console.h"
#include "help.h"
#include "../engine/os/system.h"

#include <platter/protocol.h>

#include <stdio.h>
#include <string.h>

static void show_version(struct cli_reply *reply)
{
    const char *const *name = platter_format_names();

    if (reply->json) {
        json_t *formats;

        platter_json_text(reply->root, "version", PLATTER_VERSION);
        platter_json_number(reply->root, "protocol_version", PLATTER_PROTOCOL_VERSION);
        formats = platter_json_array(reply->root, "formats");
        for (; *name; name++)
            (void)json_array_append_new(formats, json_string(*name));
        return;
    }
    cli_print(CLI_OUT, "platter %s (driver protocol %u)\nformats:", PLATTER_VERSION, PLATTER_PROTOCOL_VERSION);
    for (; *name; name++)
        cli_print(CLI_OUT, " %s", *name);
    cli_print(CLI_OUT, "\n");
}

static enum platter_result run(const struct cli_arguments *arguments, struct cli_reply *reply,
                               struct platter_error *err)
{
    if (arguments->help && arguments->command)
        cli_help_command(arguments->command);
    else if (arguments->help)
        cli_help_overview(cli_commands, arguments->group);
    else if (arguments->version)
        show_version(reply);
    else if (arguments->command->run)
        return arguments->command->run(arguments, reply, err);
    else
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, NULL, PLATTER_NO_OFFSET,
                                 "there is no '%s' on this system: %s", arguments->command->name,
                                 arguments->command->text);
    return PLATTER_OK;
}

int cli_main(int argc, char *const *argv)
{
    struct platter_error err = {.offset = PLATTER_NO_OFFSET};
    struct cli_reply reply = {0};
    struct cli_arguments arguments;
    char hint[96];
    enum platter_result result;

    if (cli_complete(cli_commands, argc, argv)) {
        cli_flush(CLI_OUT);
        return cli_output_arrived() ? PLATTER_OK : PLATTER_E_IO;
    }
    result = cli_arguments_parse(cli_commands, argc, argv, &arguments, &err);

    /* Help is text, also when somebody scripts. */
    reply.json = arguments.json && !arguments.help;
    if (reply.json) {
        reply.root = json_object();
        platter_json_number(reply.root, "schema", CLI_JSON_SCHEMA);
        platter_json_text(reply.root, "command", arguments.command ? arguments.command->name : NULL);
    }
    if (result == PLATTER_OK)
        result = run(&arguments, &reply, &err);
    if (result == PLATTER_E_USAGE && !reply.hint && (arguments.command || arguments.group)) {
        (void)snprintf(hint, sizeof(hint), "'platter %s --help' shows how it goes",
                       arguments.command ? arguments.command->name : arguments.group);
        reply.hint = hint;
    }
    if (!reply.hint && result == PLATTER_E_NO_SPACE && platter_os_is_file_limit(err.os_error))
        reply.hint = "the file system there, or a limit of yours, has no files as large: choose another place";
    if (!reply.hint)
        reply.hint = cli_default_hint(result);
    if (result != PLATTER_OK && !reply.reported) {
        cli_flush(CLI_OUT);
        cli_error_print(&err, reply.hint);
        if (reply.json && !reply.printed)
            platter_error_json(reply.root, &err, reply.hint);
    }
    if (reply.json && !reply.printed && !cli_reply_print(&reply)) {
        cli_print(CLI_ERR, "platter: out of memory for the answer; close some programs and try again\n");
        result = PLATTER_E_NO_MEMORY;
    }
    json_decref(reply.root);
    if (!cli_output_arrived()) {
        cli_print(CLI_ERR, "platter: could not write to standard output; is its disk full?\n");
        if (result == PLATTER_OK)
            result = PLATTER_E_IO;
    }
    return (int)result;
}
