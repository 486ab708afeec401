/* SPDX-License-Identifier: MIT */
/* Running platter.exe without a window, for programs that show or write down what it says. */
#ifndef PLATTER_GUI_RUN_PLATTER_H
#define PLATTER_GUI_RUN_PLATTER_H

#include <stdbool.h>
#include <wchar.h>

#include <jansson.h>

#define PLATTER_RUN_NONE 0xffffffffu /* it could not be run, or did not end in time */

struct platter_run {
    unsigned long status;   /* docs/cli.md, or PLATTER_RUN_NONE */
    unsigned long os_error; /* with PLATTER_RUN_NONE: why; 0: it did not end and was stopped */
    json_t *json;           /* what it printed; NULL: nothing that makes sense */
    char errors[1024];      /* what it said on standard error, in one line, UTF-8 */
};

/*
 * Runs `program`, a whole path, with `arguments` and --json, and waits at most `wait_ms`. `input`: a line for its standard
 * input; NULL: none. The result is to be freed, whatever it is.
 */
void platter_run(const wchar_t *program, const wchar_t *arguments, const char *input, unsigned wait_ms,
                 struct platter_run *run);
void platter_run_free(struct platter_run *run);

#endif
