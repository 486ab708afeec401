/* SPDX-License-Identifier: MIT */
/*
 * One timer for all deadlines: of requests, and of the steps of announcing. It runs only while there are volumes. A DPC
 * queued by KeInsertQueueDpc never runs on Wine, one of a timer does.
 */
#ifndef PLATTER_DEADLINE_H
#define PLATTER_DEADLINE_H

#include "driver.h"

#define DEADLINE_TICK_MS 100u

void DeadlineInitialize(void);
/* Arms the timer if it is not. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void DeadlineTimerStart(void);
/* No volume is left: waits until the timer has run for the last time. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void DeadlineTimerStop(void);

/* The volume's work item is to run in Milliseconds if nothing comes before; 0: not any more. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void DeadlineSetStage(_Inout_ PVOLUME Volume, _In_ ULONG Milliseconds);

#endif
