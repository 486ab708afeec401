/* SPDX-License-Identifier: MIT */
/* The other side of keeper_win32.c: the process that decodes an image and serves its drives, and can do nothing else. */
#ifndef PLATTER_SERVICE_WORKER_H
#define PLATTER_SERVICE_WORKER_H

#include <wchar.h>

/* `number`: of the inherited handle. Returns the exit status of the process: an enum platter_result. */
int service_work(const wchar_t *number);

#endif
