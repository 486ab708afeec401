/* SPDX-License-Identifier: MIT */
#include "volume_io.h"
#include "ioctl.h"
#include "request.h"
#include "session.h"
#include "volume.h"

/* In FsContext of an open file object, which counts in OpenHandles: its place in Holders, or VOLUME_HOLDERS, plus one. */
#define FILE_CONTEXT(place) ((PVOID)(ULONG_PTR)((place) + 1u))

/*
 * Before the probe read has passed there is nothing to be opened or read; Wine ignores a refused open. A volume that is
 * being removed still answers questions, which the Mount Manager asks while it takes the letter away; its requests are
 * refused by the queue.
 */
static BOOLEAN
IsServing(PVOLUME Volume)
{
    ULONG state = VolumeState(Volume);

    return (BOOLEAN)(state != PLATTER_STATE_CREATED && state != PLATTER_STATE_PROBING);
}

/* The place of a process that opens the sectors, not only asks for properties; Wine does not say which. */
static ULONG
NoteHolder(PVOLUME Volume, PIRP Irp)
{
    PIO_SECURITY_CONTEXT context = IoGetCurrentIrpStackLocation(Irp)->Parameters.Create.SecurityContext;
    PEPROCESS process = IoGetRequestorProcess(Irp);
    ULONG place = VOLUME_HOLDERS;
    KIRQL irql;

    if (process == NULL || Irp->RequestorMode == KernelMode ||
        (context != NULL && (context->DesiredAccess & (FILE_READ_DATA | FILE_WRITE_DATA)) == 0))
        return place;
    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (place = 0; place < VOLUME_HOLDERS && Volume->Holders[place] != 0; place++)
        ;
    if (place < VOLUME_HOLDERS)
        Volume->Holders[place] = (ULONG)(ULONG_PTR)PsGetProcessId(process);
    KeReleaseSpinLock(&Platter.Lock, irql);
    return place;
}

static void
ForgetHolder(PVOLUME Volume, PVOID FileContext)
{
    ULONG place = (ULONG)(ULONG_PTR)FileContext - 1u;
    KIRQL irql;

    if (place >= VOLUME_HOLDERS)
        return;
    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Holders[place] = 0;
    KeReleaseSpinLock(&Platter.Lock, irql);
}

static NTSTATUS
Open(PVOLUME Volume, PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (file->FileName.Length != 0) /* no file system took it, and there are no names here */
        return CompleteIrp(Irp, STATUS_OBJECT_NAME_NOT_FOUND, 0);
    if (!IsServing(Volume))
        return CompleteIrp(Irp, STATUS_DEVICE_NOT_READY, 0);
    file->FsContext = FILE_CONTEXT(NoteHolder(Volume, Irp));
    InterlockedIncrement(&Volume->OpenHandles);
    return CompleteIrp(Irp, STATUS_SUCCESS, FILE_OPENED);
}

/* CLEANUP, and CLOSE for Wine, which sends no CLEANUP. */
static NTSTATUS
Close(PVOLUME Volume, PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (file != NULL && file->FsContext != NULL)
    {
        ForgetHolder(Volume, file->FsContext);
        file->FsContext = NULL;
        InterlockedDecrement(&Volume->OpenHandles);
    }
    return CompleteIrp(Irp, STATUS_SUCCESS, 0);
}

/* What a volume without a file system can say of itself: its device, and its sectors, of which none is free. */
static NTSTATUS
QueryInformation(PVOLUME Volume, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG length = stack->Parameters.QueryVolume.Length;
    PFILE_FS_DEVICE_INFORMATION device = Irp->AssociatedIrp.SystemBuffer;
    PFILE_FS_SIZE_INFORMATION size = Irp->AssociatedIrp.SystemBuffer;

    switch (stack->Parameters.QueryVolume.FsInformationClass)
    {
    case FileFsDeviceInformation:
        if (length < sizeof(*device))
            return CompleteIrp(Irp, STATUS_INFO_LENGTH_MISMATCH, 0);
        device->DeviceType = Volume->Device->DeviceType;
        device->Characteristics = Volume->Device->Characteristics;
        return CompleteIrp(Irp, STATUS_SUCCESS, sizeof(*device));
    case FileFsSizeInformation:
        if (length < sizeof(*size))
            return CompleteIrp(Irp, STATUS_INFO_LENGTH_MISMATCH, 0);
        size->TotalAllocationUnits.QuadPart = (LONGLONG)(Volume->Shape.length_bytes / Volume->Shape.sector_size);
        size->AvailableAllocationUnits.QuadPart = 0;
        size->SectorsPerAllocationUnit = 1;
        size->BytesPerSector = Volume->Shape.sector_size;
        return CompleteIrp(Irp, STATUS_SUCCESS, sizeof(*size));
    default:
        return CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

/* Those that may become requests: the remove lock goes with the IRP. */
static NTSTATUS
Transfer(PVOLUME Volume, PIRP Irp, UCHAR Major)
{
    switch (Major)
    {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        return RequestReadWrite(Volume, Irp);
    case IRP_MJ_FLUSH_BUFFERS:
    case IRP_MJ_SHUTDOWN: /* by a file system, after its last write: disk.sys flushes on it, too */
        return RequestFlush(Volume, Irp);
    default:
        return IoctlDispatch(Volume, Irp);
    }
}

NTSTATUS
VolumeIo(PVOLUME Volume, PIRP Irp)
{
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;
    NTSTATUS status;

    if (major == IRP_MJ_CLEANUP || major == IRP_MJ_CLOSE)
        return Close(Volume, Irp);
    status = IoAcquireRemoveLock(&Volume->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, STATUS_NO_SUCH_DEVICE, 0);
    switch (major)
    {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
    case IRP_MJ_FLUSH_BUFFERS:
    case IRP_MJ_SHUTDOWN:
    case IRP_MJ_DEVICE_CONTROL:
        if (IsServing(Volume))
            return Transfer(Volume, Irp, major);
        status = CompleteIrp(Irp, STATUS_DEVICE_NOT_READY, 0);
        break;
    case IRP_MJ_CREATE:
        status = Open(Volume, Irp);
        break;
    case IRP_MJ_QUERY_VOLUME_INFORMATION:
        status = QueryInformation(Volume, Irp);
        break;
    default:
        status = CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
        break;
    }
    IoReleaseRemoveLock(&Volume->RemoveLock, Irp);
    return status;
}
