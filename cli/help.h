/* SPDX-License-Identifier: MIT */
/* Help texts, made of the tables that the parser reads. */
#ifndef PLATTER_CLI_HELP_H
#define PLATTER_CLI_HELP_H

#include "arguments.h"

/* All commands that there are here; or those of one group ("driver"), when it is not NULL. */
void cli_help_overview(const struct cli_command *commands, const char *group);
void cli_help_command(const struct cli_command *command);

#endif
