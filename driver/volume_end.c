/* SPDX-License-Identifier: MIT */
/*
 * A volume ends in three steps, each begun by whoever finds its condition met, done at most once:
 *
 *   withdraw  letter and interface are taken away, the child leaves the bus' relations
 *   gone      withdrawn, and the PnP manager (if it knew the device) has noticed: off the lists, VOLUME_REMOVE answered
 *   delete    gone, and the PnP manager (if it knew the device) has sent REMOVE: drained, IoDeleteDevice
 *
 * A PDO is deleted in its REMOVE, as "Handling an IRP_MN_REMOVE_DEVICE Request" (WDK) has it, if the work item has done
 * its part by then. It has when the volume went by itself; when the bus is pulled out from above it, or the item is on
 * its last lines, the item deletes the PDO a moment later. To wait for it in the PnP manager's thread would be wrong: it
 * asks the Mount Manager, which may wait for that thread. Until the device is deleted it answers nothing but failures.
 */
#include "volume_end.h"
#include "announce.h"
#include "bus.h"
#include "deadline.h"
#include "instance.h"
#include "pool.h"
#include "queue.h"
#include "request.h"
#include "session.h"
#include "trace.h"
#include "volume.h"
#include "volume_start.h"

static IO_WORKITEM_ROUTINE Worker;
static DRIVER_CANCEL CancelAwaitGone;

void
VolumeDeviceDeleted(ULONG Instance)
{
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Platter.DeviceCount--;
    InstanceGive(Instance);
    KeReleaseSpinLock(&Platter.Lock, irql);
    DeadlineTimerUpdate();
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (Platter.DeviceCount == 0)
        KeSetEvent(&Platter.NoDevices, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&Platter.Lock, irql);
}

BOOLEAN
VolumeBeginRemove(PVOLUME Volume)
{
    if (InterlockedExchange(&Volume->State, PLATTER_STATE_REMOVING) == PLATTER_STATE_REMOVING)
        return FALSE;
    TRACE_INFO("volume %u is being removed\n", (ULONG)Volume->Id);
    QueueDrain(Volume, STATUS_NO_SUCH_DEVICE);
    VolumeStarted(Volume, STATUS_NO_SUCH_DEVICE);
    VolumeQueueWork(Volume, VOLUME_WORK_WITHDRAW);
    return TRUE;
}

/* Completes the VOLUME_REMOVEs that wait. One that is being cancelled stays on the list, for its cancel routine. */
static void
AnswerRemovers(PVOLUME Volume)
{
    PLIST_ENTRY entry;
    PIRP irp;
    KIRQL irql;

    do
    {
        irp = NULL;
        KeAcquireSpinLock(&Platter.Lock, &irql);
        for (entry = Volume->RemoveIrps.Flink; entry != &Volume->RemoveIrps; entry = entry->Flink)
        {
            PIRP candidate = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

            if (IoSetCancelRoutine(candidate, NULL) != NULL)
            {
                RemoveEntryList(entry);
                irp = candidate;
                break;
            }
        }
        KeReleaseSpinLock(&Platter.Lock, irql);
        if (irp != NULL)
        {
            CompleteIrp(irp, STATUS_SUCCESS, 0);
            VolumeDereference(Volume);
        }
    } while (irp != NULL);
}

static VOID NTAPI
CancelAwaitGone(PDEVICE_OBJECT Device, PIRP Irp)
{
    PVOLUME volume = RequestVolume(Irp);
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Platter.Lock, irql);
    CompleteIrp(Irp, STATUS_CANCELLED, 0);
    VolumeDereference(volume);
}

NTSTATUS
VolumeAwaitGone(PVOLUME Volume, PIRP Irp)
{
    NTSTATUS status = STATUS_PENDING;
    KIRQL irql;

    RequestSetVolume(Irp, Volume);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (Volume->Gone)
    {
        status = STATUS_SUCCESS;
    }
    else
    {
        VolumeReference(Volume);
        IoMarkIrpPending(Irp);
        InsertTailList(&Volume->RemoveIrps, &Irp->Tail.Overlay.ListEntry);
        IoSetCancelRoutine(Irp, CancelAwaitGone);
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
        {
            RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
            status = STATUS_CANCELLED;
        }
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (status == STATUS_CANCELLED)
    {
        CompleteIrp(Irp, STATUS_CANCELLED, 0);
        VolumeDereference(Volume);
        status = STATUS_PENDING; /* it was marked so */
    }
    return status;
}

/* Uses up a reference on the session. */
static void
BecomeGone(PVOLUME Volume, PSESSION Session)
{
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    Session->LiveVolumes--;
    KeReleaseSpinLock(&Session->Lock, irql);
    TRACE_INFO("volume %u is gone\n", (ULONG)Volume->Id);
    AnswerRemovers(Volume);
    SessionWakeAll(Session);
    SessionDereference(Session);
}

/* TRUE: the device is to be deleted. */
static BOOLEAN
Settle(PVOLUME Volume)
{
    PSESSION session = Volume->Session;
    BOOLEAN gone;
    BOOLEAN delete;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    gone = (BOOLEAN)(Volume->Withdrawn && !Volume->Gone &&
                     (!Volume->PnpKnown || Volume->PnpSurprised || Volume->PnpRemoved));
    if (gone)
    {
        Volume->Gone = TRUE;
        RemoveEntryList(&Volume->Link);
        InsertTailList(&Platter.Ended, &Volume->Link);
        Platter.VolumeCount--;
        /* From here on the work item may delete the volume while the PnP manager's thread is in BecomeGone. */
        SessionReference(session);
    }
    delete = (BOOLEAN)(Volume->Gone && !Volume->PnpKnown);
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (gone)
        BecomeGone(Volume, session);
    return delete;
}

void
VolumeSettle(PVOLUME Volume)
{
    if (Settle(Volume))
        VolumeQueueWork(Volume, VOLUME_WORK_DELETE);
}

static void
Withdraw(PVOLUME Volume)
{
    BOOLEAN reported;
    KIRQL irql;

    AnnounceWithdraw(Volume);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    reported = Volume->Reported;
    Volume->Reported = FALSE;
    Volume->Withdrawn = TRUE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (reported)
        BusInvalidate();
    VolumeSettle(Volume);
}

/* Nobody reaches the device any more but those who hold a handle, and they are turned away by the remove lock. */
static void
Delete(PVOLUME Volume)
{
    PSESSION session = Volume->Session;
    PIO_WORKITEM item = Volume->WorkItem;
    ULONG instance = Volume->Instance;
    NTSTATUS status = IoAcquireRemoveLock(&Volume->RemoveLock, Volume);
    KIRQL irql;

    if (NT_SUCCESS(status))
        IoReleaseRemoveLockAndWait(&Volume->RemoveLock, Volume);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    RemoveEntryList(&Volume->Link);
    KeReleaseSpinLock(&Platter.Lock, irql);
    AnnounceForget(Volume); /* an arrival that was under way may have written after the withdrawal */
    PoolFree(Volume->ProbeBuffer, POOL_VOLUME);
    RtlFreeUnicodeString(&Volume->InterfaceName);
    TRACE_INFO("volume %u deleted\n", (ULONG)Volume->Id);
    IoDeleteDevice(Volume->Device); /* the work item that runs keeps the memory until it returns */
    IoFreeWorkItem(item);
    SessionDereference(session);
    VolumeDeviceDeleted(instance);
}

void
VolumeRemovedByPnp(PVOLUME Volume)
{
    BOOLEAN idle;
    KIRQL irql;

    if (!Settle(Volume))
        return;
    KeAcquireSpinLock(&Platter.Lock, &irql);
    idle = (BOOLEAN)!Volume->WorkActive;
    Volume->WorkActive = TRUE; /* for good, if it was idle */
    if (!idle)
        Volume->Work |= VOLUME_WORK_DELETE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (idle)
        Delete(Volume);
}

static VOID NTAPI
Worker(PDEVICE_OBJECT Device, PVOID Context)
{
    PVOLUME volume = Context;
    ULONG work;
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    for (;;)
    {
        KeAcquireSpinLock(&Platter.Lock, &irql);
        work = volume->Work;
        volume->Work = 0;
        if (work == 0)
            volume->WorkActive = FALSE;
        KeReleaseSpinLock(&Platter.Lock, irql);
        if (work == 0)
            break;
        /* Suspended first: disabled and enabled again before this came to run, it is to be on. */
        if ((work & VOLUME_WORK_SUSPEND) != 0)
            AnnounceSuspend(volume);
        if ((work & VOLUME_WORK_ANNOUNCE) != 0)
            AnnounceStep(volume);
        if ((work & VOLUME_WORK_WITHDRAW) != 0)
            Withdraw(volume);
        if ((work & VOLUME_WORK_DELETE) != 0)
        {
            Delete(volume); /* WorkActive stays: nothing is ever queued again */
            break;
        }
    }
}

void
VolumeQueueWork(PVOLUME Volume, ULONG Work)
{
    BOOLEAN queue;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Work |= Work;
    queue = (BOOLEAN)!Volume->WorkActive;
    Volume->WorkActive = TRUE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (queue)
        IoQueueWorkItem(Volume->WorkItem, Worker, DelayedWorkQueue, Volume);
}
