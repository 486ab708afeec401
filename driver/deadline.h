/* SPDX-License-Identifier: MIT */
/*
 * One timer for all deadlines: of requests, and of the steps of announcing. It runs only while there are volumes. A DPC
 * queued by KeInsertQueueDpc never runs on Wine, one of a timer does.
 */
#ifndef PLATTER_DEADLINE_H
#define PLATTER_DEADLINE_H

#include "driver.h"

#define DEADLINE_TICK_MS 100u

/*
 * The clock counts while the machine sleeps ("Acquiring high-resolution time stamps", Windows SDK), the timer does not run, and
 * no provider answers. So a timer that comes this late means that nothing was late: all deadlines begin anew.
 */
#define DEADLINE_SLEPT_MS 2000u

void DeadlineInitialize(void);
/* The first volume device has come, or the last has gone: starts or stops the timer. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void DeadlineTimerUpdate(void);

/* The volume's work item is to run in Milliseconds if nothing comes before; 0: not any more. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void DeadlineSetStage(_Inout_ PVOLUME Volume, _In_ ULONG Milliseconds);

#endif
