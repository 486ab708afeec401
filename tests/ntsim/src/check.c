/* SPDX-License-Identifier: MIT */
/* The rules that are checked at every call, planted faults, and how a broken rule is told. */
#include "internal.h"
#include <ntsim/reuse.h>
#include <stdarg.h>
#include <unistd.h>

static char LogRing[16384];
static size_t LogUsed;

VOID SimLog(const char *Text, size_t Bytes)
{
    if (Sim.Options.Verbose)
        fprintf(stderr, "# %.*s", (int)Bytes, Text);
    if (Bytes > sizeof(LogRing) / 2)
        Bytes = sizeof(LogRing) / 2;
    if (LogUsed + Bytes > sizeof(LogRing)) {
        memmove(LogRing, LogRing + sizeof(LogRing) / 2, LogUsed - sizeof(LogRing) / 2);
        LogUsed -= sizeof(LogRing) / 2;
    }
    memcpy(LogRing + LogUsed, Text, Bytes);
    LogUsed += Bytes;
}

VOID SimNote(const char *Format, ...)
{
    char text[400];
    va_list list;
    int n;

    va_start(list, Format);
    n = vsnprintf(text, sizeof(text), Format, list);
    va_end(list);
    if (n > 0)
        SimLog(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void __attribute__((weak)) __sanitizer_print_stack_trace(void);

VOID SimBug(const char *Format, ...)
{
    va_list list;

    if (SimOnBug)
        SimOnBug();
    fflush(stdout);
    fprintf(stderr, "\nnot ok - %s # ntsim: ", Sim.TestName ? Sim.TestName : "?");
    va_start(list, Format);
    vfprintf(stderr, Format, list);
    va_end(list);
    fprintf(stderr, "\n# seed %llu (NTSIM_SEED=%llu replays), simulated time %llu ms, thread %s\n",
            (unsigned long long)Sim.Options.Seed, (unsigned long long)Sim.Options.Seed,
            (unsigned long long)(Sim.Now / 10000), Sim.Current ? Sim.Current->Name : "?");
    SimDescribeThreads();
    if (LogUsed) {
        fputs("# the driver's last words:\n# ", stderr);
        for (size_t i = LogUsed > 4000 ? LogUsed - 4000 : 0; i < LogUsed; i++) {
            fputc(LogRing[i], stderr);
            if (LogRing[i] == '\n' && i + 1 < LogUsed)
                fputs("# ", stderr);
        }
        fputc('\n', stderr);
    }
    if (__sanitizer_print_stack_trace)
        __sanitizer_print_stack_trace();
    fflush(stderr);
    if (SIM_BUG_ABORTS || getenv("NTSIM_ABORT"))
        abort(); /* libFuzzer keeps the input only then */
    _exit(99);
}

VOID SimTestName(const char *Name)
{
    Sim.TestName = Name;
}

/* What a creator writes into its device is seen by those who open it once it is no longer initializing. */
static VOID Publish(PSIM_THREAD me)
{
    PDEVICE_OBJECT device = me->Creating;

    if (!device || !SimObFind(device))
        return;
    SIM_RELEASE(&device->Flags);
    if (!(device->Flags & DO_DEVICE_INITIALIZING))
        me->Creating = NULL;
}

static struct {
    const char *Where;
    ULONG Milliseconds;
} Stalls[4];

VOID SimStallClear(VOID)
{
    memset(Stalls, 0, sizeof(Stalls));
}

ULONG SimStalls(VOID)
{
    ULONG count = 0;

    for (ULONG i = 0; i < SIM_SIZE(Stalls); i++)
        count += Stalls[i].Where != NULL;
    return count;
}

VOID SimStall(const char *Where, ULONG Milliseconds)
{
    for (ULONG i = 0; i < SIM_SIZE(Stalls); i++)
        if (!Stalls[i].Where) {
            Stalls[i].Where = Where;
            Stalls[i].Milliseconds = Milliseconds;
            return;
        }
    SimBug("too many stalls");
}

VOID SimStallHere(const char *Text)
{
    if (Sim.Current->Irql != PASSIVE_LEVEL || Sim.Current->LockCount)
        return;
    for (ULONG i = 0; i < SIM_SIZE(Stalls); i++)
        if (Stalls[i].Where && strstr(Text, Stalls[i].Where)) {
            ULONG milliseconds = Stalls[i].Milliseconds;
            Stalls[i].Where = NULL;
            SimBlock("to be given the processor again", Sim.Now + 10000ull * milliseconds);
            return;
        }
}

VOID SimEnter(const char *Routine, KIRQL MaxIrql)
{
    PSIM_THREAD me = Sim.Current;

    if (!me)
        SimBug("%s called outside the simulation", Routine);
    if (me->Irql > MaxIrql)
        SimBug("%s called at IRQL %u, allowed up to %u", Routine, me->Irql, MaxIrql);
    if (me->LockCount && MaxIrql < DISPATCH_LEVEL)
        SimBug("%s called with a spin lock held", Routine);
    Publish(me);
    SimYield();
    SimStallHere(Routine);
}

BOOLEAN SimFault(const char *Routine)
{
    if (Sim.Current->Depth)
        return FALSE;
    Sim.FaultSeen++;
    if (!Sim.FaultAt || Sim.FaultSeen != Sim.FaultAt)
        return FALSE;
    Sim.FaultFired = TRUE;
    SimNote("ntsim: planted fault %u in %s\n", Sim.FaultSeen, Routine);
    return TRUE;
}

VOID SimFaultArm(ULONG Nth)
{
    Sim.FaultAt = Nth;
    Sim.FaultSeen = 0;
    Sim.FaultFired = FALSE;
}

BOOLEAN SimFaultFired(VOID)
{
    return Sim.FaultFired;
}

ULONG SimFaultCalls(VOID)
{
    return Sim.FaultSeen;
}

VOID SimCallBegin(SIM_CALLOUT *Callout, BOOLEAN Foreign)
{
    PSIM_THREAD me = Sim.Current;

    Callout->Depth = me->Depth;
    Callout->Irql = me->Irql;
    Callout->LockCount = me->LockCount;
    Callout->Critical = me->Critical;
    Callout->Mutexes = me->Mutexes;
    me->Depth = Foreign ? 0 : me->Depth + 1;
}

VOID SimCallEnd(const SIM_CALLOUT *Callout, const char *What, ...)
{
    PSIM_THREAD me = Sim.Current;

    if (me->LockCount != Callout->LockCount || me->Irql != Callout->Irql || me->Critical != Callout->Critical ||
        me->Mutexes != Callout->Mutexes) {
        char what[80];
        va_list list;
        va_start(list, What);
        vsnprintf(what, sizeof(what), What, list);
        va_end(list);
        if (me->LockCount != Callout->LockCount)
            SimBug("%s returned with %u spin locks held, entered with %u", what, me->LockCount, Callout->LockCount);
        if (me->Irql != Callout->Irql)
            SimBug("%s returned at IRQL %u, entered at %u", what, me->Irql, Callout->Irql);
        if (me->Critical != Callout->Critical)
            SimBug("%s returned with critical regions %u, entered with %u", what, me->Critical, Callout->Critical);
        SimBug("%s returned with %u mutexes or resources held, entered with %u", what, me->Mutexes, Callout->Mutexes);
    }
    me->Depth = Callout->Depth;
    Publish(me);
}

/* "KeWaitForSingleObject" (WDK): PASSIVE or APC level, or DISPATCH with a timeout of zero and no arbitrary thread. */
VOID SimCheckWaitAllowed(const char *Routine, BOOLEAN Blocking)
{
    PSIM_THREAD me = Sim.Current;

    if (me->Irql > DISPATCH_LEVEL || (Blocking && me->Irql > APC_LEVEL))
        SimBug("%s would wait at IRQL %u", Routine, me->Irql);
    if (Blocking && me->LockCount)
        SimBug("%s would wait with a spin lock held", Routine);
    if (Blocking && me->NoWait && !me->Depth)
        SimBug("%s would wait, which is forbidden here: %s", Routine, me->NoWait);
}
