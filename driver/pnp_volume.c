/* SPDX-License-Identifier: MIT */
#include "pnp_volume.h"
#include "announce.h"
#include "pool.h"
#include "text.h"
#include "trace.h"
#include "volume.h"

#define ID_CHARS 64u

/* Says whose children these are, for those who group devices by their bus. */
static const GUID BusTypeGuid = {0x6bb73c7e, 0x7c5c, 0x4ae4, {0x9c, 0x0d, 0x5f, 0x0e, 0x31, 0x1d, 0x5b, 0x2a}};

/* An answer of the PnP manager's queries: the text and the two NULs that end a list of one. */
static NTSTATUS
AnswerText(const TEXT *Text, PULONG_PTR Information)
{
    PWCHAR copy = PoolAllocatePaged((Text->Length + 2) * sizeof(WCHAR), POOL_PNP);

    if (copy == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(copy, Text->Buffer, Text->Length * sizeof(WCHAR));
    *Information = (ULONG_PTR)copy;
    return STATUS_SUCCESS;
}

static NTSTATUS
QueryId(PVOLUME Volume, PIRP Irp, PULONG_PTR Information)
{
    WCHAR buffer[ID_CHARS];
    TEXT text;

    TextInitialize(&text, buffer, ID_CHARS);
    switch (IoGetCurrentIrpStackLocation(Irp)->Parameters.QueryId.IdType)
    {
    case BusQueryDeviceID:
    case BusQueryHardwareIDs:
        TextAppendAscii(&text, PLATTER_VOLUME_DEVICE_ID);
        break;
    case BusQueryCompatibleIDs: /* no INF needs it, but Wine does not register a device without */
        TextAppendAscii(&text, "Platter\\GenericVolume");
        break;
    case BusQueryInstanceID:
        TextAppendNumber(&text, Volume->Instance);
        break;
    case BusQueryContainerID: /* the volumes of one image are one thing, as the partitions of a USB disk are */
        TextAppendGuid(&text, &Volume->Container);
        break;
    default:
        return Irp->IoStatus.Status;
    }
    return AnswerText(&text, Information);
}

static NTSTATUS
QueryText(PVOLUME Volume, PIRP Irp, PULONG_PTR Information)
{
    WCHAR buffer[PLATTER_LABEL_CHARS + ID_CHARS];
    TEXT text;
    ULONG i;

    TextInitialize(&text, buffer, RTL_NUMBER_OF(buffer));
    switch (IoGetCurrentIrpStackLocation(Irp)->Parameters.QueryDeviceText.DeviceTextType)
    {
    case DeviceTextDescription:
        for (i = 0; Volume->Shape.label[i] != 0; i++)
            TextAppendChar(&text, Volume->Shape.label[i]);
        if (text.Length == 0)
            TextAppendAscii(&text, "Platter volume");
        break;
    case DeviceTextLocationInformation:
        TextAppendAscii(&text, "Platter volume ");
        TextAppendNumber(&text, Volume->Id);
        break;
    default:
        return Irp->IoStatus.Status;
    }
    return AnswerText(&text, Information);
}

/*
 * Removable without SurpriseRemovalOK puts the drive into "Safely Remove Hardware". Raw: no driver is needed above.
 * Source: DEVICE_CAPABILITIES, WDK.
 */
static NTSTATUS
QueryCapabilities(PVOLUME Volume, PIRP Irp)
{
    PDEVICE_CAPABILITIES capabilities = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceCapabilities.Capabilities;
    ULONG i;

    if (capabilities->Version != 1 || capabilities->Size < sizeof(*capabilities))
        return STATUS_UNSUCCESSFUL;
    capabilities->Removable = 1;
    capabilities->EjectSupported = 1;
    capabilities->SurpriseRemovalOK = 0;
    capabilities->SilentInstall = 1;
    capabilities->UniqueID = 1;
    capabilities->RawDeviceOK = 1;
    capabilities->Address = (ULONG)Volume->Id;
    capabilities->UINumber = (ULONG)Volume->Id;
    capabilities->DeviceState[PowerSystemWorking] = PowerDeviceD0;
    for (i = PowerSystemSleeping1; i < PowerSystemMaximum; i++)
        capabilities->DeviceState[i] = PowerDeviceD3;
    return STATUS_SUCCESS;
}

static NTSTATUS
QueryBusInformation(PULONG_PTR Information)
{
    PPNP_BUS_INFORMATION bus = PoolAllocatePaged(sizeof(*bus), POOL_PNP);

    if (bus == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    bus->BusTypeGuid = BusTypeGuid;
    bus->LegacyBusType = PNPBus;
    *Information = (ULONG_PTR)bus;
    return STATUS_SUCCESS;
}

/*
 * The Mount Manager asks for the target device of the volume's file object, to hear of its removal and to tell others of
 * its names. It hands the answer to IoReportTargetDeviceChangeAsynchronous, which stops the system (0xCA, 2) for what is
 * no PDO of the PnP manager's; so a volume that has no device node names none.
 */
static NTSTATUS
QueryRelations(PVOLUME Volume, PIRP Irp, PULONG_PTR Information)
{
    PDEVICE_RELATIONS relations;
    BOOLEAN known;
    KIRQL irql;

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.QueryDeviceRelations.Type != TargetDeviceRelation)
        return Irp->IoStatus.Status;
    KeAcquireSpinLock(&Platter.Lock, &irql);
    known = Volume->PnpKnown;
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (!known)
        return STATUS_NOT_SUPPORTED;
    relations = PoolAllocatePaged(sizeof(*relations), POOL_PNP);
    if (relations == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    VolumeReference(Volume);
    relations->Count = 1;
    relations->Objects[0] = Volume->Device;
    *Information = (ULONG_PTR)relations;
    return STATUS_SUCCESS;
}

/* A paging, hibernation or dump file here would need a process to run in order to be read: never. */
static NTSTATUS
UsageNotification(PIRP Irp)
{
    return IoGetCurrentIrpStackLocation(Irp)->Parameters.UsageNotification.InPath ? STATUS_UNSUCCESSFUL
                                                                                  : STATUS_SUCCESS;
}

static NTSTATUS
Start(PVOLUME Volume)
{
    KIRQL irql;

    if (VolumeIsRemoving(Volume))
        return STATUS_NO_SUCH_DEVICE;
    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->PnpStarted = TRUE;
    Volume->PnpRemoved = FALSE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    /* The interface not from here: the Mount Manager would come back with questions while the PnP manager waits. */
    VolumeQueueWork(Volume, VOLUME_WORK_ANNOUNCE);
    return STATUS_SUCCESS;
}

/* Listed or not: one that reported itself failed still is, and leaves the list with the withdrawal. */
static NTSTATUS
SurpriseRemoval(PVOLUME Volume)
{
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->PnpStarted = FALSE;
    Volume->PnpSurprised = TRUE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    VolumeBeginRemove(Volume);
    VolumeSettle(Volume);
    return STATUS_SUCCESS;
}

/*
 * Missing from the last list of the bus' children: the last the PnP manager has to say, the device may be deleted. Listed
 * there: it was disabled, or is about to be ejected, or the bus goes. It can be started again; or, when it is to leave the
 * list and the PnP manager has only not asked yet, it is sent another REMOVE. Source: "Removing a Device in a Bus
 * Driver", step 4, WDK.
 */
static NTSTATUS
Remove(PVOLUME Volume)
{
    BOOLEAN listed;
    BOOLEAN stays;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    listed = Volume->Listed;
    stays = (BOOLEAN)(Volume->Reported && !Volume->PnpSurprised);
    Volume->PnpStarted = FALSE;
    Volume->PnpRemoved = TRUE;
    if (!listed)
        Volume->PnpKnown = FALSE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    TRACE_INFO("volume %u: removed by PnP, listed %u\n", (ULONG)Volume->Id, listed);
    if (stays)
        VolumeQueueWork(Volume, VOLUME_WORK_SUSPEND);
    VolumeRemovedByPnp(Volume);
    return STATUS_SUCCESS;
}

/* After REMOVE, by "Safely Remove Hardware": out it goes. */
static NTSTATUS
Eject(PVOLUME Volume)
{
    VolumeBeginRemove(Volume);
    return STATUS_SUCCESS;
}

NTSTATUS
VolumePnp(PVOLUME Volume, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR information = Irp->IoStatus.Information;
    NTSTATUS status = Irp->IoStatus.Status; /* what is not answered stays as it came */

    switch (stack->MinorFunction)
    {
    case IRP_MN_QUERY_ID:
        status = QueryId(Volume, Irp, &information);
        break;
    case IRP_MN_QUERY_DEVICE_TEXT:
        status = QueryText(Volume, Irp, &information);
        break;
    case IRP_MN_QUERY_CAPABILITIES:
        status = QueryCapabilities(Volume, Irp);
        break;
    case IRP_MN_QUERY_BUS_INFORMATION:
        status = QueryBusInformation(&information);
        break;
    case IRP_MN_QUERY_DEVICE_RELATIONS:
        status = QueryRelations(Volume, Irp, &information);
        break;
    case IRP_MN_DEVICE_USAGE_NOTIFICATION:
        status = UsageNotification(Irp);
        break;
    case IRP_MN_START_DEVICE:
        status = Start(Volume);
        break;
    case IRP_MN_QUERY_REMOVE_DEVICE: /* the file system above has its say; the driver has no reason to refuse */
    case IRP_MN_CANCEL_REMOVE_DEVICE:
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_STOP_DEVICE:
        status = STATUS_SUCCESS;
        break;
    case IRP_MN_SURPRISE_REMOVAL:
        status = SurpriseRemoval(Volume);
        break;
    case IRP_MN_REMOVE_DEVICE:
        status = Remove(Volume);
        break;
    case IRP_MN_EJECT:
        status = Eject(Volume);
        break;
    default:
        break;
    }
    return CompleteIrp(Irp, status, information);
}
