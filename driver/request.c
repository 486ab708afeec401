/* SPDX-License-Identifier: MIT */
#include "request.h"
#include "clock.h"
#include "pool.h"
#include "queue.h"
#include "session.h"
#include "transact.h"
#include "volume.h"
#include "volume_start.h"

PVOLUME
RequestVolume(PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PDEVICE_HEADER header = stack->DeviceObject->DeviceExtension;

    if (header->Kind == DEVICE_KIND_VOLUME)
        return stack->DeviceObject->DeviceExtension;
    return stack->Parameters.DeviceIoControl.Type3InputBuffer;
}

static BOOLEAN
IsProbe(PIRP Irp)
{
    PDEVICE_HEADER header = IoGetCurrentIrpStackLocation(Irp)->DeviceObject->DeviceExtension;

    return (BOOLEAN)(header->Kind == DEVICE_KIND_CONTROL);
}

const DEVICE_DATA_SET_RANGE *
RequestRanges(PIRP Irp, PULONG Count)
{
    const DEVICE_MANAGE_DATA_SET_ATTRIBUTES *in = Irp->AssociatedIrp.SystemBuffer;

    *Count = in->DataSetRangesLength / (ULONG)sizeof(DEVICE_DATA_SET_RANGE);
    return (const DEVICE_DATA_SET_RANGE *)((const UCHAR *)in + in->DataSetRangesOffset);
}

static void
DescribeControl(PIRP Irp, ULONG Code, PREQUEST Request)
{
    ULONG progress = RequestProgress(Irp);

    if (Code == IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES)
    {
        ULONG count;
        const DEVICE_DATA_SET_RANGE *ranges = RequestRanges(Irp, &count);

        Request->Op = PLATTER_OP_DISCARD;
        if (progress < count)
        {
            Request->Offset = (ULONGLONG)ranges[progress].StartingOffset;
            Request->DiscardBytes = ranges[progress].LengthInBytes;
        }
    }
    else
    {
        const VERIFY_INFORMATION *verify = Irp->AssociatedIrp.SystemBuffer;

        Request->Op = PLATTER_OP_READ;
        Request->Offset = (ULONGLONG)verify->StartingOffset.QuadPart + progress;
        Request->Remaining = verify->Length - progress;
    }
}

void
RequestDescribe(PIRP Irp, PREQUEST Request)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG progress = RequestProgress(Irp);

    RtlZeroMemory(Request, sizeof(*Request));
    if (IsProbe(Irp))
    {
        Request->Op = PLATTER_OP_READ;
        Request->Flags = PLATTER_REQUEST_PROBE;
        Request->Offset = progress;
        Request->Remaining = RequestVolume(Irp)->Shape.sector_size - progress;
        return;
    }
    switch (stack->MajorFunction)
    {
    case IRP_MJ_READ:
        Request->Op = PLATTER_OP_READ;
        Request->Offset = (ULONGLONG)stack->Parameters.Read.ByteOffset.QuadPart + progress;
        Request->Remaining = stack->Parameters.Read.Length - progress;
        break;
    case IRP_MJ_WRITE:
        Request->Op = PLATTER_OP_WRITE;
        Request->Flags = (stack->Flags & SL_WRITE_THROUGH) != 0 ? PLATTER_REQUEST_FUA : 0;
        Request->Offset = (ULONGLONG)stack->Parameters.Write.ByteOffset.QuadPart + progress;
        Request->Remaining = stack->Parameters.Write.Length - progress;
        break;
    case IRP_MJ_FLUSH_BUFFERS:
    case IRP_MJ_SHUTDOWN:
        Request->Op = PLATTER_OP_FLUSH;
        break;
    default:
        DescribeControl(Irp, stack->Parameters.DeviceIoControl.IoControlCode, Request);
        break;
    }
}

BOOLEAN
RequestWrites(PIRP Irp)
{
    REQUEST request;

    RequestDescribe(Irp, &request);
    return (BOOLEAN)(request.Op == PLATTER_OP_WRITE || request.Op == PLATTER_OP_DISCARD);
}

ULONG
RequestPieceLength(PIRP Irp, ULONG Most)
{
    REQUEST request;

    RequestDescribe(Irp, &request);
    return request.Remaining < Most ? request.Remaining : Most;
}

PUCHAR
RequestData(PIRP Irp, NTSTATUS *Status)
{
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;
    PUCHAR data;

    *Status = STATUS_SUCCESS;
    if (IsProbe(Irp))
        return RequestVolume(Irp)->ProbeBuffer + RequestProgress(Irp);
    if (major != IRP_MJ_READ && major != IRP_MJ_WRITE)
        return NULL;
    data = PoolMap(Irp->MdlAddress);
    if (data == NULL)
    {
        *Status = STATUS_INSUFFICIENT_RESOURCES;
        return NULL;
    }
    return data + RequestProgress(Irp);
}

BOOLEAN
RequestAdvance(PIRP Irp)
{
    REQUEST request;
    ULONG count;

    RequestDescribe(Irp, &request);
    switch (request.Op)
    {
    case PLATTER_OP_READ:
    case PLATTER_OP_WRITE:
        RequestSetProgress(Irp, RequestProgress(Irp) + RequestPiece(Irp));
        return (BOOLEAN)(request.Remaining > RequestPiece(Irp));
    case PLATTER_OP_DISCARD:
        RequestSetProgress(Irp, RequestProgress(Irp) + 1);
        RequestRanges(Irp, &count);
        return (BOOLEAN)(RequestProgress(Irp) < count);
    default:
        return FALSE;
    }
}

/* Which counters of the volume a request moves; the session's lock is held. */
static void
Count(PVOLUME Volume, PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;

    Volume->LastAnswer = ClockUptime();
    if (!NT_SUCCESS(Status))
    {
        if (Status != STATUS_CANCELLED)
            Volume->FailedRequests++;
    }
    else if (major == IRP_MJ_READ)
    {
        Volume->ReadRequests++;
        Volume->ReadBytes += Information;
    }
    else if (major == IRP_MJ_WRITE)
    {
        Volume->WriteRequests++;
        Volume->WrittenBytes += Information;
    }
}

void
RequestComplete(PVOLUME Volume, PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    KIRQL irql;

    KeAcquireSpinLock(&Volume->Session->Lock, &irql);
    Count(Volume, Irp, Status, Information);
    KeReleaseSpinLock(&Volume->Session->Lock, irql);
    InterlockedDecrement(&Volume->InFlight);
    if (IsProbe(Irp))
    {
        VolumeProbed(Volume, Irp, Status);
    }
    else
    {
        Irp->IoStatus.Status = Status;
        Irp->IoStatus.Information = Information;
        IoCompleteRequest(Irp, IO_DISK_INCREMENT);
    }
    IoReleaseRemoveLock(&Volume->RemoveLock, Irp);
}

NTSTATUS
RequestQueue(PVOLUME Volume, PIRP Irp)
{
    PSESSION session = Volume->Session;

    SessionReference(session); /* the request may be done, and the volume gone, before the pump returns */
    RequestSetProgress(Irp, 0);
    RequestSetPiece(Irp, 0);
    InterlockedIncrement(&Volume->InFlight);
    IoMarkIrpPending(Irp);
    QueuePut(Volume, Irp);
    TransactPump(session);
    SessionDereference(session);
    return STATUS_PENDING;
}

/*
 * disk.sys answers an offset or length that is not whole sectors, and a range that ends behind the partition, with
 * STATUS_INVALID_PARAMETER (ClassReadWrite of classpnp, Windows-driver-samples).
 */
NTSTATUS
RequestCheckRange(PVOLUME Volume, LONGLONG Offset, ULONGLONG Length)
{
    ULONGLONG offset = (ULONGLONG)Offset;
    ULONGLONG mask = Volume->Shape.sector_size - 1u;

    if (Offset < 0 || ((offset | Length) & mask) != 0)
        return STATUS_INVALID_PARAMETER;
    if (offset > Volume->Shape.length_bytes || Length > Volume->Shape.length_bytes - offset)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* Ends what was not queued: the remove lock that dispatch took goes with it. */
static NTSTATUS
Refuse(PVOLUME Volume, PIRP Irp, NTSTATUS Status)
{
    CompleteIrp(Irp, Status, 0);
    IoReleaseRemoveLock(&Volume->RemoveLock, Irp);
    return Status;
}

NTSTATUS
RequestReadWrite(PVOLUME Volume, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN write = (BOOLEAN)(stack->MajorFunction == IRP_MJ_WRITE);
    ULONG length = write ? stack->Parameters.Write.Length : stack->Parameters.Read.Length;
    LONGLONG offset = write ? stack->Parameters.Write.ByteOffset.QuadPart : stack->Parameters.Read.ByteOffset.QuadPart;
    NTSTATUS status;

    if (write && (Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0)
        return Refuse(Volume, Irp, STATUS_MEDIA_WRITE_PROTECTED);
    status = RequestCheckRange(Volume, offset, length);
    if (!NT_SUCCESS(status) || length == 0)
        return Refuse(Volume, Irp, status);
    /* Trust the locked buffer, not the number: a driver above may have built this IRP. */
    if (Irp->MdlAddress == NULL || MmGetMdlByteCount(Irp->MdlAddress) < length)
        return Refuse(Volume, Irp, STATUS_INVALID_PARAMETER);
    return RequestQueue(Volume, Irp);
}

NTSTATUS
RequestFlush(PVOLUME Volume, PIRP Irp)
{
    if ((Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0)
        return Refuse(Volume, Irp, STATUS_SUCCESS);
    return RequestQueue(Volume, Irp);
}
