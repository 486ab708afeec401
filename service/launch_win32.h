/* SPDX-License-Identifier: MIT */
/* The start of a worker, with as much confinement as it starts with. */
#ifndef PLATTER_SERVICE_LAUNCH_H
#define PLATTER_SERVICE_LAUNCH_H

#include "broker_win32.h"
#include "entry.h"
#include "sandbox_win32.h"

/*
 * Starts a worker and waits until it says that it is ready: that it has what it needs of the system, shown by using it
 * (worker_win32.c). One that is refused, ends or fails before that is started again with less (confine.h), which is logged
 * and kept in mind for some minutes. Once it is ready nothing is given up any more: only then it sees a byte of an image, so
 * no image can talk its worker out of anything.
 * `broker`: of the mount and its owner; it gets the process. `confined`: "AppContainer" or "restricted token only, because
 * ...". PLATTER_E_CANCELLED: `stop` was set.
 */
enum platter_result service_launch(struct service_broker *broker, HANDLE stop, struct service_worker *worker,
                                   char confined[SERVICE_CONFINED_TEXT], struct platter_error *err);
/* The same text of workers of images that lie on this machine, as far as it is known by now. */
void service_launch_tell(char confined[SERVICE_CONFINED_TEXT]);

#endif
