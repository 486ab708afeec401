/* SPDX-License-Identifier: MIT */
/* IRQL, spin locks, critical regions. Sources: "Managing Hardware Priorities", "KeAcquireSpinLock" (WDK). */
#include "internal.h"

unsigned long long NtSimReadCr8(void)
{
    return Sim.Current->Irql;
}

void NtSimWriteCr8(unsigned long long irql)
{
    if (irql > HIGH_LEVEL)
        SimBug("IRQL set to %llu", irql);
    if (irql < DISPATCH_LEVEL && Sim.Current->LockCount)
        SimBug("IRQL lowered to %llu with a spin lock held", irql);
    Sim.Current->Irql = (KIRQL)irql;
}

/* gs:[188h] is the current thread on x86_64; nothing else is read by the headers' inlines that drivers use. */
unsigned long long NtSimReadGsQword(unsigned int offset)
{
    if (offset != 0x188)
        SimBug("processor block read at offset %xh", offset);
    return (ULONG_PTR)Sim.Current;
}

unsigned short NtSimReadGsWord(unsigned int offset)
{
    (void)offset;
    return 0;
}

static VOID Acquire(PKSPIN_LOCK lock, const char *routine)
{
    PSIM_THREAD me = Sim.Current;

    if (me->LockCount == SIM_SIZE(me->Locks))
        SimBug("%s: too many spin locks held", routine);
    while (*lock) {
        if (*lock == (KSPIN_LOCK)me)
            SimBug("%s: this thread already holds the spin lock %p", routine, (void *)lock);
        me->WaitObjects = (PVOID *)lock;
        me->WaitCount = 0;
        SimBlock("a spin lock", 0);
        me->WaitObjects = NULL;
    }
    *lock = (KSPIN_LOCK)me;
    me->Locks[me->LockCount++] = lock;
    SIM_ACQUIRE(lock);
}

static VOID Release(PKSPIN_LOCK lock, const char *routine)
{
    PSIM_THREAD me = Sim.Current;
    ULONG i;

    if (*lock != (KSPIN_LOCK)me)
        SimBug("%s: this thread does not hold the spin lock %p", routine, (void *)lock);
    for (i = 0; i < me->LockCount && me->Locks[i] != lock; i++)
        ;
    if (i == me->LockCount)
        SimBug("%s: lock %p is not among those held", routine, (void *)lock);
    me->Locks[i] = me->Locks[--me->LockCount];
    SIM_RELEASE(lock);
    *lock = 0;
    for (ULONG k = 0; k < Sim.ThreadCount; k++) {
        PSIM_THREAD t = Sim.Threads[k];
        if (t->State == SimBlocked && !t->WaitCount && t->WaitObjects == (PVOID *)lock)
            SimWake(t);
    }
}

/* Inlined by wdm.h, without a convention. */
#undef KeInitializeSpinLock
VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    if (*SpinLock == (KSPIN_LOCK)Sim.Current)
        SimBug("KeInitializeSpinLock of a lock that is held");
    *SpinLock = 0;
}

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL old = Sim.Current->Irql;

    SIM_ENTER(DISPATCH_LEVEL);
    Sim.Current->Irql = DISPATCH_LEVEL;
    Acquire(SpinLock, __func__);
    return old;
}

VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    if (Sim.Current->Irql != DISPATCH_LEVEL)
        SimBug("KeReleaseSpinLock at IRQL %u", Sim.Current->Irql);
    if (NewIrql > DISPATCH_LEVEL)
        SimBug("KeReleaseSpinLock to IRQL %u", NewIrql);
    Release(SpinLock, __func__);
    NtSimWriteCr8(NewIrql);
    SimYield();
    /* Where the driver takes the lock again, there may be no other call in between. */
    SimStallHere("KeReleaseSpinLock returns");
}

VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (Sim.Current->Irql != DISPATCH_LEVEL)
        SimBug("KeAcquireSpinLockAtDpcLevel at IRQL %u", Sim.Current->Irql);
    SIM_ENTER(DISPATCH_LEVEL);
    Acquire(SpinLock, __func__);
}

VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (Sim.Current->Irql != DISPATCH_LEVEL)
        SimBug("KeReleaseSpinLockFromDpcLevel at IRQL %u", Sim.Current->Irql);
    Release(SpinLock, __func__);
}

VOID FASTCALL KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    LockHandle->OldIrql = KeAcquireSpinLockRaiseToDpc(SpinLock);
    LockHandle->LockQueue.Lock = SpinLock;
}

VOID FASTCALL KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KeReleaseSpinLock((PKSPIN_LOCK)LockHandle->LockQueue.Lock, LockHandle->OldIrql);
}

VOID NTAPI KeEnterCriticalRegion(VOID)
{
    SIM_ENTER(APC_LEVEL);
    Sim.Current->Critical++;
}

VOID NTAPI KeLeaveCriticalRegion(VOID)
{
    SIM_ENTER(APC_LEVEL);
    if (!Sim.Current->Critical)
        SimBug("KeLeaveCriticalRegion without KeEnterCriticalRegion");
    Sim.Current->Critical--;
}

BOOLEAN NTAPI KeAreApcsDisabled(VOID)
{
    return Sim.Current->Critical != 0;
}

LONGLONG NtSimSystemTime(void)
{
    Sim.Now++; /* no two readings are the same */
    return 133800000000000000LL + (LONGLONG)Sim.Now;
}

LONGLONG NtSimTickCount(void)
{
    return (LONGLONG)(Sim.Now / 156250);
}

LONGLONG NtSimInterruptTime(void)
{
    return (LONGLONG)Sim.Now;
}

ULONG NTAPI KeQueryTimeIncrement(VOID)
{
    return 156250;
}

/* Counts while the machine sleeps, too ("Acquiring high-resolution time stamps", Windows SDK); timers do not. */
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER now = {.QuadPart = (LONGLONG)(Sim.Now + Sim.Slept)};

    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = 10000000;
    return now;
}
