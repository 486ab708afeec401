/* SPDX-License-Identifier: MIT */
/* Timers on simulated time, and DPCs, which a processor of their own runs at DISPATCH_LEVEL. */
#include "internal.h"

static PKTIMER Timers[1024];
static ULONG TimerCount;
static PKDPC Queue[1024];
static ULONG QueueCount;
static PKDPC RunningDpc;
static PSIM_THREAD DpcThread;
static BOOLEAN Stopping;
static KEVENT Work, Idle;

static VOID DpcRun(void *context)
{
    (void)context;
    for (;;) {
        PKDPC dpc;
        SIM_CALLOUT callout;
        PKDEFERRED_ROUTINE routine;
        PVOID c, a1, a2;
        while (!QueueCount) {
            if (Stopping)
                return;
            SimEventWait(&Work, "DPCs");
        }
        dpc = Queue[0];
        memmove(Queue, Queue + 1, --QueueCount * sizeof(*Queue));
        RunningDpc = dpc;
        SIM_ACQUIRE(dpc);
        dpc->DpcData = NULL;
        routine = dpc->DeferredRoutine;
        c = dpc->DeferredContext;
        a1 = dpc->SystemArgument1;
        a2 = dpc->SystemArgument2;
        Sim.Current->Irql = DISPATCH_LEVEL;
        SimCallBegin(&callout, TRUE);
        routine(dpc, c, a1, a2); /* the DPC object may be gone afterwards */
        SimCallEnd(&callout, "a DPC");
        Sim.Current->Irql = PASSIVE_LEVEL;
        SIM_RELEASE(&RunningDpc);
        RunningDpc = NULL;
        SimEventSet(&Idle);
        SimYield();
    }
}

static BOOLEAN QueueDpc(PKDPC dpc, PVOID a1, PVOID a2)
{
    if (dpc->DpcData)
        return FALSE;
    if (QueueCount == SIM_SIZE(Queue))
        SimBug("too many DPCs queued");
    dpc->DpcData = Queue;
    dpc->SystemArgument1 = a1;
    dpc->SystemArgument2 = a2;
    SIM_RELEASE(dpc);
    Queue[QueueCount++] = dpc;
    SimEventSet(&Work);
    return TRUE;
}

VOID SimTimerStart(VOID)
{
    TimerCount = QueueCount = 0;
    Stopping = FALSE;
    RunningDpc = NULL;
    SimEventInit(&Work, SynchronizationEvent);
    SimEventInit(&Idle, NotificationEvent);
    DpcThread = SimThreadStart(Sim.SystemProcess, "dpc", TRUE, DpcRun, NULL);
}

VOID SimTimerStop(VOID)
{
    if (TimerCount)
        SimBug("%u timers are still set at the end", TimerCount);
    Stopping = TRUE;
    SimEventSet(&Work);
    SimThreadJoin(DpcThread);
}

ULONG SimTimersSet(VOID)
{
    return TimerCount;
}

/* Memory goes: nothing of the kernel's may lie in it any more. */
VOID SimTimerMemoryFreed(const void *Block, SIZE_T Bytes, const char *What)
{
    const char *begin = Block, *end = begin + Bytes;

    for (ULONG i = 0; i < TimerCount; i++)
        if ((char *)Timers[i] >= begin && (char *)Timers[i] < end)
            SimBug("%s is freed with a timer in it that is still set", What);
    for (ULONG i = 0; i < QueueCount; i++)
        if ((char *)Queue[i] >= begin && (char *)Queue[i] < end)
            SimBug("%s is freed with a DPC in it that is still queued", What);
}

static BOOLEAN Remove(PKTIMER timer)
{
    for (ULONG i = 0; i < TimerCount; i++)
        if (Timers[i] == timer) {
            Timers[i] = Timers[--TimerCount];
            timer->Header.Inserted = 0;
            return TRUE;
        }
    return FALSE;
}

ULONG64 SimNextTimer(VOID)
{
    ULONG64 next = 0;

    for (ULONG i = 0; i < TimerCount; i++)
        if (!next || (ULONG64)Timers[i]->DueTime.QuadPart < next)
            next = (ULONG64)Timers[i]->DueTime.QuadPart;
    return next;
}

VOID SimFireTimers(VOID)
{
    for (ULONG i = 0; i < TimerCount; i++) {
        PKTIMER timer = Timers[i];
        if ((ULONG64)timer->DueTime.QuadPart > Sim.Now)
            continue;
        if (timer->Period)
            timer->DueTime.QuadPart = (LONGLONG)Sim.Now + timer->Period * 10000LL;
        else {
            Remove(timer);
            i--;
        }
        timer->Header.SignalState = 1;
        if (timer->Dpc) {
            SIM_ACQUIRE(timer);
            QueueDpc(timer->Dpc, NULL, NULL);
        }
        SimWakeWaiters(timer);
    }
}

VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    for (ULONG i = 0; i < TimerCount; i++)
        if (Timers[i] == Timer)
            SimBug("KeInitializeTimer of a timer that is set");
    memset(Timer, 0, sizeof(*Timer));
    Timer->Header.Type = Type == NotificationTimer ? 8 : 9;
    InitializeListHead(&Timer->Header.WaitListHead);
}

VOID NTAPI KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}

BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    BOOLEAN was;
    LONGLONG due = DueTime.QuadPart;

    SIM_ENTER(DISPATCH_LEVEL);
    if (Timer->Header.Type != 8 && Timer->Header.Type != 9)
        SimBug("KeSetTimer of %p, which is no timer", (void *)Timer);
    was = Remove(Timer);
    due = due < 0 ? (LONGLONG)Sim.Now - due : due - 133800000000000000LL;
    Timer->DueTime.QuadPart = due > (LONGLONG)Sim.Now ? due : (LONGLONG)Sim.Now + 1;
    Timer->Period = Period;
    Timer->Dpc = Dpc;
    Timer->Header.SignalState = 0;
    if (TimerCount == SIM_SIZE(Timers))
        SimBug("too many timers");
    Timers[TimerCount++] = Timer;
    SIM_RELEASE(Timer);
    if (Dpc)
        SIM_RELEASE(Dpc);
    return was;
}

BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer)
{
    SIM_ENTER(DISPATCH_LEVEL);
    return Remove(Timer);
}

BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer)
{
    return Timer->Header.SignalState != 0;
}

VOID NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE Routine, PVOID Context)
{
    memset(Dpc, 0, sizeof(*Dpc));
    Dpc->DeferredRoutine = Routine;
    Dpc->DeferredContext = Context;
}

BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    SimYield();
    return QueueDpc(Dpc, SystemArgument1, SystemArgument2);
}

BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc)
{
    for (ULONG i = 0; i < QueueCount; i++)
        if (Queue[i] == Dpc) {
            memmove(Queue + i, Queue + i + 1, (--QueueCount - i) * sizeof(*Queue));
            Dpc->DpcData = NULL;
            return TRUE;
        }
    return FALSE;
}

VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    SIM_ENTER(PASSIVE_LEVEL);
    SimCheckWaitAllowed(__func__, TRUE);
    while (QueueCount || RunningDpc) {
        Idle.Header.SignalState = 0;
        SimEventWait(&Idle, "DPCs to finish");
    }
    SIM_ACQUIRE(&RunningDpc);
}
