/* SPDX-License-Identifier: MIT */
/* Standard output and error, and the keys that stop a program. Texts are UTF-8. */
#ifndef PLATTER_CLI_CONSOLE_H
#define PLATTER_CLI_CONSOLE_H

#include <platter/engine.h>

enum cli_stream { CLI_OUT, CLI_ERR };

/* ---- console.c ---- */

void cli_print(enum cli_stream stream, const char *format, ...) PLATTER_PRINTF(2, 3);

/* ---- console_posix.c, console_win32.c ---- */

void cli_write(enum cli_stream stream, const char *text);
void cli_flush(enum cli_stream stream);
/* False when something written to standard output has not arrived, as on a full disk. */
bool cli_output_arrived(void);
bool cli_is_terminal(enum cli_stream stream);
bool cli_input_is_terminal(void);    /* standard input */
unsigned cli_terminal_columns(void); /* of standard error, where progress is shown; 80 when it is not known */

/*
 * From here on Ctrl-C, and what else asks a program to end (SIGTERM, SIGHUP; console closed, logoff), only calls
 * `function`, which may be NULL, and makes cli_interrupted() true. `function` may run in a signal handler.
 */
void cli_interrupt_catch(void (*function)(void *context), void *context);
bool cli_interrupted(void);
/* Windows ends the process once the handler of a closed console returns: it waits until this is called. */
void cli_interrupt_done(void);

uint64_t cli_monotonic_ms(void);

#endif
