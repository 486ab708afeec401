/* SPDX-License-Identifier: MIT */
/* The service's pipe: who comes, how many at a time, and for how long. */
#ifndef PLATTER_SERVICE_SERVER_H
#define PLATTER_SERVICE_SERVER_H

#include <platter/engine.h>

#include <windows.h>

/* PLATTER_E_EXISTS: somebody else has the pipe's name, so the service must not go on. */
enum platter_result service_server_open(struct platter_error *err);
/* Takes clients until `stop` is set, each in a thread of its own. Answers that are under way are not waited for. */
void service_server_run(HANDLE stop);

#endif
