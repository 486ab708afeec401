/* SPDX-License-Identifier: MIT */
/* The scheduler: one thread holds the baton, a generator says who gets it next. */
#include "internal.h"

SIM_STATE Sim;

/* xorshift64*: small, and the same on every machine. */
ULONG SimRandom(ULONG Bound)
{
    Sim.Random ^= Sim.Random >> 12;
    Sim.Random ^= Sim.Random << 25;
    Sim.Random ^= Sim.Random >> 27;
    return Bound ? (ULONG)((Sim.Random * 0x2545F4914F6CDD1DULL) >> 32) % Bound : 0;
}

static PSIM_THREAD PickReady(void)
{
    PSIM_THREAD ready[SIM_SIZE(Sim.Threads)];
    ULONG count = 0;

    for (ULONG i = 0; i < Sim.ThreadCount; i++)
        if (Sim.Threads[i]->State == SimReady)
            ready[count++] = Sim.Threads[i];
    if (!count)
        return NULL;
    return ready[Sim.Options.Seed ? SimRandom(count) : ++Sim.Turn % count];
}

static ULONG64 NextDeadline(void)
{
    ULONG64 next = SimNextTimer();

    for (ULONG i = 0; i < Sim.ThreadCount; i++) {
        PSIM_THREAD t = Sim.Threads[i];
        if (t->State == SimBlocked && t->WaitUntil && (!next || t->WaitUntil < next))
            next = t->WaitUntil;
    }
    return next;
}

static void AdvanceTo(ULONG64 time)
{
    if (Sim.Now < time)
        Sim.Now = time;
    for (ULONG i = 0; i < Sim.ThreadCount; i++) {
        PSIM_THREAD t = Sim.Threads[i];
        if (t->State == SimBlocked && t->WaitUntil && t->WaitUntil <= Sim.Now) {
            t->WaitStatus = STATUS_TIMEOUT;
            SimWake(t);
        }
    }
    SimFireTimers();
}

/* Longer than any deadline of a driver by far: who has heard of nothing but timers for that long waits in vain. */
#define HOPELESS (3600ull * 10000000)

/* Ends the process with a text that says who waits for what; threads of the system with nothing to do are left out. */
static __attribute__((noreturn)) VOID Hopeless(const char *what)
{
    char text[1000];
    size_t used = 0;

    for (ULONG i = 0; i < Sim.ThreadCount && used + 1 < sizeof(text); i++) {
        PSIM_THREAD t = Sim.Threads[i];
        const char *why = t->WaitWhy ? t->WaitWhy : "nothing";
        if (t->State != SimBlocked ||
            (t->Service && (!strcmp(why, "work") || !strcmp(why, "PnP actions") || !strcmp(why, "DPCs"))))
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s waits for %s", used ? ", " : "", t->Name, why);
    }
    SimBug("%s: %s", what, used ? text : "nobody waits");
}

static ULONG64 LastLife; /* when a thread ran that is not the timers' own */

static PSIM_THREAD PickNext(void)
{
    for (;;) {
        PSIM_THREAD next = PickReady();
        ULONG64 time;
        if (next) {
            if (!next->Service || strcmp(next->Name, "dpc") != 0)
                LastLife = Sim.Now;
            return next;
        }
        time = NextDeadline();
        if (!time)
            Hopeless("deadlock, no thread can ever run again");
        if (time > LastLife + HOPELESS)
            Hopeless("hang, nothing but timers has run for an hour");
        AdvanceTo(time);
    }
}

static void SwitchTo(PSIM_THREAD next)
{
    PSIM_THREAD me = Sim.Current;

    if (next == me)
        return;
    Sim.Current = next;
    SimHostSwitch(me->Host, next->Host);
}

VOID SimBlock(const char *Why, ULONG64 Until)
{
    PSIM_THREAD me = Sim.Current;

    me->State = SimBlocked;
    me->WaitWhy = Why;
    me->WaitUntil = Until;
    SwitchTo(PickNext());
    me->WaitWhy = NULL;
    me->WaitUntil = 0;
}

VOID SimWake(PSIM_THREAD Thread)
{
    if (Thread->State == SimBlocked)
        Thread->State = SimReady;
}

VOID SimYieldNow(VOID)
{
    Sim.Now += 10;
    SwitchTo(PickReady());
}

VOID SimYield(VOID)
{
    if (!Sim.SwitchMean || --Sim.SwitchIn > 0)
        return;
    Sim.SwitchIn = (LONG)SimRandom(2 * Sim.SwitchMean) + 1;
    if (Sim.Options.TimeJumps && SimRandom(32) == 0) {
        ULONG64 time = NextDeadline();
        if (time)
            AdvanceTo(time);
    }
    SimYieldNow();
}

#ifndef __clang__ /* libFuzzer has this name for itself */
/* The compiler calls this at each branch of the driver (tests/ntsim/CMakeLists.txt): with a seed, threads switch there. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (Sim.SwitchMean && !Sim.Options.CallsOnly && Sim.Current && !Sim.Current->Depth)
        SimYield();
}
#endif

PSIM_HOST SimThreadRun(PSIM_THREAD me)
{
    PSIM_THREAD next;

    SIM_ACQUIRE(me);
    if (!setjmp(me->Exit)) {
        me->Entry(me->Context);
    }
    if (me->LockCount || me->Irql != PASSIVE_LEVEL)
        SimBug("thread %s ends at IRQL %u with %u spin locks held", me->Name, me->Irql, me->LockCount);
    if (me->Critical || me->Mutexes)
        SimBug("thread %s ends in a critical region or with %u mutexes held", me->Name, me->Mutexes);
    SIM_RELEASE(me);
    me->State = SimDone;
    me->Header.SignalState = 1;
    for (ULONG i = 0; i < Sim.ThreadCount; i++)
        if (Sim.Threads[i] == me)
            Sim.Threads[i] = Sim.Threads[--Sim.ThreadCount];
    SimWakeWaiters(me);
    next = PickNext();
    Sim.Current = next;
    SimThreadRelease(me);
    return next->Host;
}

PSIM_THREAD SimThreadStart(PSIM_PROCESS Process, const char *Name, BOOLEAN Service, void (*Entry)(void *),
                           void *Context)
{
    PSIM_THREAD t = SimGuarded(sizeof(*t));

    if (Sim.ThreadCount == SIM_SIZE(Sim.Threads))
        SimBug("too many threads");
    t->Header.Type = 6; /* ThreadObject, as KeWaitForSingleObject tells it */
    InitializeListHead(&t->Header.WaitListHead);
    t->Name = Name;
    t->Entry = Entry;
    t->Context = Context;
    t->Process = t->HomeProcess = Process;
    t->Service = Service;
    t->References = 2; /* the running thread's and the caller's */
    SIM_RELEASE(t);
    t->Host = SimHostOf(t);
    Sim.Threads[Sim.ThreadCount++] = t;
    return t;
}

VOID SimThreadRelease(PSIM_THREAD Thread)
{
    if (--Thread->References == 0)
        free(Thread);
}

VOID SimThreadExit(VOID)
{
    longjmp(Sim.Current->Exit, 1);
}

VOID SimUserReturn(VOID)
{
    PSIM_THREAD me = Sim.Current;

    if (me->Killed && me->UserMode && !me->Depth)
        SimThreadExit();
}

typedef struct _USER_START {
    void (*Entry)(void *);
    void *Context;
} USER_START;

static void UserThread(void *context)
{
    USER_START start = *(USER_START *)context;

    free(context);
    Sim.Current->UserMode = TRUE;
    if (!Sim.Current->Killed)
        start.Entry(start.Context);
}

PSIM_THREAD SimThreadCreate(PSIM_PROCESS Process, const char *Name, void (*Entry)(void *), void *Context)
{
    USER_START *start = malloc(sizeof(*start));

    start->Entry = Entry;
    start->Context = Context;
    return SimThreadStart(Process, Name, FALSE, UserThread, start);
}

VOID SimThreadJoin(PSIM_THREAD Thread)
{
    PVOID object = Thread;

    SimWaitObjects(1, &object, WaitAny, 0, Thread->Name);
    SIM_ACQUIRE(Thread);
    SimThreadRelease(Thread);
}

VOID SimSleep(ULONG Milliseconds)
{
    SimBlock("SimSleep", Sim.Now + 10000ull * Milliseconds + 1);
    SimUserReturn();
}

VOID SimMachineSleep(ULONG64 Milliseconds)
{
    Sim.Slept += 10000ull * Milliseconds;
}

ULONG64 SimMilliseconds(VOID)
{
    return Sim.Now / 10000;
}

VOID SimSchedSeed(VOID)
{
    static const ULONG means[] = {1, 2, 5, 20, 100, 1000};

    Sim.Random = Sim.Options.Seed * 0x9E3779B97F4A7C15ULL + 0x1234567;
    Sim.SwitchMean = Sim.Options.Seed ? means[SimRandom(SIM_SIZE(means))] : 0;
    Sim.SwitchIn = 1;
    Sim.Turn = 0;
}

VOID SimSchedStart(VOID)
{
    PSIM_THREAD main = calloc(1, sizeof(*main));

    main->Header.Type = 6;
    InitializeListHead(&main->Header.WaitListHead);
    main->Name = "test";
    main->References = 1;
    main->Host = SimHostMain();
    Sim.Current = Sim.Main = main;
    Sim.Threads[0] = main;
    Sim.ThreadCount = 1;
    Sim.Now = Sim.Slept = LastLife = 0;
    SimStallClear();
    SimSchedSeed();
}

VOID SimSchedStop(VOID)
{
    for (ULONG i = 0; i < Sim.ThreadCount; i++)
        if (Sim.Threads[i] != Sim.Main)
            SimBug("thread %s still runs at the end", Sim.Threads[i]->Name);
    Sim.ThreadCount = 0;
    Sim.Current = NULL;
    free(Sim.Main);
    Sim.Main = NULL;
}

VOID SimSettle(VOID)
{
    ULONG64 begin = Sim.Now;

    /* Lowest of all: while anybody else can run, or a worker has something in hand, it does. */
    for (;;) {
        ULONG64 waited = Sim.Now - begin;
        BOOLEAN busy = FALSE;
        for (ULONG i = 0; i < Sim.ThreadCount; i++)
            if (Sim.Threads[i] != Sim.Current && Sim.Threads[i]->State == SimReady)
                busy = TRUE;
        if (!busy && SimWorkIdle() && SimPnpIdle())
            return;
        if (waited > HOPELESS)
            Hopeless("hang, work is in hand for an hour");
        /* By milliseconds at first, by ever longer steps where somebody waits for long. */
        SimBlock("all to be done", Sim.Now + 10000 + waited / 16);
    }
}

VOID SimDescribeThreads(VOID)
{
    for (ULONG i = 0; i < Sim.ThreadCount; i++) {
        PSIM_THREAD t = Sim.Threads[i];
        fprintf(stderr, "#   %s%s: %s%s%s, IRQL %u, %u spin locks\n", t == Sim.Current ? "* " : "  ", t->Name,
                t->State == SimReady ? "runs" : "waits", t->WaitWhy ? " for " : "", t->WaitWhy ? t->WaitWhy : "",
                t->Irql, t->LockCount);
    }
}
