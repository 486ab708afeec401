/* SPDX-License-Identifier: MIT */
/* The service's pipe: who comes, how many at a time, and for how long. */
#ifndef PLATTER_SERVICE_SERVER_H
#define PLATTER_SERVICE_SERVER_H

#include <stdbool.h>
#include <windows.h>

/* False: somebody else has the pipe's name, which the log is told. One thread at a time. */
bool service_server_open(void);
/*
 * Takes clients until `stop` is set, each in a thread of its own, and before that the pipe's name as soon as it is free.
 * Answers that are under way are not waited for.
 */
void service_server_run(HANDLE stop);

#endif
