/* SPDX-License-Identifier: MIT */
/*
 * The provider owns the locked buffer and may write to it at any time, so nothing that decides is read from it: the
 * header and the answers come from the I/O manager's copy of the input, and the requests are kept in the IRPs. What is
 * read from the locked buffer is only the data of a read, what is written to it only what the provider is to see.
 */
#include "transact.h"
#include "pool.h"
#include "queue.h"
#include "request.h"
#include "session.h"
#include "volume.h"

/* A waiting TRANSACT remembers its counts in the places after RequestSetSession's. */
#define TAKEN_INDEX 1
#define LATE_INDEX 2

static ULONG
Counter(PIRP Irp, ULONG Index)
{
    return (ULONG)(ULONG_PTR)Irp->Tail.Overlay.DriverContext[Index];
}

static void
SetCounter(PIRP Irp, ULONG Index, ULONG Count)
{
    Irp->Tail.Overlay.DriverContext[Index] = (PVOID)(ULONG_PTR)Count;
}

/* NTSTATUS for what a provider says; what it must not say is an I/O error. */
static NTSTATUS
StatusOf(ULONG Status)
{
    switch (Status)
    {
    case PLATTER_STATUS_OK:
        return STATUS_SUCCESS;
    case PLATTER_STATUS_DAMAGED:
        return STATUS_CRC_ERROR;
    case PLATTER_STATUS_NO_SPACE:
        return STATUS_DISK_FULL;
    case PLATTER_STATUS_READ_ONLY:
        return STATUS_MEDIA_WRITE_PROTECTED;
    case PLATTER_STATUS_OUT_OF_RANGE:
        return STATUS_NONEXISTENT_SECTOR;
    case PLATTER_STATUS_NO_MEMORY:
        return STATUS_INSUFFICIENT_RESOURCES;
    case PLATTER_STATUS_NOT_SUPPORTED:
        return STATUS_INVALID_DEVICE_REQUEST;
    case PLATTER_STATUS_MEDIA_GONE:
        return STATUS_DEVICE_NOT_CONNECTED;
    default:
        return STATUS_IO_DEVICE_ERROR;
    }
}

/* Takes the bytes of a read into the request's buffer. An answer that does not fit what was asked is an I/O error. */
static NTSTATUS
TakeData(PIRP Irp, const struct platter_answer *Answer, const UCHAR *Batch, ULONG BatchLength)
{
    REQUEST request;
    PUCHAR data;
    NTSTATUS status;

    if (Answer->length != RequestPiece(Irp))
        return STATUS_IO_DEVICE_ERROR;
    RequestDescribe(Irp, &request);
    if (request.Op != PLATTER_OP_READ)
        return STATUS_SUCCESS;
    if (Answer->data_offset > BatchLength || Answer->length > BatchLength - Answer->data_offset)
        return STATUS_IO_DEVICE_ERROR;
    data = RequestData(Irp, &status);
    if (data != NULL)
        RtlCopyMemory(data, Batch + Answer->data_offset, Answer->length);
    return status;
}

/* Bytes to report for a request that is done. */
static ULONG_PTR
InformationOf(PIRP Irp)
{
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;

    return major == IRP_MJ_READ || major == IRP_MJ_WRITE ? RequestProgress(Irp) : 0;
}

/* FALSE: the answer named no request in flight. */
static BOOLEAN
TakeAnswer(PSESSION Session, const struct platter_answer *Answer, const UCHAR *Batch, ULONG BatchLength)
{
    PIRP irp = QueueTakeAnswered(Session, Answer->request_id);
    PVOLUME volume;
    NTSTATUS status;

    if (irp == NULL)
        return FALSE;
    volume = RequestVolume(irp);
    status = Answer->reserved == 0 ? StatusOf(Answer->status) : STATUS_IO_DEVICE_ERROR;
    if (NT_SUCCESS(status))
        status = TakeData(irp, Answer, Batch, BatchLength);
    if (!NT_SUCCESS(status))
        RequestComplete(volume, irp, status, 0);
    else if (RequestAdvance(irp))
        QueuePut(volume, irp);
    else
        RequestComplete(volume, irp, STATUS_SUCCESS, InformationOf(irp));
    return TRUE;
}

/*
 * Hands one taken request out: its piece into the batch at DataOffset, its header at Header. Returns the bytes it uses
 * there, or ~0 if it could not be handed out and is completed.
 */
#define NOT_HANDED_OUT (~(ULONG)0)

static ULONG
HandOut(PIRP Irp, PUCHAR Batch, ULONG DataOffset, ULONG Room, struct platter_request *Header)
{
    PVOLUME volume = RequestVolume(Irp);
    struct platter_request header;
    REQUEST request;
    ULONG most = Room - Room % volume->Shape.sector_size;
    ULONG id;

    RequestDescribe(Irp, &request);
    RtlZeroMemory(&header, sizeof(header));
    header.volume_id = volume->Id;
    header.offset = request.Offset;
    header.op = request.Op;
    header.flags = request.Flags;
    header.discard_bytes = request.DiscardBytes;
    header.length = RequestPieceLength(Irp, most < PLATTER_MAX_TRANSFER ? most : PLATTER_MAX_TRANSFER);
    header.data_offset = header.length != 0 ? DataOffset : 0;
    RequestSetPiece(Irp, header.length);
    if (request.Op == PLATTER_OP_WRITE)
    {
        NTSTATUS status;
        PUCHAR data = RequestData(Irp, &status);

        if (data == NULL)
        {
            RequestComplete(volume, Irp, status, 0);
            return NOT_HANDED_OUT;
        }
        RtlCopyMemory(Batch + DataOffset, data, header.length);
    }
    /* From here on the IRP may end at any moment, and a provider that guesses may answer it before it has seen it. */
    id = QueueHandOut(volume, Irp);
    if (id == 0)
        return NOT_HANDED_OUT;
    header.request_id = id;
    RtlCopyMemory(Header, &header, sizeof(header));
    return header.length;
}

/* Fills the batch of a TRANSACT with requests that are pending. Returns their number; *Used: bytes of the batch. */
static ULONG
Fetch(PSESSION Session, PIRP Irp, PUCHAR Batch, PULONG Used)
{
    const struct platter_transact_in *in = Irp->AssociatedIrp.SystemBuffer;
    struct platter_request *headers = (struct platter_request *)(Batch + sizeof(struct platter_transact_out));
    ULONG size = MmGetMdlByteCount(Irp->MdlAddress);
    ULONG offset = PLATTER_TRANSACT_DATA_OFFSET;
    ULONG count = 0;

    *Used = 0;
    while (count < in->fetch_max)
    {
        PIRP irp = QueueTake(Session, size - offset, (BOOLEAN)(count == 0));
        ULONG length;

        if (irp == NULL)
            break;
        length = HandOut(irp, Batch, offset, size - offset, &headers[count]);
        if (length == NOT_HANDED_OUT)
            continue;
        count++;
        offset += length;
        *Used = offset;
    }
    return count;
}

static void
Finish(PSESSION Session, PIRP Irp, PUCHAR Batch, ULONG Count, ULONG Used)
{
    struct platter_transact_out out;
    ULONG headers = (ULONG)sizeof(out) + Count * (ULONG)sizeof(struct platter_request);
    KIRQL irql;

    out.request_count = Count;
    out.answers_taken = Counter(Irp, TAKEN_INDEX);
    out.answers_late = Counter(Irp, LATE_INDEX);
    KeAcquireSpinLock(&Session->Lock, &irql);
    out.live_volumes = Session->LiveVolumes;
    KeReleaseSpinLock(&Session->Lock, irql);
    RtlCopyMemory(Batch, &out, sizeof(out));
    CompleteIrp(Irp, STATUS_SUCCESS, Used > headers ? Used : headers);
}

static PUCHAR
BatchOf(PIRP Irp)
{
    return PoolMap(Irp->MdlAddress);
}

/* Fetches, and finishes or waits. STATUS_PENDING: it waits; otherwise it is completed. */
static NTSTATUS
Serve(PSESSION Session, PIRP Irp)
{
    const struct platter_transact_in *in = Irp->AssociatedIrp.SystemBuffer;
    PUCHAR batch = BatchOf(Irp); /* mapped by Transact, so this only looks it up */
    ULONG count;
    ULONG used;

    for (;;)
    {
        count = Fetch(Session, Irp, batch, &used);
        if (count != 0 || in->fetch_max == 0 || (in->flags & PLATTER_TRANSACT_NO_WAIT) != 0)
            break;
        switch (QueueWait(Session, Irp))
        {
        case QUEUE_WAITS:
            return STATUS_PENDING;
        case QUEUE_HAS_WORK:
            continue;
        case QUEUE_IS_DONE:
            break;
        }
        break;
    }
    Finish(Session, Irp, batch, count, used);
    return STATUS_SUCCESS;
}

static NTSTATUS
Check(PIRP Irp)
{
    const struct platter_transact_in *in = Irp->AssociatedIrp.SystemBuffer;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.InputBufferLength;
    ULONG size;

    if (in->answer_count > PLATTER_MAX_BATCH || in->fetch_max > PLATTER_MAX_BATCH || in->reserved != 0 ||
        (in->flags & ~(ULONG)PLATTER_TRANSACT_NO_WAIT) != 0)
        return STATUS_INVALID_PARAMETER;
    if (length - sizeof(*in) != in->answer_count * sizeof(struct platter_answer))
        return STATUS_INVALID_PARAMETER;
    if (Irp->MdlAddress == NULL)
        return STATUS_BUFFER_TOO_SMALL;
    size = MmGetMdlByteCount(Irp->MdlAddress);
    if (size < PLATTER_TRANSACT_MIN_BATCH)
        return STATUS_BUFFER_TOO_SMALL;
    if (size > PLATTER_TRANSACT_MAX_BATCH)
        return STATUS_INVALID_PARAMETER;
    return BatchOf(Irp) != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* Answers that came too late are counted for the session's only volume, if it has but one to blame. */
static void
CountLate(PSESSION Session, ULONG Late)
{
    PVOLUME volume = Late != 0 ? VolumeReferenceNextOf(Session) : NULL;
    KIRQL irql;

    if (volume == NULL)
        return;
    KeAcquireSpinLock(&Session->Lock, &irql);
    volume->LateAnswers += Late;
    KeReleaseSpinLock(&Session->Lock, irql);
    VolumeDereference(volume);
}

NTSTATUS
Transact(PSESSION Session, PIRP Irp)
{
    const struct platter_transact_in *in = Irp->AssociatedIrp.SystemBuffer;
    const struct platter_answer *answers = (const struct platter_answer *)(in + 1);
    NTSTATUS status = Check(Irp);
    ULONG late = 0;
    ULONG i;

    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, status, 0);
    for (i = 0; i < in->answer_count; i++)
    {
        if (!TakeAnswer(Session, &answers[i], BatchOf(Irp), MmGetMdlByteCount(Irp->MdlAddress)))
            late++;
    }
    CountLate(Session, late);
    SetCounter(Irp, TAKEN_INDEX, in->answer_count - late);
    SetCounter(Irp, LATE_INDEX, late);
    status = Serve(Session, Irp);
    /* Pieces that went back to the queue may be for somebody else who waits. */
    TransactPump(Session);
    return status;
}

void
TransactPump(PSESSION Session)
{
    PIRP irp;

    while ((irp = QueueTakeWaitingForWork(Session)) != NULL)
    {
        Serve(Session, irp);
        SessionDereference(Session); /* of its waiting; the caller has another */
    }
}

void
TransactFinish(PSESSION Session, PIRP Irp)
{
    Finish(Session, Irp, BatchOf(Irp), 0, 0);
    SessionDereference(Session);
}
