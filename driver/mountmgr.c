/* SPDX-License-Identifier: MIT */
#include "mountmgr.h"
#include "pool.h"
#include "text.h"
#include "trace.h"

#define ANSWER_UNKNOWN 0
#define ANSWER_PRESENT 1
#define ANSWER_ABSENT 2

/* An answer names each point: a volume has a name and a letter, and what somebody gives it besides. */
#define POINTS_BYTES 2048u
#define POINTS_BYTES_MAX (64u * 1024u)

#define DELETE_TRIES 20u
#define DELETE_PAUSE_MS 50

static NTSTATUS
Open(PHANDLE Handle)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(MOUNTMGR_DEVICE_NAME);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateFile(Handle, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &attributes, &io, NULL,
                        FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN,
                        FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
}

static NTSTATUS
Send(ULONG Code, PVOID In, ULONG InLength, PVOID Out, ULONG OutLength)
{
    IO_STATUS_BLOCK io;
    HANDLE handle;
    NTSTATUS status = Open(&handle);

    if (!NT_SUCCESS(status))
        return status;
    status = ZwDeviceIoControlFile(handle, NULL, NULL, NULL, &io, Code, In, InLength, Out, OutLength);
    ZwClose(handle);
    TRACE_INFO("mount manager, code %08x: %08x\n", Code, (ULONG)status);
    return status;
}

BOOLEAN
MountMgrPresent(void)
{
    MOUNTMGR_QUERY_AUTO_MOUNT automount;
    NTSTATUS status;

    if (Platter.Answer == ANSWER_UNKNOWN)
    {
        RtlZeroMemory(&automount, sizeof(automount));
        /* Asks nothing of any device and changes nothing. */
        status = Send(IOCTL_MOUNTMGR_QUERY_AUTO_MOUNT, NULL, 0, &automount, sizeof(automount));
        if (status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY)
            return TRUE; /* not known; to go behind the back of one that is there would be worse than to fail */
        InterlockedExchange(&Platter.Answer, NT_SUCCESS(status) ? ANSWER_PRESENT : ANSWER_ABSENT);
    }
    return (BOOLEAN)(Platter.Answer == ANSWER_PRESENT);
}

NTSTATUS
MountMgrAnnounce(PCUNICODE_STRING DeviceName)
{
    struct
    {
        MOUNTMGR_TARGET_NAME Target;
        WCHAR Rest[PLATTER_DEVICE_NAME_CHARS];
    } in;
    ULONG length = FIELD_OFFSET(MOUNTMGR_TARGET_NAME, DeviceName) + (ULONG)DeviceName->Length;

    RtlZeroMemory(&in, sizeof(in));
    in.Target.DeviceNameLength = DeviceName->Length;
    RtlCopyMemory(in.Target.DeviceName, DeviceName->Buffer, DeviceName->Length);
    return Send(IOCTL_MOUNTMGR_VOLUME_ARRIVAL_NOTIFICATION, &in, length, NULL, 0);
}

NTSTATUS
MountMgrCreateLetter(PCUNICODE_STRING DeviceName, WCHAR Letter)
{
    struct
    {
        MOUNTMGR_CREATE_POINT_INPUT Point;
        UCHAR Names[(TEXT_LETTER_LINK_CHARS + PLATTER_DEVICE_NAME_CHARS) * sizeof(WCHAR)];
    } in;
    WCHAR buffer[TEXT_LETTER_LINK_CHARS];
    UNICODE_STRING link = TextLetterLink(buffer, Letter);

    RtlZeroMemory(&in, sizeof(in));
    in.Point.SymbolicLinkNameOffset = sizeof(in.Point);
    in.Point.SymbolicLinkNameLength = link.Length;
    in.Point.DeviceNameOffset = (USHORT)(sizeof(in.Point) + in.Point.SymbolicLinkNameLength);
    in.Point.DeviceNameLength = DeviceName->Length;
    RtlCopyMemory(in.Names, buffer, in.Point.SymbolicLinkNameLength);
    RtlCopyMemory(in.Names + in.Point.SymbolicLinkNameLength, DeviceName->Buffer, DeviceName->Length);
    return Send(IOCTL_MOUNTMGR_CREATE_POINT, &in, (ULONG)in.Point.DeviceNameOffset + DeviceName->Length, NULL, 0);
}

NTSTATUS
MountMgrNextLetter(PCUNICODE_STRING DeviceName, PWCHAR Letter)
{
    struct
    {
        MOUNTMGR_DRIVE_LETTER_TARGET Target;
        WCHAR Rest[PLATTER_DEVICE_NAME_CHARS];
    } in;
    MOUNTMGR_DRIVE_LETTER_INFORMATION out;
    ULONG length = FIELD_OFFSET(MOUNTMGR_DRIVE_LETTER_TARGET, DeviceName) + (ULONG)DeviceName->Length;
    NTSTATUS status;

    *Letter = 0;
    RtlZeroMemory(&in, sizeof(in));
    RtlZeroMemory(&out, sizeof(out));
    in.Target.DeviceNameLength = DeviceName->Length;
    RtlCopyMemory(in.Target.DeviceName, DeviceName->Buffer, DeviceName->Length);
    status = Send(IOCTL_MOUNTMGR_NEXT_DRIVE_LETTER, &in, length, &out, sizeof(out));
    if (NT_SUCCESS(status) && out.CurrentDriveLetter >= 'A' && out.CurrentDriveLetter <= 'Z')
        *Letter = out.CurrentDriveLetter;
    return status;
}

/* One triple of the three, the others empty. Retries with more room, since nothing is deleted that was not answered. */
static NTSTATUS
DeleteOnce(const MOUNTMGR_MOUNT_POINT *Point, const void *Key, USHORT KeyBytes)
{
    struct
    {
        MOUNTMGR_MOUNT_POINT Point;
        UCHAR Key[PLATTER_DEVICE_NAME_CHARS * sizeof(WCHAR)];
    } in;
    NTSTATUS status = STATUS_BUFFER_OVERFLOW;
    ULONG room = POINTS_BYTES;

    if (KeyBytes > sizeof(in.Key))
        return STATUS_NAME_TOO_LONG;
    RtlZeroMemory(&in, sizeof(in));
    in.Point = *Point;
    RtlCopyMemory(in.Key, Key, KeyBytes);
    while (status == STATUS_BUFFER_OVERFLOW && room <= POINTS_BYTES_MAX)
    {
        PVOID out = PoolAllocate(room, POOL_MOUNTMGR);

        if (out == NULL)
            return STATUS_INSUFFICIENT_RESOURCES;
        status = Send(IOCTL_MOUNTMGR_DELETE_POINTS, &in, (ULONG)sizeof(in.Point) + KeyBytes, out, room);
        PoolFree(out, POOL_MOUNTMGR);
        room *= 4;
    }
    return status;
}

/* A letter that is not taken back would point to nothing until the next boot, so a want of memory is waited out. */
static NTSTATUS
DeletePoints(const MOUNTMGR_MOUNT_POINT *Point, const void *Key, USHORT KeyBytes)
{
    LARGE_INTEGER pause;
    NTSTATUS status;
    ULONG tries = 0;

    pause.QuadPart = -(LONGLONG)DELETE_PAUSE_MS * 10000;
    while ((status = DeleteOnce(Point, Key, KeyBytes)) == STATUS_INSUFFICIENT_RESOURCES && ++tries < DELETE_TRIES)
        KeDelayExecutionThread(KernelMode, FALSE, &pause);
    return status;
}

NTSTATUS
MountMgrDeleteLink(PCUNICODE_STRING LinkName)
{
    MOUNTMGR_MOUNT_POINT point;

    RtlZeroMemory(&point, sizeof(point));
    point.SymbolicLinkNameOffset = sizeof(point);
    point.SymbolicLinkNameLength = LinkName->Length;
    return DeletePoints(&point, LinkName->Buffer, LinkName->Length);
}

NTSTATUS
MountMgrForget(PCUNICODE_STRING DeviceName, const void *UniqueId, USHORT UniqueIdBytes)
{
    MOUNTMGR_MOUNT_POINT point;
    NTSTATUS status;

    RtlZeroMemory(&point, sizeof(point));
    point.UniqueIdOffset = sizeof(point);
    point.UniqueIdLength = UniqueIdBytes;
    status = DeletePoints(&point, UniqueId, UniqueIdBytes);
    if (NT_SUCCESS(status))
        return status;
    RtlZeroMemory(&point, sizeof(point));
    point.DeviceNameOffset = sizeof(point);
    point.DeviceNameLength = DeviceName->Length;
    return DeletePoints(&point, DeviceName->Buffer, DeviceName->Length);
}
