/* SPDX-License-Identifier: MIT */
/* The program behind main() and wmain(). */
#ifndef PLATTER_CLI_MAIN_H
#define PLATTER_CLI_MAIN_H

/* argv in UTF-8. Returns the exit status: an enum platter_result. */
int cli_main(int argc, char *const *argv);

#endif
