/* SPDX-License-Identifier: MIT */
/*
 * Words that a shell may offer: `platter __complete :WORD BEFORE...` prints those that WORD can become behind the words
 * BEFORE, one a line, each with a tab and what it is. They come of the tables that the parser reads, so they cannot go stale.
 * The colon keeps an empty WORD, which Windows PowerShell would drop. Nothing is printed where a file may be named.
 */
#ifndef PLATTER_CLI_COMPLETE_H
#define PLATTER_CLI_COMPLETE_H

#include "arguments.h"

#include <stdbool.h>

#define CLI_COMPLETE "__complete"

/* Whether argv is such a question; it is answered then. */
bool cli_complete(const struct cli_command *commands, int argc, char *const *argv);

#endif
