/* SPDX-License-Identifier: MIT */
/* Compiled as the driver is. The names of the cases say what ThreadSanitizer is to say: tests/driver/tsan.sh. */
#include "race_fixture.h"

typedef struct ITEM {
    LIST_ENTRY Link;
    ULONG Value;
} ITEM;

static KSPIN_LOCK Lock, OtherLock;
static KEVENT Handed;
static LIST_ENTRY List;
static ITEM Items[2];
static ULONG Counter;
static LONG volatile Interlocked;

void RaceInitialize(void)
{
    KeInitializeSpinLock(&Lock);
    KeInitializeSpinLock(&OtherLock);
    KeInitializeEvent(&Handed, SynchronizationEvent, TRUE);
    InitializeListHead(&List);
}

static void Plain(ULONG Thread)
{
    (void)Thread;
    Counter++;
}

static void CountUnder(PKSPIN_LOCK SpinLock)
{
    KIRQL irql;

    KeAcquireSpinLock(SpinLock, &irql);
    Counter++;
    KeReleaseSpinLock(SpinLock, irql);
}

static void Locked(ULONG Thread)
{
    (void)Thread;
    CountUnder(&Lock);
}

static void TwoLocks(ULONG Thread)
{
    CountUnder(Thread ? &Lock : &OtherLock);
}

static void Exchanged(ULONG Thread)
{
    (void)Thread;
    InterlockedIncrement(&Interlocked);
}

static void Listed(ULONG Thread, BOOLEAN locked)
{
    KIRQL irql = PASSIVE_LEVEL;

    if (locked)
        KeAcquireSpinLock(&Lock, &irql);
    InsertTailList(&List, &Items[Thread].Link);
    Items[Thread].Value++;
    RemoveEntryList(&Items[Thread].Link);
    if (locked)
        KeReleaseSpinLock(&Lock, irql);
}

static void ListLocked(ULONG Thread)
{
    Listed(Thread, TRUE);
}

static void ListHalfLocked(ULONG Thread)
{
    Listed(Thread, Thread == 0);
}

static void Event(ULONG Thread)
{
    (void)Thread;
    KeWaitForSingleObject(&Handed, Executive, KernelMode, FALSE, NULL);
    Counter++;
    KeSetEvent(&Handed, IO_NO_INCREMENT, FALSE);
}

const RACE_CASE RaceCases[] = {
    {"race-counter", Plain},   {"race-two-locks", TwoLocks}, {"race-list", ListHalfLocked},
    {"clean-counter", Locked}, {"clean-list", ListLocked},   {"clean-interlocked", Exchanged},
    {"clean-event", Event},
};
const ULONG RaceCaseCount = RTL_NUMBER_OF(RaceCases);
