/* SPDX-License-Identifier: MIT */
#include "volume_start.h"
#include "request.h"
#include "session.h"
#include "trace.h"
#include "volume.h"

static DRIVER_CANCEL CancelStart;

NTSTATUS
VolumeStart(PVOLUME Volume, PIRP Irp)
{
    NTSTATUS status;

    if (!VolumeAdvance(Volume, PLATTER_STATE_CREATED, PLATTER_STATE_PROBING))
        return VolumeIsRemoving(Volume) ? STATUS_NO_SUCH_DEVICE : STATUS_INVALID_DEVICE_STATE;
    status = IoAcquireRemoveLock(&Volume->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return STATUS_NO_SUCH_DEVICE;
    RequestSetVolume(Irp, Volume);
    return RequestQueue(Volume, Irp);
}

/* The one who gave up waiting; the volume would be half announced, so it goes. */
static VOID NTAPI
CancelStart(PDEVICE_OBJECT Device, PIRP Irp)
{
    PVOLUME volume = RequestVolume(Irp);
    KIRQL irql;

    UNREFERENCED_PARAMETER(Device);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (volume->StartIrp == Irp)
        volume->StartIrp = NULL;
    KeReleaseSpinLock(&Platter.Lock, irql);
    CompleteIrp(Irp, STATUS_CANCELLED, 0);
    VolumeBeginRemove(volume);
    VolumeDereference(volume);
}

/* Keeps the IRP while the volume is announced. FALSE: it was cancelled and is the caller's. */
static BOOLEAN
KeepIrp(PVOLUME Volume, PIRP Irp)
{
    BOOLEAN kept = TRUE;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    VolumeReference(Volume);
    Volume->StartIrp = Irp;
    IoSetCancelRoutine(Irp, CancelStart);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL)
    {
        Volume->StartIrp = NULL;
        kept = FALSE;
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (!kept)
        VolumeDereference(Volume);
    return kept;
}

static PIRP
TakeIrp(PVOLUME Volume)
{
    PIRP irp;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    irp = Volume->StartIrp;
    if (irp != NULL && IoSetCancelRoutine(irp, NULL) == NULL)
        irp = NULL; /* its cancel routine has it */
    if (irp != NULL)
        Volume->StartIrp = NULL;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return irp;
}

void
VolumeProbed(PVOLUME Volume, PIRP Irp, NTSTATUS Status)
{
    if (!NT_SUCCESS(Status))
    {
        /* Nobody knows of the volume yet, so it may be tried again. */
        VolumeAdvance(Volume, PLATTER_STATE_PROBING, PLATTER_STATE_CREATED);
        TRACE_INFO("volume %u: probe read failed, %08x\n", (ULONG)Volume->Id, (ULONG)Status);
        CompleteIrp(Irp, Status, 0);
        return;
    }
    if (!VolumeAdvance(Volume, PLATTER_STATE_PROBING, PLATTER_STATE_STARTING))
    {
        CompleteIrp(Irp, STATUS_NO_SUCH_DEVICE, 0);
        return;
    }
    if (!KeepIrp(Volume, Irp))
    {
        VolumeAdvance(Volume, PLATTER_STATE_STARTING, PLATTER_STATE_CREATED);
        CompleteIrp(Irp, STATUS_CANCELLED, 0);
        return;
    }
    VolumeQueueWork(Volume, VOLUME_WORK_ANNOUNCE);
    /* VolumeBeginRemove may have come between the two steps above and found no IRP to answer. */
    if (VolumeIsRemoving(Volume))
        VolumeStarted(Volume, STATUS_NO_SUCH_DEVICE);
}

void
VolumeStarted(PVOLUME Volume, NTSTATUS Status)
{
    PIRP irp;

    if (NT_SUCCESS(Status) && !VolumeAdvance(Volume, PLATTER_STATE_STARTING, PLATTER_STATE_RUNNING))
        Status = STATUS_NO_SUCH_DEVICE;
    irp = TakeIrp(Volume);
    if (irp != NULL)
    {
        TRACE_INFO("volume %u: start ended, %08x\n", (ULONG)Volume->Id, (ULONG)Status);
        if (NT_SUCCESS(Status))
        {
            VolumeInfo(Volume, TRUE, irp->AssociatedIrp.SystemBuffer);
            CompleteIrp(irp, Status, sizeof(struct platter_volume_info));
        }
        else
        {
            CompleteIrp(irp, Status, 0);
        }
        VolumeDereference(Volume);
    }
    if (!NT_SUCCESS(Status))
        VolumeBeginRemove(Volume);
}
