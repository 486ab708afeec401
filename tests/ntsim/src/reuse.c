/* SPDX-License-Identifier: MIT */
/* A machine that stays on from one use to the next. */
#include "mount.h"
#include "cm.h"
#include <ntsim/reuse.h>

void (*SimOnBug)(void);

VOID SimCount(SIM_COUNTS *Counts)
{
    memset(Counts, 0, sizeof(*Counts));
    Counts->PoolBlocks = SimPoolBlocks();
    Counts->Irps = SimIrpLive();
    Counts->DriverMdls = SimMdlLive();
    Counts->Requests = SimRequestsLive();
    SimObCount(&Counts->Objects, &Counts->Handles);
    Counts->Threads = Sim.ThreadCount;
    Counts->Timers = SimTimersSet();
    Counts->MountedVolumes = SimMountVolumes();
    while (SimCmAt(NULL, Counts->RegistryValues))
        Counts->RegistryValues++;
    for (PSIM_DEVNODE n = SimPnpFirst(); n; n = n->Next)
        Counts->DeviceNodes += n->Present || (n->Pdo && !n->Gone);
}

VOID SimCountsCompare(const SIM_COUNTS *Before, const SIM_COUNTS *Now)
{
    static const char *const names[] = {
        "pool blocks", "IRPs",   "MDLs of the driver", "requests",        "objects",     "handles",
        "threads",     "timers", "mounted volumes",    "registry values", "device nodes"};
    ULONG before[SIM_SIZE(names)], now[SIM_SIZE(names)];

    _Static_assert(sizeof(*Before) == sizeof(before), "a name for each count");
    memcpy(before, Before, sizeof(before));
    memcpy(now, Now, sizeof(now));
    for (ULONG i = 0; i < SIM_SIZE(names); i++)
        if (before[i] != now[i])
            SimBug("something is left behind: %u %s, and %u before", now[i], names[i], before[i]);
}

VOID SimMountForget(VOID)
{
    const SIM_VALUE *value;

    while ((value = SimCmAt(MOUNT_STORE, 0))) {
        SIM_VALUE copy = *value;
        SimRegistryDelete(copy.Key, copy.Name);
    }
}

VOID SimReuse(const SIM_OPTIONS *Options)
{
    BOOLEAN verbose = Sim.Options.Verbose;

    Sim.Options = *Options;
    Sim.Options.Verbose = verbose;
    SimMountSetAutoMount((BOOLEAN)!Options->NoAutoMount);
    SimSchedSeed();
}
