/* SPDX-License-Identifier: MIT */
/* Dispatcher objects and waits. Sources: "Introduction to Kernel Dispatcher Objects", "KeWaitForSingleObject" (WDK). */
#include "internal.h"

enum {
    ObjNotification = 0,
    ObjSynchronization = 1,
    ObjMutant = 2,
    ObjProcess = 3,
    ObjSemaphore = 5,
    ObjThread = 6,
    ObjTimerNotification = 8,
    ObjTimerSynchronization = 9
};

static BOOLEAN Signalled(PVOID object, PSIM_THREAD thread)
{
    DISPATCHER_HEADER *header = object;

    switch (header->Type) {
    case ObjMutant:
        return header->SignalState > 0 || ((KMUTANT *)object)->OwnerThread == (PVOID)thread;
    case ObjNotification:
    case ObjSynchronization:
    case ObjProcess:
    case ObjSemaphore:
    case ObjThread:
    case ObjTimerNotification:
    case ObjTimerSynchronization:
        return header->SignalState > 0;
    default:
        SimBug("a wait for %p, which is no dispatcher object (type %u)", object, header->Type);
    }
}

static VOID Consume(PVOID object, PSIM_THREAD thread)
{
    DISPATCHER_HEADER *header = object;

    switch (header->Type) {
    case ObjSynchronization:
    case ObjTimerSynchronization:
        header->SignalState = 0;
        break;
    case ObjSemaphore:
        header->SignalState--;
        break;
    case ObjMutant:
        header->SignalState--;
        ((KMUTANT *)object)->OwnerThread = (PVOID)thread;
        break;
    default:
        break;
    }
}

/* Satisfies the wait if it can be now. */
static BOOLEAN TryWait(PSIM_THREAD thread, NTSTATUS *status)
{
    if (thread->WaitType == WaitAll) {
        for (ULONG i = 0; i < thread->WaitCount; i++)
            if (!Signalled(thread->WaitObjects[i], thread))
                return FALSE;
        for (ULONG i = 0; i < thread->WaitCount; i++)
            Consume(thread->WaitObjects[i], thread);
        *status = STATUS_WAIT_0;
        return TRUE;
    }
    for (ULONG i = 0; i < thread->WaitCount; i++)
        if (Signalled(thread->WaitObjects[i], thread)) {
            Consume(thread->WaitObjects[i], thread);
            *status = (NTSTATUS)(STATUS_WAIT_0 + i);
            return TRUE;
        }
    return FALSE;
}

VOID SimWakeWaiters(PVOID Object)
{
    ULONG first = Sim.Options.Seed && Sim.ThreadCount ? SimRandom(Sim.ThreadCount) : 0;

    for (ULONG n = 0; n < Sim.ThreadCount; n++) {
        PSIM_THREAD t = Sim.Threads[(first + n) % Sim.ThreadCount];
        BOOLEAN waits = FALSE;
        if (t->State != SimBlocked)
            continue;
        for (ULONG i = 0; i < t->WaitCount; i++)
            waits |= t->WaitObjects[i] == Object;
        if (waits && TryWait(t, &t->WaitStatus)) {
            t->WaitCount = 0;
            SimWake(t);
        }
    }
}

NTSTATUS SimWaitObjects(ULONG Count, PVOID *Objects, WAIT_TYPE Type, ULONG64 Until, const char *Why)
{
    PSIM_THREAD me = Sim.Current;
    NTSTATUS status;

    me->WaitObjects = Objects;
    me->WaitCount = Count;
    me->WaitType = Type;
    if (!TryWait(me, &status)) {
        if (Until && Until <= Sim.Now) {
            status = STATUS_TIMEOUT;
        } else {
            SimBlock(Why, Until);
            status = me->WaitStatus;
        }
    }
    me->WaitObjects = NULL;
    me->WaitCount = 0;
    if (status != STATUS_TIMEOUT)
        for (ULONG i = 0; i < Count; i++)
            if (Type == WaitAll || (NTSTATUS)i == status)
                SIM_ACQUIRE(Objects[i]);
    return status;
}

VOID SimEventInit(PRKEVENT Event, EVENT_TYPE Type)
{
    memset(Event, 0, sizeof(*Event));
    Event->Header.Type = Type == NotificationEvent ? ObjNotification : ObjSynchronization;
    InitializeListHead(&Event->Header.WaitListHead);
}

VOID SimEventSet(PRKEVENT Event)
{
    SIM_RELEASE(Event);
    Event->Header.SignalState = 1;
    SimWakeWaiters(Event);
}

VOID SimEventWait(PRKEVENT Event, const char *Why)
{
    PVOID object = Event;

    SimWaitObjects(1, &object, WaitAny, 0, Why);
}

static ULONG64 Deadline(PLARGE_INTEGER Timeout)
{
    LONGLONG due;

    if (!Timeout)
        return 0;
    due = Timeout->QuadPart;
    if (due < 0)
        return Sim.Now + (ULONG64)-due;
    due -= 133800000000000000LL;
    return due > (LONGLONG)Sim.Now ? (ULONG64)due : Sim.Now ? Sim.Now : 1;
}

VOID NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    SimEventInit(Event, Type);
    Event->Header.SignalState = State;
}

LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    LONG old;

    (void)Increment;
    SIM_ENTER(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    if (Event->Header.Type > ObjSynchronization)
        SimBug("KeSetEvent of %p, which is no event", (void *)Event);
    old = Event->Header.SignalState;
    SimEventSet(Event);
    SimYield();
    return old;
}

LONG NTAPI KeResetEvent(PRKEVENT Event)
{
    LONG old;

    SIM_ENTER(DISPATCH_LEVEL);
    old = Event->Header.SignalState;
    Event->Header.SignalState = 0;
    return old;
}

VOID NTAPI KeClearEvent(PRKEVENT Event)
{
    SIM_ENTER(DISPATCH_LEVEL);
    Event->Header.SignalState = 0;
}

LONG NTAPI KeReadStateEvent(PRKEVENT Event)
{
    SIM_ENTER(DISPATCH_LEVEL);
    SIM_ACQUIRE(Event);
    return Event->Header.SignalState;
}

NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Objects[], WAIT_TYPE WaitType, KWAIT_REASON Reason,
                                        KPROCESSOR_MODE Mode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK Blocks)
{
    BOOLEAN blocking = !Timeout || Timeout->QuadPart != 0;

    (void)Reason;
    (void)Mode;
    (void)Alertable;
    SimEnter(__func__, DISPATCH_LEVEL);
    SimCheckWaitAllowed(__func__, blocking);
    if (!Count || Count > MAXIMUM_WAIT_OBJECTS || (Count > THREAD_WAIT_OBJECTS && !Blocks))
        SimBug("%s: %u objects", __func__, Count);
    return SimWaitObjects(Count, Objects, WaitType, blocking ? Deadline(Timeout) : 1, "kernel objects");
}

NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON Reason, KPROCESSOR_MODE Mode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout)
{
    BOOLEAN blocking = !Timeout || Timeout->QuadPart != 0;

    (void)Reason;
    (void)Mode;
    (void)Alertable;
    SimEnter(__func__, DISPATCH_LEVEL);
    SimCheckWaitAllowed(__func__, blocking);
    return SimWaitObjects(1, &Object, WaitAny, blocking ? Deadline(Timeout) : 1, "a kernel object");
}

NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE Mode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
{
    (void)Mode;
    (void)Alertable;
    SIM_ENTER(APC_LEVEL);
    SimCheckWaitAllowed(__func__, TRUE);
    if (Interval->QuadPart == 0)
        SimYieldNow();
    else
        SimBlock("KeDelayExecutionThread", Deadline(Interval) + 1);
    return STATUS_SUCCESS;
}

VOID NTAPI KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    memset(Semaphore, 0, sizeof(*Semaphore));
    Semaphore->Header.Type = ObjSemaphore;
    Semaphore->Header.SignalState = Count;
    Semaphore->Limit = Limit;
    InitializeListHead(&Semaphore->Header.WaitListHead);
}

LONG NTAPI KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)
{
    LONG old;

    (void)Increment;
    SIM_ENTER(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    old = Semaphore->Header.SignalState;
    if (Adjustment <= 0 || old > Semaphore->Limit - Adjustment)
        SimBug("KeReleaseSemaphore past its limit");
    Semaphore->Header.SignalState += Adjustment;
    SIM_RELEASE(Semaphore);
    SimWakeWaiters(Semaphore);
    SimYield();
    return old;
}

VOID NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    (void)Level;
    memset(Mutex, 0, sizeof(*Mutex));
    Mutex->Header.Type = ObjMutant;
    Mutex->Header.SignalState = 1;
    InitializeListHead(&Mutex->Header.WaitListHead);
}

LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    LONG old;

    SIM_ENTER(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    if (Mutex->OwnerThread != (PVOID)Sim.Current)
        SimBug("KeReleaseMutex by a thread that does not own it");
    old = Mutex->Header.SignalState++;
    SIM_RELEASE(Mutex);
    if (Mutex->Header.SignalState == 1) {
        Mutex->OwnerThread = NULL;
        SimWakeWaiters(Mutex);
    }
    return old;
}

/* Fast mutexes: APC level while held; Count 1 free, 0 held. */
VOID FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL old = Sim.Current->Irql;
    PVOID gate = &FastMutex->Event;

    SIM_ENTER(APC_LEVEL);
    SimCheckWaitAllowed(__func__, TRUE);
    if (FastMutex->Owner == (PVOID)Sim.Current)
        SimBug("ExAcquireFastMutex: this thread already holds it");
    while (FastMutex->Count != 1) {
        FastMutex->Contention++;
        SimWaitObjects(1, &gate, WaitAny, 0, "a fast mutex");
    }
    FastMutex->Count = 0;
    FastMutex->Owner = (PVOID)Sim.Current;
    FastMutex->OldIrql = old;
    Sim.Current->Irql = APC_LEVEL;
    Sim.Current->Mutexes++;
    SIM_ACQUIRE(FastMutex);
}

VOID FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    if (FastMutex->Owner != (PVOID)Sim.Current)
        SimBug("ExReleaseFastMutex by a thread that does not hold it");
    if (Sim.Current->Irql != APC_LEVEL)
        SimBug("ExReleaseFastMutex at IRQL %u", Sim.Current->Irql);
    SIM_RELEASE(FastMutex);
    FastMutex->Owner = NULL;
    FastMutex->Count = 1;
    Sim.Current->Mutexes--;
    Sim.Current->Irql = (KIRQL)FastMutex->OldIrql;
    SimEventSet(&FastMutex->Event);
    SimYield();
}
