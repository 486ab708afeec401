/* SPDX-License-Identifier: MIT */
#include "help.h"

#include "console.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 79

/* Breaks `text` into lines between `indent` and COLUMNS. The cursor stands at column `at`. Keeps newlines. */
static void wrap(const char *text, unsigned at, unsigned indent)
{
    while (*text) {
        size_t length = strcspn(text, " \n");

        if (at > indent && at + 1 + length > COLUMNS) {
            cli_print(CLI_OUT, "\n");
            at = 0;
        }
        if (at < indent)
            cli_print(CLI_OUT, "%*s", (int)(indent - at), "");
        else if (at > indent)
            cli_print(CLI_OUT, " ");
        at = (at < indent ? indent : at + (at > indent)) + (unsigned)length;
        cli_print(CLI_OUT, "%.*s", (int)length, text);
        text += length;
        if (*text == '\n') {
            cli_print(CLI_OUT, "\n");
            at = 0;
        }
        if (*text)
            text++;
    }
    cli_print(CLI_OUT, "\n");
}

static void show_options(const struct cli_option *options)
{
    for (; options && options->name; options++) {
        char left[48];

        if (!options->help)
            continue;
        (void)snprintf(left, sizeof(left), "  --%s%s%s", options->name,
                       options->value && options->value[0] != '[' ? " " : "", options->value ? options->value : "");
        cli_print(CLI_OUT, "%-24s", left);
        wrap(options->help, strlen(left) < 24 ? 24 : (unsigned)strlen(left), 26);
    }
}

void cli_help_overview(const struct cli_command *commands, const char *group)
{
    const struct cli_command *command;

    if (!group)
        cli_print(CLI_OUT, "Platter presents disk and backup images as drives.\n\n");
    cli_print(CLI_OUT, "usage: platter %s%sCOMMAND [OPTION...]\n\ncommands:\n", group ? group : "", group ? " " : "");
    for (command = commands; command->name; command++) {
        size_t length = group ? strlen(group) : 0;

        if (!command->run || (group && (strncmp(command->name, group, length) != 0 || command->name[length] != ' ')))
            continue;
        cli_print(CLI_OUT, "  %-18s%s\n", command->name, command->summary);
    }
    cli_print(CLI_OUT, "\n'platter %s%sCOMMAND --help' tells all about one of them.\n", group ? group : "",
              group ? " " : "");
    if (group)
        return;
    cli_print(CLI_OUT, "\noptions:\n");
    cli_print(CLI_OUT, "  %-24s%s\n", "--version", "show the version");
    show_options(cli_common_options + 1);
    wrap("\nAn IMAGE is a file, a disk device, or an export of an NBD server: nbd://HOST[:PORT][/EXPORT] or "
         "nbd+unix:///[EXPORT]?socket=PATH.",
         0, 0);
    wrap(
        "\nEvery command takes --json. The exit status is 0 when all went well, and says what did not otherwise: 2 "
        "wrong usage, 3 not found, 4 access denied, 5 in use, 6 not an image or a damaged one, 16 cancelled, 17 driver "
        "missing; docs/cli.md has them all.",
        0, 0);
}

void cli_help_command(const struct cli_command *command)
{
    cli_print(CLI_OUT, "usage: platter %s%s%s%s\n\n", command->name, command->operands[0] ? " " : "", command->operands,
              command->options && command->options[0].name ? " [OPTION...]" : "");
    wrap(command->text, 0, 0);
    cli_print(CLI_OUT, "\noptions:\n");
    show_options(command->options);
    show_options(cli_common_options);
    if (command->examples)
        cli_print(CLI_OUT, "\nexamples:\n%s", command->examples);
}
