/* SPDX-License-Identifier: MIT */
#include "driver.h"
#include "bus.h"
#include "control.h"
#include "deadline.h"
#include "pnp_volume.h"
#include "pool.h"
#include "power.h"
#include "session.h"
#include "trace.h"
#include "volume.h"
#include "volume_io.h"

DRIVER_GLOBALS Platter;

/* On Wine the last work item may be on its way out of our code yet; on Windows it keeps the image by its device. */
#define UNLOAD_NAP_MS ((LONGLONG)50)

static DRIVER_UNLOAD Unload;
static DRIVER_DISPATCH Dispatch;

NTSTATUS
CompleteIrp(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS
DispatchControl(PIRP Irp, UCHAR Major)
{
    switch (Major)
    {
    case IRP_MJ_CREATE:
        return ControlOpen(Irp);
    case IRP_MJ_CLEANUP:
        return ControlCleanup(Irp);
    case IRP_MJ_CLOSE:
        return ControlClose(Irp);
    case IRP_MJ_DEVICE_CONTROL:
        return ControlIoctl(Irp);
    default:
        return CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
}

static NTSTATUS
DispatchVolume(PVOLUME Volume, PIRP Irp, UCHAR Major)
{
    switch (Major)
    {
    case IRP_MJ_PNP:
        return VolumePnp(Volume, Irp);
    case IRP_MJ_POWER:
        return PowerVolume(Irp);
    case IRP_MJ_SYSTEM_CONTROL:
        return CompleteIrp(Irp, Irp->IoStatus.Status, Irp->IoStatus.Information);
    default:
        return VolumeIo(Volume, Irp);
    }
}

static NTSTATUS NTAPI
Dispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE_HEADER header = DeviceObject->DeviceExtension;
    UCHAR major = IoGetCurrentIrpStackLocation(Irp)->MajorFunction;

    switch (header->Kind)
    {
    case DEVICE_KIND_CONTROL:
        return DispatchControl(Irp, major);
    case DEVICE_KIND_BUS:
        return BusDispatch(DeviceObject->DeviceExtension, Irp);
    case DEVICE_KIND_VOLUME:
        return DispatchVolume(DeviceObject->DeviceExtension, Irp, major);
    }
    return CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
}

/* Windows unloads when no device and no handle is left; Wine whenever it is asked and no PnP device is started. */
static VOID NTAPI
Unload(PDRIVER_OBJECT DriverObject)
{
    ULONGLONG last = 0;
    LARGE_INTEGER nap;
    PVOLUME volume;

    UNREFERENCED_PARAMETER(DriverObject);
    nap.QuadPart = -UNLOAD_NAP_MS * 10000;
    while ((volume = VolumeReferenceAfter(last)) != NULL)
    {
        last = volume->Id;
        VolumeBeginRemove(volume);
        VolumeDereference(volume);
    }
    KeWaitForSingleObject(&Platter.NoDevices, Executive, KernelMode, FALSE, NULL);
    KeDelayExecutionThread(KernelMode, FALSE, &nap);
    ControlDelete();
    SessionsForgetAll();
    TRACE_INFO("unloaded\n");
}

NTSTATUS
DriverStart(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONG i;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    RtlZeroMemory(&Platter, sizeof(Platter));
    Platter.DriverObject = DriverObject;
    PoolInitialize();
    KeInitializeSpinLock(&Platter.Lock);
    InitializeListHead(&Platter.Volumes);
    InitializeListHead(&Platter.Ended);
    InitializeListHead(&Platter.Sessions);
    KeInitializeEvent(&Platter.NoDevices, NotificationEvent, TRUE);
    DeadlineInitialize();
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        DriverObject->MajorFunction[i] = Dispatch;
    DriverObject->DriverExtension->AddDevice = BusAddDevice;
    DriverObject->DriverUnload = Unload;
    status = ControlCreate();
    TRACE_INFO("loaded, version %08x, %08x\n", DRIVER_VERSION, (ULONG)status);
    return status;
}
