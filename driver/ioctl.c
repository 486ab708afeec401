/* SPDX-License-Identifier: MIT */
#include "ioctl.h"
#include "trace.h"
#include "volume.h"

static const IOCTL_TABLE *const Tables[] = {&IoctlDisk, &IoctlStorage, &IoctlVolume, &IoctlCdrom, &IoctlMountdev};

static const IOCTL_ENTRY *
Find(ULONG Code, ULONG For)
{
    ULONG t;
    ULONG i;

    for (t = 0; t < RTL_NUMBER_OF(Tables); t++)
    {
        for (i = 0; i < Tables[t]->Count; i++)
        {
            if (Tables[t]->Entries[i].Code == Code && (Tables[t]->Entries[i].For & For) != 0)
                return &Tables[t]->Entries[i];
        }
    }
    return NULL;
}

static NTSTATUS
Answer(PVOLUME Volume, const IOCTL_ENTRY *Entry, PIOCTL_CALL Call)
{
    if (Call->InLength < Entry->InLength)
        return STATUS_INFO_LENGTH_MISMATCH;
    if (Call->OutLength < Entry->OutLength)
        return STATUS_BUFFER_TOO_SMALL;
    if (Entry->Answer == NULL)
        return STATUS_SUCCESS;
    if (Entry->InLength == 0 && Entry->OutLength != 0)
        RtlZeroMemory(Call->Buffer, Entry->OutLength);
    return Entry->Answer(Volume, Call);
}

NTSTATUS
IoctlDispatch(PVOLUME Volume, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG code = stack->Parameters.DeviceIoControl.IoControlCode;
    BOOLEAN cdrom = (BOOLEAN)((Volume->Shape.flags & PLATTER_VOLUME_CDROM) != 0);
    const IOCTL_ENTRY *entry = Find(code, cdrom ? IOCTL_FOR_CDROM : IOCTL_FOR_DISK);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    IOCTL_CALL call;

    call.Irp = Irp;
    call.Buffer = Irp->AssociatedIrp.SystemBuffer;
    call.InLength = stack->Parameters.DeviceIoControl.InputBufferLength;
    call.OutLength = stack->Parameters.DeviceIoControl.OutputBufferLength;
    call.Information = 0;
    if (entry != NULL)
        status = Answer(Volume, entry, &call);
    else
        TRACE_INFO("volume %u: control code %08x refused\n", (ULONG)Volume->Id, code);
    if (status == STATUS_PENDING)
        return status;
    CompleteIrp(Irp, status, call.Information);
    IoReleaseRemoveLock(&Volume->RemoveLock, Irp);
    return status;
}
