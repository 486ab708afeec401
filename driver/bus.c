/* SPDX-License-Identifier: MIT */
#include "bus.h"
#include "control.h"
#include "pool.h"
#include "power.h"
#include "trace.h"
#include "volume.h"

static IO_COMPLETION_ROUTINE Forwarded;

BOOLEAN
BusPresent(void)
{
    return (BOOLEAN)(Platter.Bus != NULL);
}

void
BusInvalidate(void)
{
    PDEVICE_OBJECT pdo = NULL;
    KIRQL irql;

    InterlockedExchange(&Platter.RelationsMissed, 0);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (Platter.Bus != NULL)
    {
        pdo = Platter.Bus->Pdo;
        ObReferenceObject(pdo);
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (pdo != NULL)
    {
        IoInvalidateDeviceRelations(pdo, BusRelations);
        ObDereferenceObject(pdo);
    }
}

NTSTATUS NTAPI
BusAddDevice(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT PhysicalDeviceObject)
{
    PDEVICE_OBJECT device;
    PBUS bus;
    NTSTATUS status;

    if (Platter.BusDevices != 0) /* one is all there is use for; a second would fight for the children */
        return STATUS_DEVICE_ALREADY_ATTACHED;
    status = ControlCreate();
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateDevice(DriverObject, sizeof(BUS), NULL, FILE_DEVICE_BUS_EXTENDER, FILE_DEVICE_SECURE_OPEN, FALSE,
                            &device);
    if (!NT_SUCCESS(status))
        return status;
    bus = device->DeviceExtension;
    bus->Header.Kind = DEVICE_KIND_BUS;
    bus->Device = device;
    bus->Pdo = PhysicalDeviceObject;
    IoInitializeRemoveLock(&bus->RemoveLock, POOL_PNP, 0, 0);
    bus->Lower = IoAttachDeviceToDeviceStack(device, PhysicalDeviceObject);
    if (bus->Lower == NULL)
    {
        IoDeleteDevice(device);
        return STATUS_NO_SUCH_DEVICE;
    }
    Platter.BusDevices++;
    device->Flags |= DO_POWER_PAGABLE;
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI
Forwarded(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Irp);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Lets the drivers below have the IRP first. IoForwardIrpSynchronously does this, but not on Wine. */
static NTSTATUS
ForwardAndWait(PBUS Bus, PIRP Irp)
{
    KEVENT done;
    NTSTATUS status;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Forwarded, &done, TRUE, TRUE, TRUE);
    status = IoCallDriver(Bus->Lower, Irp);
    if (status == STATUS_PENDING)
    {
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
        status = Irp->IoStatus.Status;
    }
    return status;
}

static NTSTATUS
Pass(PBUS Bus, PIRP Irp)
{
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Bus->Lower, Irp);
}

static NTSTATUS
Start(PBUS Bus, PIRP Irp)
{
    NTSTATUS status = ForwardAndWait(Bus, Irp);
    KIRQL irql;

    if (NT_SUCCESS(status))
    {
        KeAcquireSpinLock(&Platter.Lock, &irql);
        Platter.Bus = Bus;
        KeReleaseSpinLock(&Platter.Lock, irql);
        TRACE_INFO("bus started\n");
    }
    return CompleteIrp(Irp, status, Irp->IoStatus.Information);
}

/* How many children there are to report. */
static ULONG
CountChildren(void)
{
    PLIST_ENTRY entry;
    ULONG count = 0;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        if (CONTAINING_RECORD(entry, VOLUME, Link)->Reported)
            count++;
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    return count;
}

/* Lock held. Lists the reported children that the PnP manager knows, or those that it does not. Returns the room left. */
static ULONG
ListThose(BOOLEAN Known, PDEVICE_RELATIONS Relations, ULONG Room)
{
    PLIST_ENTRY entry;

    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        if (volume->PnpKnown != Known)
            continue;
        volume->Listed = (BOOLEAN)(volume->Reported && Room != 0);
        if (!volume->Listed)
            continue;
        Room--;
        VolumeReference(volume); /* the PnP manager lets go of it */
        Relations->Objects[Relations->Count++] = volume->Device;
    }
    return Room;
}

/*
 * Lists the reported children behind what a driver above has listed, at most Room. Those that the PnP manager knows come
 * first, or one that came since they were counted could push another out, which would be taken for removed. What finds
 * no room is listed with the next query, which its report asks for.
 */
static void
ListChildren(PDEVICE_RELATIONS Relations, ULONG Room)
{
    PLIST_ENTRY entry;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Room = ListThose(TRUE, Relations, Room);
    ListThose(FALSE, Relations, Room);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        volume->PnpKnown = (BOOLEAN)(volume->PnpKnown || volume->Listed);
    }
    for (entry = Platter.Ended.Flink; entry != &Platter.Ended; entry = entry->Flink)
        CONTAINING_RECORD(entry, VOLUME, Link)->Listed = FALSE;
    KeReleaseSpinLock(&Platter.Lock, irql);
}

static NTSTATUS
QueryRelations(PBUS Bus, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    PDEVICE_RELATIONS before = (PDEVICE_RELATIONS)Irp->IoStatus.Information;
    ULONG already = before != NULL ? before->Count : 0;
    PDEVICE_RELATIONS relations;
    ULONG room;

    if (stack->Parameters.QueryDeviceRelations.Type != BusRelations)
        return Pass(Bus, Irp);
    room = CountChildren();
    relations = PoolAllocatePaged(sizeof(*relations) + (already + room) * sizeof(PDEVICE_OBJECT), POOL_PNP);
    if (relations == NULL)
    {
        /* It would go on with the old list until something else changes; a volume that is to go would stay. */
        InterlockedExchange(&Platter.RelationsMissed, 1);
        return CompleteIrp(Irp, STATUS_INSUFFICIENT_RESOURCES, Irp->IoStatus.Information);
    }
    if (before != NULL)
    {
        RtlCopyMemory(relations->Objects, before->Objects, already * sizeof(PDEVICE_OBJECT));
        ExFreePool(before);
    }
    relations->Count = already;
    ListChildren(relations, room);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = (ULONG_PTR)relations;
    return Pass(Bus, Irp);
}

/*
 * The PnP manager has removed the children before. Those it did not know, or has sent REMOVE while they were present,
 * hear nothing more from it: they are ours to delete. Those that wait for their REMOVE get it yet.
 */
static PVOLUME
ReleaseNextEnded(void)
{
    PLIST_ENTRY entry;
    PVOLUME found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Ended.Flink; entry != &Platter.Ended && found == NULL; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        if (volume->PnpKnown && volume->PnpRemoved)
        {
            volume->PnpKnown = FALSE;
            VolumeReference(volume);
            found = volume;
        }
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    return found;
}

static void
ReleaseChildren(void)
{
    ULONGLONG last = 0;
    PVOLUME volume;
    KIRQL irql;

    while ((volume = VolumeReferenceAfter(last)) != NULL)
    {
        last = volume->Id;
        VolumeBeginRemove(volume);
        KeAcquireSpinLock(&Platter.Lock, &irql);
        volume->Reported = FALSE;
        if (volume->PnpRemoved)
            volume->PnpKnown = FALSE;
        KeReleaseSpinLock(&Platter.Lock, irql);
        VolumeSettle(volume);
        VolumeDereference(volume);
    }
    while ((volume = ReleaseNextEnded()) != NULL)
    {
        VolumeSettle(volume);
        VolumeDereference(volume);
    }
}

static NTSTATUS
Remove(PBUS Bus, PIRP Irp)
{
    PDEVICE_OBJECT lower = Bus->Lower;
    NTSTATUS status;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (Platter.Bus == Bus)
        Platter.Bus = NULL;
    KeReleaseSpinLock(&Platter.Lock, irql);
    ReleaseChildren();
    if (--Platter.BusDevices == 0)
        ControlDelete(); /* or the driver could not be unloaded; a later AddDevice makes it again */
    Irp->IoStatus.Status = STATUS_SUCCESS;
    status = Pass(Bus, Irp);
    IoReleaseRemoveLockAndWait(&Bus->RemoveLock, Irp);
    IoDetachDevice(lower);
    IoDeleteDevice(Bus->Device);
    TRACE_INFO("bus removed\n");
    return status;
}

static NTSTATUS
Pnp(PBUS Bus, PIRP Irp)
{
    switch (IoGetCurrentIrpStackLocation(Irp)->MinorFunction)
    {
    case IRP_MN_START_DEVICE:
        return Start(Bus, Irp);
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        return QueryRelations(Bus, Irp);
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_STOP_DEVICE:
    case IRP_MN_SURPRISE_REMOVAL:
        Irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    default:
        break;
    }
    return Pass(Bus, Irp);
}

NTSTATUS
BusDispatch(PBUS Bus, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    UCHAR major = stack->MajorFunction;
    NTSTATUS status = IoAcquireRemoveLock(&Bus->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
    {
        if (major == IRP_MJ_POWER)
            PoStartNextPowerIrp(Irp);
        return CompleteIrp(Irp, status, 0);
    }
    if (major == IRP_MJ_PNP && stack->MinorFunction == IRP_MN_REMOVE_DEVICE)
        return Remove(Bus, Irp); /* gives the lock back for good */
    switch (major)
    {
    case IRP_MJ_PNP:
        status = Pnp(Bus, Irp);
        break;
    case IRP_MJ_POWER:
        status = PowerBus(Bus->Lower, Irp);
        break;
    case IRP_MJ_SYSTEM_CONTROL: /* WMI: we offer nothing, the drivers below may */
        status = Pass(Bus, Irp);
        break;
    default:
        status = CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
        break;
    }
    IoReleaseRemoveLock(&Bus->RemoveLock, Irp);
    return status;
}
