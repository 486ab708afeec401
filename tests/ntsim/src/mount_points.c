/* SPDX-License-Identifier: MIT */
/* The Mount Manager's own ioctls. Sources as in mount.c. */
#include "mount.h"
#include <ntsim/observe.h>
#include <strings.h>

static PDRIVER_OBJECT Driver;
static PDEVICE_OBJECT Device;
static ULONG Epic;
static BOOLEAN KeepPoints;

VOID SimMountKeepPoints(BOOLEAN Keep)
{
    KeepPoints = Keep;
}

static BOOLEAN Text(const UCHAR *in, ULONG bytes, ULONG offset, ULONG length, char *out, size_t room)
{
    UNICODE_STRING string;
    char *narrow;

    if (offset > bytes || length > bytes - offset || length % 2)
        return FALSE;
    string.Buffer = (WCHAR *)(ULONG_PTR)(in + offset);
    string.Length = string.MaximumLength = (USHORT)length;
    narrow = SimNarrow(&string);
    snprintf(out, room, "%s", narrow);
    free(narrow);
    return TRUE;
}

static NTSTATUS CreatePoint(const UCHAR *in, ULONG bytes)
{
    MOUNTMGR_CREATE_POINT_INPUT point;
    char link[100], name[200], device[128];
    MOUNT_VOLUME *volume;
    NTSTATUS status;

    if (bytes < sizeof(point))
        return STATUS_INVALID_PARAMETER;
    memcpy(&point, in, sizeof(point));
    if (!Text(in, bytes, point.SymbolicLinkNameOffset, point.SymbolicLinkNameLength, link, sizeof(link)) ||
        !Text(in, bytes, point.DeviceNameOffset, point.DeviceNameLength, name, sizeof(name)))
        return STATUS_INVALID_PARAMETER;
    MountLock();
    status = MountQueryName(name, device, sizeof(device));
    if (NT_SUCCESS(status)) {
        volume = MountFind(device);
        if (!volume)
            status = STATUS_INVALID_PARAMETER; /* the driver under test has no use for links to the unknown */
        else if (MountIsLetter(link) && MountVolumeLetter(volume))
            status = STATUS_INVALID_PARAMETER; /* [M]: at most one letter a volume */
        else
            status = MountLinkAdd(volume, link);
        if (NT_SUCCESS(status) && MountIsLetter(link))
            MountStoreNoLetter(volume, FALSE);
    }
    if (NT_SUCCESS(status))
        Epic++;
    MountUnlock();
    return status;
}

typedef struct _WANT {
    char Link[100], Device[200];
    UCHAR Id[256];
    USHORT IdBytes;
    BOOLEAN ByLink, ById, ByDevice;
} WANT;

static NTSTATUS Want(const UCHAR *in, ULONG bytes, WANT *want)
{
    MOUNTMGR_MOUNT_POINT point;

    memset(want, 0, sizeof(*want));
    if (bytes < sizeof(point))
        return STATUS_INVALID_PARAMETER;
    memcpy(&point, in, sizeof(point));
    want->ByLink = point.SymbolicLinkNameOffset && point.SymbolicLinkNameLength;
    want->ById = point.UniqueIdOffset && point.UniqueIdLength;
    want->ByDevice = point.DeviceNameOffset && point.DeviceNameLength;
    if (want->ByLink &&
        !Text(in, bytes, point.SymbolicLinkNameOffset, point.SymbolicLinkNameLength, want->Link, sizeof(want->Link)))
        return STATUS_INVALID_PARAMETER;
    if (want->ByDevice &&
        !Text(in, bytes, point.DeviceNameOffset, point.DeviceNameLength, want->Device, sizeof(want->Device)))
        return STATUS_INVALID_PARAMETER;
    if (want->ById) {
        if (point.UniqueIdOffset > bytes || point.UniqueIdLength > bytes - point.UniqueIdOffset ||
            point.UniqueIdLength > sizeof(want->Id))
            return STATUS_INVALID_PARAMETER;
        memcpy(want->Id, in + point.UniqueIdOffset, point.UniqueIdLength);
        want->IdBytes = point.UniqueIdLength;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN Matches(const WANT *want, const MOUNT_VOLUME *volume, const MOUNT_LINK *link)
{
    if (want->ByLink)
        return !strcasecmp(want->Link, link->Name);
    if (want->ById)
        return want->IdBytes == volume->IdBytes && !memcmp(want->Id, volume->Id, volume->IdBytes);
    if (want->ByDevice)
        return !strcasecmp(want->Device, volume->Device);
    return TRUE;
}

/* Fills the answer; STATUS_BUFFER_OVERFLOW with Size set when it does not fit. */
static NTSTATUS Query(const WANT *want, UCHAR *out, ULONG room, ULONG_PTR *information)
{
    MOUNTMGR_MOUNT_POINTS *points = (MOUNTMGR_MOUNT_POINTS *)out;
    ULONG count = 0, size = 0, at, i = 0;

    if (room < sizeof(*points))
        return STATUS_INVALID_PARAMETER;
    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        for (MOUNT_LINK *l = v->Links; l; l = l->Next)
            if (Matches(want, v, l)) {
                count++;
                size += (ULONG)strlen(l->Name) * 2 + (ULONG)strlen(v->Device) * 2 + v->IdBytes;
            }
    if (!count && want->ByLink)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!count && (want->ById || want->ByDevice))
        return STATUS_INVALID_PARAMETER;
    at = (ULONG)(sizeof(*points) + count * sizeof(MOUNTMGR_MOUNT_POINT));
    points->Size = at + size;
    points->NumberOfMountPoints = count;
    if (points->Size > room) {
        *information = sizeof(*points);
        return STATUS_BUFFER_OVERFLOW;
    }
    memset(out + sizeof(ULONG) * 2, 0, points->Size - sizeof(ULONG) * 2);
    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        for (MOUNT_LINK *l = v->Links; l; l = l->Next)
            if (Matches(want, v, l)) {
                MOUNTMGR_MOUNT_POINT *p = &points->MountPoints[i++];
                p->SymbolicLinkNameOffset = at;
                p->SymbolicLinkNameLength = (USHORT)(strlen(l->Name) * 2);
                for (size_t k = 0; l->Name[k]; k++, at += 2)
                    out[at] = (UCHAR)l->Name[k];
                p->UniqueIdOffset = at;
                p->UniqueIdLength = v->IdBytes;
                memcpy(out + at, v->Id, v->IdBytes);
                at += v->IdBytes;
                p->DeviceNameOffset = at;
                p->DeviceNameLength = (USHORT)(strlen(v->Device) * 2);
                for (size_t k = 0; v->Device[k]; k++, at += 2)
                    out[at] = (UCHAR)v->Device[k];
            }
    *information = points->Size;
    return STATUS_SUCCESS;
}

static BOOLEAN FindMatch(const WANT *want, MOUNT_VOLUME **volume, MOUNT_LINK **link)
{
    for (MOUNT_VOLUME *v = MountVolumes; v; v = v->Next)
        for (MOUNT_LINK *l = v->Links; l; l = l->Next)
            if (Matches(want, v, l)) {
                *volume = v;
                *link = l;
                return TRUE;
            }
    return FALSE;
}

/*
 * By link name: a deleted letter leaves a "no letter" value for the unique id. By unique id: that value goes too.
 * Source: [P], symlink and point handling of an independent Mount Manager.
 */
static NTSTATUS DeletePoints(const WANT *want, UCHAR *out, ULONG room, ULONG_PTR *information)
{
    NTSTATUS status = Query(want, out, room, information);
    MOUNT_VOLUME *v;
    MOUNT_LINK *l;

    if (status != STATUS_SUCCESS)
        return status;
    while (FindMatch(want, &v, &l)) {
        char name[64];
        strcpy(name, l->Name);
        if (want->ByLink && MountIsLetter(name))
            MountStoreNoLetter(v, TRUE);
        if (!want->ByLink)
            MountStoreNoLetter(v, FALSE);
        MountLinkRemove(v, name);
    }
    /* A volume that was announced by ioctl is forgotten with its last name [M]. */
    for (MOUNT_VOLUME **at = &MountVolumes; *at;) {
        v = *at;
        if (v->Manual && !v->Links) {
            *at = v->Next;
            free(v);
        } else {
            at = &v->Next;
        }
    }
    Epic++;
    return STATUS_SUCCESS;
}

static NTSTATUS NextLetter(const UCHAR *in, ULONG bytes, UCHAR *out, ULONG room, ULONG_PTR *information)
{
    MOUNTMGR_DRIVE_LETTER_INFORMATION *answer = (MOUNTMGR_DRIVE_LETTER_INFORMATION *)out;
    char name[200];
    MOUNT_VOLUME *volume;

    if (bytes < sizeof(MOUNTMGR_DRIVE_LETTER_TARGET) || room < sizeof(*answer) ||
        !Text(in, bytes, (ULONG)offsetof(MOUNTMGR_DRIVE_LETTER_TARGET, DeviceName), *(const USHORT *)in, name,
              sizeof(name)))
        return STATUS_INVALID_PARAMETER;
    volume = MountFind(name);
    if (!volume)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    answer->DriveLetterWasAssigned = FALSE;
    answer->CurrentDriveLetter = (UCHAR)MountVolumeLetter(volume);
    /* Not to one that is noted as wanting none; and it is noted of one for which there is none. [P], NextDriveLetter. */
    if (!answer->CurrentDriveLetter && !MountStoreHasNoLetter(volume)) {
        answer->CurrentDriveLetter = (UCHAR)MountNewLetter(volume);
        answer->DriveLetterWasAssigned = answer->CurrentDriveLetter != 0;
        if (!answer->DriveLetterWasAssigned)
            MountStoreNoLetter(volume, TRUE);
    }
    *information = sizeof(*answer);
    return STATUS_SUCCESS;
}

static NTSTATUS Control(PIO_STACK_LOCATION at, UCHAR *buffer, ULONG_PTR *information)
{
    ULONG code = at->Parameters.DeviceIoControl.IoControlCode;
    ULONG in = at->Parameters.DeviceIoControl.InputBufferLength,
          out = at->Parameters.DeviceIoControl.OutputBufferLength;
    char name[200];
    NTSTATUS status;
    WANT want;

    if (Sim.Options.MountManager == SimMountManagerNotSupported && code != IOCTL_MOUNTMGR_QUERY_POINTS)
        return STATUS_NOT_SUPPORTED; /* wine.md section 4 */
    switch (code) {
    case IOCTL_MOUNTMGR_CREATE_POINT:
        return CreatePoint(buffer, in);
    case IOCTL_MOUNTMGR_QUERY_POINTS:
    case IOCTL_MOUNTMGR_DELETE_POINTS:
        status = Want(buffer, in, &want);
        if (!NT_SUCCESS(status))
            return status;
        if (code == IOCTL_MOUNTMGR_DELETE_POINTS && KeepPoints)
            return STATUS_UNSUCCESSFUL;
        MountLock();
        status = code == IOCTL_MOUNTMGR_QUERY_POINTS ? Query(&want, buffer, out, information)
                                                     : DeletePoints(&want, buffer, out, information);
        MountUnlock();
        return status;
    case IOCTL_MOUNTMGR_NEXT_DRIVE_LETTER:
        MountLock();
        status = NextLetter(buffer, in, buffer, out, information);
        MountUnlock();
        return status;
    case IOCTL_MOUNTMGR_VOLUME_ARRIVAL_NOTIFICATION:
        if (in < sizeof(MOUNTMGR_TARGET_NAME) ||
            !Text(buffer, in, (ULONG)offsetof(MOUNTMGR_TARGET_NAME, DeviceName), *(USHORT *)buffer, name, sizeof(name)))
            return STATUS_INVALID_PARAMETER;
        return MountArrive(name, TRUE);
    case IOCTL_MOUNTMGR_QUERY_AUTO_MOUNT:
        if (out < sizeof(MOUNTMGR_QUERY_AUTO_MOUNT))
            return STATUS_INVALID_PARAMETER;
        ((MOUNTMGR_QUERY_AUTO_MOUNT *)buffer)->CurrentState = MountNoAutoMount ? Disabled : Enabled;
        *information = sizeof(MOUNTMGR_QUERY_AUTO_MOUNT);
        return STATUS_SUCCESS;
    case IOCTL_MOUNTMGR_SET_AUTO_MOUNT:
        SimBug("the driver changes the machine's automount setting");
    case IOCTL_MOUNTMGR_CHANGE_NOTIFY:
        if (in < sizeof(ULONG) || out < sizeof(ULONG))
            return STATUS_INVALID_PARAMETER;
        if (*(ULONG *)buffer == Epic)
            SimBug("CHANGE_NOTIFY that waits is not modelled");
        *(ULONG *)buffer = Epic;
        *information = sizeof(ULONG);
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

static NTSTATUS NTAPI Dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    ULONG_PTR information = 0;

    (void)device;
    switch (at->MajorFunction) {
    case IRP_MJ_CREATE:
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        status = STATUS_SUCCESS;
        break;
    case IRP_MJ_DEVICE_CONTROL:
        status = Control(at, irp->AssociatedIrp.SystemBuffer, &information);
        break;
    default:
        break;
    }
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

VOID SimMountStart(VOID)
{
    SimMountStoreStart();
    Epic = 1;
    Driver = NULL;
    if (Sim.Options.MountManager == SimMountManagerAbsent)
        return;
    Driver = SimDriverCreate("mountmgr", Dispatch);
    SimDeviceCreate(Driver, 0, "\\Device\\MountPointManager", FILE_DEVICE_NETWORK, 0, FALSE, &Device);
    Device->Flags &= ~DO_DEVICE_INITIALIZING;
    SimObMakeLink(NULL, "\\GLOBAL??\\MountPointManager", "\\Device\\MountPointManager", FALSE);
}

VOID SimMountStop(VOID)
{
    SimMountStoreStop();
    if (!Driver)
        return;
    IoDeleteDevice(Device);
    SimObDereference(Driver);
}
