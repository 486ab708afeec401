/* SPDX-License-Identifier: MIT */
#include "deadline.h"
#include "bus.h"
#include "clock.h"
#include "error_log.h"
#include "queue.h"
#include "request.h"
#include "session.h"
#include "trace.h"
#include "volume.h"

static KDEFERRED_ROUTINE Tick;

void
DeadlineInitialize(void)
{
    KeInitializeTimerEx(&Platter.Timer, NotificationTimer);
    KeInitializeDpc(&Platter.TimerDpc, Tick, NULL);
    KeInitializeEvent(&Platter.TimerTurn, SynchronizationEvent, TRUE);
}

/*
 * Not under Platter.Lock, which the DPC takes: on Wine setting and cancelling a timer wait for a DPC that runs. For the
 * same reason the timer is periodic: set again from its own DPC, it would wait for itself.
 */
void
DeadlineTimerUpdate(void)
{
    LARGE_INTEGER due;
    BOOLEAN wanted;
    KIRQL irql;

    KeWaitForSingleObject(&Platter.TimerTurn, Executive, KernelMode, FALSE, NULL);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    wanted = (BOOLEAN)(Platter.DeviceCount != 0);
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (wanted && !Platter.TimerArmed)
    {
        KeAcquireSpinLock(&Platter.Lock, &irql);
        Platter.LastTick = ClockMilliseconds();
        KeReleaseSpinLock(&Platter.Lock, irql);
        due.QuadPart = -(LONGLONG)DEADLINE_TICK_MS * 10000;
        Platter.TimerArmed = TRUE;
        KeSetTimerEx(&Platter.Timer, due, DEADLINE_TICK_MS, &Platter.TimerDpc);
    }
    else if (!wanted && Platter.TimerArmed)
    {
        KeCancelTimer(&Platter.Timer);
        KeFlushQueuedDpcs();
        Platter.TimerArmed = FALSE;
    }
    KeSetEvent(&Platter.TimerTurn, IO_NO_INCREMENT, FALSE);
}

void
DeadlineSetStage(PVOLUME Volume, ULONG Milliseconds)
{
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Staged = (BOOLEAN)(Milliseconds != 0);
    Volume->StageTimedOut = FALSE;
    Volume->StageMs = Milliseconds;
    Volume->StageDeadline = ClockMilliseconds() + Milliseconds;
    KeReleaseSpinLock(&Platter.Lock, irql);
}

static void
ExpireRequests(PLIST_ENTRY Expired)
{
    while (!IsListEmpty(Expired))
    {
        PIRP irp = CONTAINING_RECORD(RemoveHeadList(Expired), IRP, Tail.Overlay.ListEntry);
        PVOLUME volume = RequestVolume(irp);

        TRACE_INFO("volume %u: request %u is over its deadline\n", (ULONG)volume->Id, RequestId(irp));
        ErrorLogProviderLate(volume);
        RequestComplete(volume, irp, STATUS_IO_DEVICE_ERROR, 0);
    }
}

/* Takes one volume whose step is over its time, referenced; NULL: none. */
static PVOLUME
TakeOverdue(ULONG Now)
{
    PLIST_ENTRY entry;
    PVOLUME found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        if (volume->Staged && ClockIsPast(Now, volume->StageDeadline))
        {
            volume->Staged = FALSE;
            volume->StageTimedOut = TRUE;
            VolumeReference(volume);
            found = volume;
            break;
        }
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    return found;
}

/* Lock held. The machine has slept: who waited begins to wait. */
static void
RenewStages(ULONG Now)
{
    PLIST_ENTRY entry;

    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        volume->StageDeadline = Now + volume->StageMs;
    }
}

static VOID NTAPI
Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LIST_ENTRY expired;
    PLIST_ENTRY entry;
    PVOLUME volume;
    ULONG now = ClockMilliseconds();
    BOOLEAN slept;
    KIRQL irql;

    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InitializeListHead(&expired);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    slept = ClockIsPast(now, Platter.LastTick + DEADLINE_SLEPT_MS);
    Platter.LastTick = now;
    if (slept)
        RenewStages(now);
    for (entry = Platter.Sessions.Flink; entry != &Platter.Sessions; entry = entry->Flink)
    {
        PSESSION session = CONTAINING_RECORD(entry, SESSION, Link);

        KeAcquireSpinLockAtDpcLevel(&session->Lock);
        if (slept)
            QueueRenewDeadlines(session, now);
        else
            QueueCollectExpired(session, now, &expired);
        KeReleaseSpinLockFromDpcLevel(&session->Lock);
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    ExpireRequests(&expired); /* they hold their volumes' remove locks, and the volumes their sessions */
    if (Platter.RelationsMissed != 0)
        BusInvalidate();
    while ((volume = TakeOverdue(now)) != NULL)
    {
        VolumeQueueWork(volume, VOLUME_WORK_ANNOUNCE);
        VolumeDereference(volume);
    }
}
