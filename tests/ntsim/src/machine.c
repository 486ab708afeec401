/* SPDX-License-Identifier: MIT */
/* Power button: everything of the machine, in order. */
#include "internal.h"
#include "cm.h"

VOID SimStart(const SIM_OPTIONS *Options)
{
    const char *seed = getenv("NTSIM_SEED"), *test = Sim.TestName;

    if (Sim.Running)
        SimBug("SimStart of a machine that runs");
    memset(&Sim, 0, sizeof(Sim));
    Sim.TestName = test;
    if (Options)
        Sim.Options = *Options;
    if (seed && Sim.Options.Seed)
        Sim.Options.Seed = strtoull(seed, NULL, 0);
    if (getenv("NTSIM_VERBOSE"))
        Sim.Options.Verbose = TRUE;
    SimSchedStart();
    Sim.Current->Depth = 1; /* its own code until it calls the driver */
    SimPoolStart();
    SimIoStart();
    SimErrorLogStart();
    SimObStart();
    Sim.SystemProcess = SimProcessNew("System", SimUserSystem);
    Sim.Current->Process = Sim.Current->HomeProcess = Sim.SystemProcess;
    SimCmStart();
    SimTimerStart();
    SimWorkStart();
    SimPnpStart();
    SimMountStart();
    Sim.Running = TRUE;
}

VOID SimStop(VOID)
{
    SimSettle();
    SimFileStop();
    SimIoStop();
    SimMountStop();
    SimInterfacesStop();
    SimPnpStop();
    SimPropertiesStop();
    SimSettle();
    SimErrorLogStop();
    SimWorkStop();
    SimTimerStop();
    SimObReport();
    SimPoolStop();
    SimProcessFreeAll();
    SimObStop();
    SimIrpStop();
    SimCmStop();
    SimSchedStop();
    Sim.Running = FALSE;
}
