/* SPDX-License-Identifier: MIT */
/* A machine that stays on from one use to the next, for fuzzers, and the proof that a use has left nothing. */
#ifndef NTSIM_REUSE_H
#define NTSIM_REUSE_H

#include <ntsim/ntsim.h>

/* What there is of everything that a driver or a program can leave behind. Cheap: it is counted after every input. */
typedef struct _SIM_COUNTS {
    ULONG PoolBlocks, Irps, DriverMdls, Requests, Objects, Handles, Threads, Timers;
    ULONG MountedVolumes, RegistryValues, DeviceNodes;
} SIM_COUNTS;
VOID SimCount(SIM_COUNTS *Counts);

/* Ends the process with the name of what there is more or less of than before. */
VOID SimCountsCompare(const SIM_COUNTS *Before, const SIM_COUNTS *Now);

/* The Mount Manager's store is emptied: what it remembers of volumes with a stable id is meant to stay. */
VOID SimMountForget(VOID);

/* From here on as with these options; the schedule begins anew, as that of a machine just started with this seed. */
VOID SimReuse(const SIM_OPTIONS *Options);

/* Called before a broken rule ends the process; NULL: nothing is. */
extern void (*SimOnBug)(void);

#endif
