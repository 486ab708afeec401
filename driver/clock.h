/* SPDX-License-Identifier: MIT */
/*
 * The one place that reads clocks. The DDK's KeQuerySystemTime, KeQueryTickCount and KeQueryInterruptTime are, on
 * x86_64, macros that read a fixed kernel address, which the simulator has not; what is used here are real exports.
 */
#ifndef PLATTER_CLOCK_H
#define PLATTER_CLOCK_H

#include "driver.h"

/* Milliseconds of a clock that is never set back. Any IRQL. */
ULONGLONG ClockUptime(void);

/* The same in 32 bits, which wrap after 49 days, so compare with ClockIsPast only. Any IRQL. */
ULONG ClockMilliseconds(void);

/* Whether Deadline (a sum of ClockMilliseconds and less than 24 days) has come at Now. */
static inline BOOLEAN
ClockIsPast(ULONG Now, ULONG Deadline)
{
    return (BOOLEAN)((LONG)(Now - Deadline) >= 0);
}

/* 100 ns units since 1601-01-01 UTC; 0 if the system does not tell. */
_IRQL_requires_max_(PASSIVE_LEVEL)
ULONGLONG ClockSystem(void);

#endif
