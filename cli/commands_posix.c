/* SPDX-License-Identifier: MIT */
#include "commands.h"

/* `driver` is one word here, as there is nothing behind it. */
#define OF_WINDOWS(name)                                                                                               \
    {                                                                                                                  \
        name, "", 0, CLI_MAX_OPERANDS, "", "drives are made by platter.exe, on Windows", NULL, NULL, NULL              \
    }

const struct cli_command cli_commands[] = {CLI_COMMAND_INFO,
                                           CLI_COMMAND_CONVERT,
                                           CLI_COMMAND_CREATE,
                                           CLI_COMMAND_VERIFY,
                                           CLI_COMMAND_SERVE(cli_serve),
                                           CLI_COMMANDS_OVERLAY,
                                           OF_WINDOWS("mount"),
                                           OF_WINDOWS("unmount"),
                                           OF_WINDOWS("list"),
                                           OF_WINDOWS("names"),
                                           OF_WINDOWS("persist"),
                                           OF_WINDOWS("service"),
                                           OF_WINDOWS("driver"),
                                           {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL}};
