/* SPDX-License-Identifier: MIT */
/* The background process of a mount, and the report it sends back to the program that started it. */
#ifndef PLATTER_CLI_SPAWN_H
#define PLATTER_CLI_SPAWN_H

#include "../mount/command_line_win32.h"
#include "../mount/json.h"

#include <platter/engine.h>

#define CLI_REPORT_OPTION "report" /* hidden: the number of the handle to report to */

/*
 * Starts this program again with `arguments` (options and operands, quoted) and "--report N", detached from the
 * console, and waits for its report, which is returned parsed. PLATTER_E_CANCELLED when the user did not wait;
 * PLATTER_E_FAILED when it ended without a report. The process is ended wherever this does not return PLATTER_OK.
 * `input`: a line for its standard input; NULL: none.
 */
enum platter_result cli_spawn(struct platter_command_line *arguments, const char *input, json_t **report,
                              struct platter_error *err);

/* ---- The other side ---- */

struct cli_reporter {
    void *pipe; /* HANDLE; NULL: there is nobody to report to */
};

/* From the option's value. */
enum platter_result cli_reporter_open(const char *number, struct cli_reporter *reporter, struct platter_error *err);
/* Says that work goes on, which makes the other side wait on. False when it is gone. */
bool cli_reporter_alive(struct cli_reporter *reporter);
/* Sends the whole report and closes. False when the other side has not got it. */
bool cli_reporter_send(struct cli_reporter *reporter, const json_t *report);

#endif
