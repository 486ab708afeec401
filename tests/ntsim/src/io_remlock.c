/* SPDX-License-Identifier: MIT */
/* Remove locks, with every holder's tag remembered as Driver Verifier does. Source: "Using Remove Locks" (WDK). */
#include "internal.h"

typedef struct _REMOVE_LOCK {
    PVOID Tags[4096];
    ULONG Count;
} REMOVE_LOCK;

static SIM_MAP Locks; /* by PIO_REMOVE_LOCK */

static REMOVE_LOCK *Facts(PIO_REMOVE_LOCK lock, const char *routine)
{
    REMOVE_LOCK *facts = SimMapGet(&Locks, lock);

    if (!facts)
        SimBug("%s of %p, which is no initialized remove lock", routine, (void *)lock);
    return facts;
}

VOID SimRemoveLockMemoryFreed(const void *Block, SIZE_T Bytes)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;

    while (SimMapNext(&Locks, &cursor, &key, &value))
        if ((const char *)key >= (const char *)Block && (const char *)key < (const char *)Block + Bytes) {
            REMOVE_LOCK *facts = value;
            if (facts->Count)
                SimBug("a device goes with its remove lock held %u times (first tag %p)", facts->Count, facts->Tags[0]);
            free(facts);
            SimMapSet(&Locks, key, NULL);
        }
    if (!Locks.Used || Locks.Used == Locks.Dead)
        SimMapClear(&Locks);
}

VOID NTAPI IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes,
                                    ULONG HighWatermark, ULONG RemlockSize)
{
    (void)AllocateTag;
    (void)MaxLockedMinutes;
    (void)HighWatermark;
    SIM_ENTER(PASSIVE_LEVEL);
    if (RemlockSize != sizeof(*Lock))
        SimBug("%s: size %u", __func__, RemlockSize);
    if (SimMapGet(&Locks, Lock))
        SimBug("%s of a lock that is initialized already", __func__);
    memset(Lock, 0, sizeof(*Lock));
    Lock->Common.IoCount = 1;
    SimEventInit(&Lock->Common.RemoveEvent, SynchronizationEvent);
    SimMapSet(&Locks, Lock, calloc(1, sizeof(REMOVE_LOCK)));
}

NTSTATUS NTAPI IoAcquireRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, PCSTR File, ULONG Line, ULONG RemlockSize)
{
    REMOVE_LOCK *facts;

    (void)File;
    (void)Line;
    (void)RemlockSize;
    SIM_ENTER(DISPATCH_LEVEL);
    facts = Facts(Lock, __func__);
    SIM_ACQUIRE(Lock);
    if (Lock->Common.Removed)
        return STATUS_DELETE_PENDING;
    if (facts->Count == SIM_SIZE(facts->Tags))
        SimBug("%s: held by too many", __func__);
    Lock->Common.IoCount++;
    facts->Tags[facts->Count++] = Tag;
    return STATUS_SUCCESS;
}

static VOID Drop(PIO_REMOVE_LOCK lock, PVOID tag, const char *routine)
{
    REMOVE_LOCK *facts = Facts(lock, routine);
    ULONG i;

    for (i = facts->Count; i && facts->Tags[i - 1] != tag; i--)
        ;
    if (!i)
        SimBug("%s with tag %p, by which it is not held", routine, tag);
    facts->Tags[i - 1] = facts->Tags[--facts->Count];
    lock->Common.IoCount--;
    SIM_RELEASE(lock);
}

VOID NTAPI IoReleaseRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG RemlockSize)
{
    (void)RemlockSize;
    SIM_ENTER(DISPATCH_LEVEL);
    Drop(Lock, Tag, __func__);
    if (!Lock->Common.IoCount) {
        if (!Lock->Common.Removed)
            SimBug("%s: count went to zero without removal", __func__);
        SimEventSet(&Lock->Common.RemoveEvent);
    }
}

VOID NTAPI IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG RemlockSize)
{
    (void)RemlockSize;
    SIM_ENTER(PASSIVE_LEVEL);
    SimCheckWaitAllowed(__func__, TRUE);
    Facts(Lock, __func__);
    if (Lock->Common.Removed)
        SimBug("%s a second time", __func__);
    Lock->Common.Removed = TRUE;
    Drop(Lock, Tag, __func__);
    if (--Lock->Common.IoCount > 0)
        SimEventWait(&Lock->Common.RemoveEvent, "a remove lock to be released");
    SIM_ACQUIRE(Lock);
}
