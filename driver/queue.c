/* SPDX-License-Identifier: MIT */
#include "queue.h"
#include "clock.h"
#include "request.h"
#include "session.h"
#include "volume.h"

static DRIVER_CANCEL CancelRequest;
static DRIVER_CANCEL CancelWaiting;

static PIRP
IrpOf(PLIST_ENTRY Entry)
{
    return CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry);
}

void
QueueInitialize(PSESSION Session)
{
    ULONG i;

    InitializeListHead(&Session->Pending);
    InitializeListHead(&Session->Waiting);
    for (i = 0; i < SESSION_BUCKETS; i++)
        InitializeListHead(&Session->InFlight[i]);
}

/* Lock held. FALSE: the IRP was cancelled before it had a cancel routine, and is not on the list. */
static BOOLEAN
Insert(PLIST_ENTRY List, PIRP Irp, PDRIVER_CANCEL Cancel)
{
    InsertTailList(List, &Irp->Tail.Overlay.ListEntry);
    IoSetCancelRoutine(Irp, Cancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        return FALSE;
    }
    /* If Cancel is set and the routine was gone already, it runs: it waits for the lock and takes the IRP off. */
    return TRUE;
}

/* Lock held. FALSE: the cancel routine is on its way and takes the IRP off the list itself. */
static BOOLEAN
Take(PIRP Irp)
{
    if (IoSetCancelRoutine(Irp, NULL) == NULL)
        return FALSE;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    return TRUE;
}

static VOID NTAPI
CancelRequest(PDEVICE_OBJECT Device, PIRP Irp)
{
    PVOLUME volume = RequestVolume(Irp);
    PSESSION session = volume->Session; /* lives: the request holds the volume's remove lock */
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&session->Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    session->Requests--;
    KeReleaseSpinLock(&session->Lock, irql);
    RequestComplete(volume, Irp, STATUS_CANCELLED, 0);
}

void
QueuePut(PVOLUME Volume, PIRP Irp)
{
    PSESSION session = Volume->Session;
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    RequestSetDeadline(Irp, ClockMilliseconds() + Volume->DeadlineMs);
    KeAcquireSpinLock(&session->Lock, &irql);
    if (VolumeIsRemoving(Volume))
        status = STATUS_NO_SUCH_DEVICE;
    else if (Insert(&session->Pending, Irp, CancelRequest))
        session->Requests++;
    else
        status = STATUS_CANCELLED;
    KeReleaseSpinLock(&session->Lock, irql);
    if (status != STATUS_SUCCESS)
        RequestComplete(Volume, Irp, status, 0);
}

PIRP
QueueTake(PSESSION Session, ULONG Room, BOOLEAN Cut)
{
    PLIST_ENTRY entry;
    PIRP taken = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    for (entry = Session->Pending.Flink; entry != &Session->Pending; entry = entry->Flink)
    {
        PIRP irp = IrpOf(entry);

        if (!Cut && RequestPieceLength(irp, PLATTER_MAX_TRANSFER) > Room)
            break;
        if (Take(irp))
        {
            Session->Requests--;
            taken = irp;
            break;
        }
    }
    KeReleaseSpinLock(&Session->Lock, irql);
    return taken;
}

ULONG
QueueHandOut(PVOLUME Volume, PIRP Irp)
{
    PSESSION session = Volume->Session;
    NTSTATUS status = STATUS_SUCCESS;
    ULONG id = 0;
    KIRQL irql;

    KeAcquireSpinLock(&session->Lock, &irql);
    if (VolumeIsRemoving(Volume))
    {
        status = STATUS_NO_SUCH_DEVICE;
    }
    else
    {
        /* No id lives for longer than its deadline, so a counter of 32 bits does not meet itself. */
        if (++session->LastRequestId == 0)
            session->LastRequestId = 1;
        id = session->LastRequestId;
        RequestSetId(Irp, id);
        if (Insert(&session->InFlight[id % SESSION_BUCKETS], Irp, CancelRequest))
        {
            session->Requests++;
        }
        else
        {
            id = 0;
            status = STATUS_CANCELLED;
        }
    }
    KeReleaseSpinLock(&session->Lock, irql);
    if (status != STATUS_SUCCESS)
        RequestComplete(Volume, Irp, status, 0);
    return id;
}

PIRP
QueueTakeAnswered(PSESSION Session, ULONGLONG Id)
{
    PLIST_ENTRY bucket = &Session->InFlight[Id % SESSION_BUCKETS];
    PLIST_ENTRY entry;
    PIRP taken = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    for (entry = bucket->Flink; entry != bucket; entry = entry->Flink)
    {
        if (RequestId(IrpOf(entry)) != Id)
            continue;
        if (Take(IrpOf(entry)))
        {
            Session->Requests--;
            taken = IrpOf(entry);
        }
        break;
    }
    KeReleaseSpinLock(&Session->Lock, irql);
    return taken;
}

/* Lock held. Moves the IRPs of List to Out that are of Volume, or, without a volume, over their deadline at Now. */
static void
Collect(PSESSION Session, PLIST_ENTRY List, PVOLUME Volume, ULONG Now, PLIST_ENTRY Out)
{
    PLIST_ENTRY entry = List->Flink;

    while (entry != List)
    {
        PIRP irp = IrpOf(entry);

        entry = entry->Flink;
        if (Volume != NULL ? RequestVolume(irp) != Volume : !ClockIsPast(Now, RequestDeadline(irp)))
            continue;
        if (Take(irp))
        {
            Session->Requests--;
            InsertTailList(Out, &irp->Tail.Overlay.ListEntry);
        }
    }
}

static void
CollectAll(PSESSION Session, PVOLUME Volume, ULONG Now, PLIST_ENTRY Out)
{
    ULONG i;

    if (Session->Requests == 0)
        return;
    Collect(Session, &Session->Pending, Volume, Now, Out);
    for (i = 0; i < SESSION_BUCKETS; i++)
        Collect(Session, &Session->InFlight[i], Volume, Now, Out);
}

void
QueueDrain(PVOLUME Volume, NTSTATUS Status)
{
    PSESSION session = Volume->Session;
    LIST_ENTRY out;
    KIRQL irql;

    InitializeListHead(&out);
    KeAcquireSpinLock(&session->Lock, &irql);
    CollectAll(session, Volume, 0, &out);
    KeReleaseSpinLock(&session->Lock, irql);
    while (!IsListEmpty(&out))
        RequestComplete(Volume, IrpOf(RemoveHeadList(&out)), Status, 0);
}

void
QueueCollectExpired(PSESSION Session, ULONG Now, PLIST_ENTRY Expired)
{
    CollectAll(Session, NULL, Now, Expired);
}

static VOID NTAPI
CancelWaiting(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSESSION session = RequestSession(Irp); /* lives: a waiting TRANSACT has a reference */
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&session->Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&session->Lock, irql);
    CompleteIrp(Irp, STATUS_CANCELLED, 0);
    SessionDereference(session);
}

QUEUE_WAIT
QueueWait(PSESSION Session, PIRP Irp)
{
    QUEUE_WAIT result = QUEUE_WAITS;
    BOOLEAN cancelled = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    if (!IsListEmpty(&Session->Pending))
    {
        result = QUEUE_HAS_WORK;
    }
    else if (Session->Closed || (Session->LiveVolumes == 0 && Session->HadVolumes))
    {
        result = QUEUE_IS_DONE;
    }
    else
    {
        SessionReference(Session);
        RequestSetSession(Irp, Session);
        IoMarkIrpPending(Irp);
        cancelled = (BOOLEAN)!Insert(&Session->Waiting, Irp, CancelWaiting);
    }
    KeReleaseSpinLock(&Session->Lock, irql);
    if (cancelled)
    {
        CompleteIrp(Irp, STATUS_CANCELLED, 0);
        SessionDereference(Session);
    }
    return result;
}

static PIRP
TakeWaiting(PSESSION Session, BOOLEAN OnlyForWork)
{
    PLIST_ENTRY entry;
    PIRP taken = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    if (!OnlyForWork || !IsListEmpty(&Session->Pending))
    {
        for (entry = Session->Waiting.Flink; entry != &Session->Waiting && taken == NULL; entry = entry->Flink)
        {
            if (Take(IrpOf(entry)))
            {
                taken = IrpOf(entry);
                break;
            }
        }
    }
    KeReleaseSpinLock(&Session->Lock, irql);
    return taken;
}

PIRP
QueueTakeWaiting(PSESSION Session)
{
    return TakeWaiting(Session, FALSE);
}

PIRP
QueueTakeWaitingForWork(PSESSION Session)
{
    return TakeWaiting(Session, TRUE);
}
