/* SPDX-License-Identifier: MIT */
/*
 * A machine for many inputs: to start and stop one costs more than most inputs do. After each input it must be as it was
 * before (SIM_COUNTS), and after some hundred it is stopped, with all the checks of that. What fails may have been begun by
 * an input before: all since the machine's start are written as files into a folder fuzz-batch-PID, which replays
 * them in their order: build/fuzz/fuzz_driver_NAME fuzz-batch-PID/...
 */
#ifndef TESTS_FUZZ_DRIVER_MACHINE_H
#define TESTS_FUZZ_DRIVER_MACHINE_H

#include "driver_input.h"

/* TRUE: the driver was loaded for this input. */
BOOLEAN MachineBegin(RIG_ROUTE Route, const SIM_OPTIONS *Options, const uint8_t *Data, size_t Size);
/* What is there now is what must be there at the input's end. */
void MachineMark(void);
/* Compares, unless the input had a reason to leave something (Compare FALSE: the machine is stopped at once, too). */
void MachineEnd(BOOLEAN Compare);
/* Called before the machine is stopped: gives back what was kept. */
extern void (*MachineClear)(void);

#endif
