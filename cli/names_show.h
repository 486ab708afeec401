/* SPDX-License-Identifier: MIT */
/* The names of drives as people and programs read them. */
#ifndef PLATTER_CLI_NAMES_SHOW_H
#define PLATTER_CLI_NAMES_SHOW_H

#include "../mount/names.h"

/* False without memory. */
bool cli_names_print_letters(const struct platter_names *names);
bool cli_names_print_letter(const struct platter_names *names, char letter);
bool cli_names_print_all(const struct platter_names *names);
/* "letters" (of one, where `letter` is not 0), "directories" (their names only where `all`). */
void cli_names_json(json_t *root, const struct platter_names *names, char letter, bool all);

#endif
