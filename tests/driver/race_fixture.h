/* SPDX-License-Identifier: MIT */
/* Kernel code with and without the synchronisation it needs, for race.c. */
#ifndef TESTS_DRIVER_RACE_FIXTURE_H
#define TESTS_DRIVER_RACE_FIXTURE_H

#include <ntddk.h>

typedef struct RACE_CASE {
    const char *Name;
    void (*Step)(ULONG Thread); /* by threads 0 and 1, again and again */
} RACE_CASE;
extern const RACE_CASE RaceCases[];
extern const ULONG RaceCaseCount;
void RaceInitialize(void);

#endif
