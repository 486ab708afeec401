/* SPDX-License-Identifier: MIT */
/* Whether ThreadSanitizer sees a race although one thread runs at a time: race NAME runs that case on two threads. */
#include "race_fixture.h"
#include <ntsim/ntsim.h>
#include <ntsim/raw.h>

static const RACE_CASE *Case;

static void Thread(void *context)
{
    for (int i = 0; i < 20; i++) {
        Case->Step((ULONG)(ULONG_PTR)context);
        SimYieldNow();
    }
}

int main(int argc, char **argv)
{
    PSIM_PROCESS process;
    PSIM_THREAD threads[2];

    for (ULONG i = 0; argc == 2 && i < RaceCaseCount; i++)
        if (!strcmp(argv[1], RaceCases[i].Name))
            Case = &RaceCases[i];
    if (!Case) {
        for (ULONG i = 0; i < RaceCaseCount; i++)
            puts(RaceCases[i].Name);
        return 2;
    }
    SimStart(&(SIM_OPTIONS){.Seed = 1, .CallsOnly = TRUE});
    process = SimProcessCreate("race", SimUserSystem);
    RaceInitialize();
    for (ULONG i = 0; i < 2; i++)
        threads[i] = SimThreadCreate(process, "race", Thread, (void *)(ULONG_PTR)i);
    for (ULONG i = 0; i < 2; i++)
        SimThreadJoin(threads[i]);
    SimStop();
    return 0;
}
