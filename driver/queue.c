/* SPDX-License-Identifier: MIT */
#include "queue.h"
#include "clock.h"
#include "request.h"
#include "session.h"
#include "volume.h"

#define ID_WRITES 1u
#define ID_STEP 2u

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

/* Ids tell writes from the rest, so that nothing need be remembered of one whose answer is still out. */
static ULONG
NewId(PSESSION Session, BOOLEAN Writes)
{
    /* No id lives for longer than its deadline, so a counter of 31 bits does not meet itself. */
    Session->LastRequestId += ID_STEP;
    if (Session->LastRequestId == 0)
        Session->LastRequestId = ID_STEP;
    return Session->LastRequestId | (Writes ? ID_WRITES : 0);
}

static PLIST_ENTRY
BucketOf(PSESSION Session, ULONG Id)
{
    return &Session->InFlight[Id / ID_STEP % SESSION_BUCKETS];
}

/* Lock held. A request leaves before its answer has come: if it writes, the provider may do so at any time until then. */
static void
Abandon(PSESSION Session, PIRP Irp)
{
    if ((RequestId(Irp) & ID_WRITES) != 0)
        Session->AbandonedWrites++;
}

/* Lock held. A write that came behind one that was given up must not be done before it. */
static BOOLEAN
MayGo(PSESSION Session, PIRP Irp)
{
    return (BOOLEAN)(Session->AbandonedWrites == 0 || !RequestWrites(Irp));
}

/* Lock held. The oldest request that may be handed out, NULL: none. */
static PIRP
FirstToGo(PSESSION Session)
{
    PLIST_ENTRY entry;

    for (entry = Session->Pending.Flink; entry != &Session->Pending; entry = entry->Flink)
    {
        if (MayGo(Session, IrpOf(entry)))
            return IrpOf(entry);
    }
    return NULL;
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
    Abandon(session, Irp);
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
    RequestSetId(Irp, 0); /* not with the provider */
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

        if (!MayGo(Session, irp))
            continue;
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
        id = NewId(session, RequestWrites(Irp));
        RequestSetId(Irp, id);
        if (Insert(BucketOf(session, id), Irp, CancelRequest))
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
    PLIST_ENTRY bucket = BucketOf(Session, (ULONG)Id);
    PLIST_ENTRY entry;
    PIRP found = NULL;
    PIRP taken = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    for (entry = bucket->Flink; entry != bucket && found == NULL; entry = entry->Flink)
    {
        if (RequestId(IrpOf(entry)) == Id)
            found = IrpOf(entry);
    }
    if (found != NULL && Take(found))
    {
        Session->Requests--;
        taken = found;
    }
    else if (found != NULL)
    {
        RequestSetId(found,
                     0); /* its cancel routine, which is on its way, must not wait for the answer that has come */
    }
    else if ((Id & ID_WRITES) != 0 && Session->AbandonedWrites != 0)
    {
        /* The provider is through with one that was given up; if it lies, it is its own data that suffer. */
        Session->AbandonedWrites--;
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
            Abandon(Session, irp);
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

static void
Renew(PLIST_ENTRY List, ULONG Now)
{
    PLIST_ENTRY entry;

    for (entry = List->Flink; entry != List; entry = entry->Flink)
        RequestSetDeadline(IrpOf(entry), Now + RequestVolume(IrpOf(entry))->DeadlineMs);
}

void
QueueRenewDeadlines(PSESSION Session, ULONG Now)
{
    ULONG i;

    Renew(&Session->Pending, Now);
    for (i = 0; i < SESSION_BUCKETS; i++)
        Renew(&Session->InFlight[i], Now);
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
    if (FirstToGo(Session) != NULL)
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
    if (!OnlyForWork || FirstToGo(Session) != NULL)
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
