/* SPDX-License-Identifier: MIT */
/* Being told that the user logs off or Windows shuts down, for a process that has no console to be told by. */
#ifndef PLATTER_CLI_SESSION_H
#define PLATTER_CLI_SESSION_H

/*
 * Starts a thread that calls function(context) when the session ends, once, and keeps Windows waiting until
 * cli_session_done(). Where no window can be made nothing happens. Once a process.
 */
void cli_session_watch(void (*function)(void *context), void *context);
void cli_session_done(void);

#endif
