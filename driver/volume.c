/* SPDX-License-Identifier: MIT */
#include "volume.h"
#include "announce.h"
#include "clock.h"
#include "deadline.h"
#include "instance.h"
#include "pool.h"
#include "queue.h"
#include "request.h"
#include "secure.h"
#include "session.h"
#include "text.h"
#include "trace.h"
#include "volume_end.h"
#include "volume_start.h"

#define VOLUME_SDDL_CHARS 300u /* our text, and a SID of fifteen sub-authorities */
/*
 * Lower stacks have none below us; file systems and filters build IRPs for us with our stack size, and a driver that
 * attaches adds one. One more for the completion routine of whoever sends without owning a location.
 */
#define VOLUME_STACK_SIZE 2

void
VolumeReference(PVOLUME Volume)
{
    ObReferenceObject(Volume->Device);
}

void
VolumeDereference(PVOLUME Volume)
{
    ObDereferenceObject(Volume->Device);
}

PVOLUME
VolumeReferenceAfter(ULONGLONG After)
{
    PLIST_ENTRY entry;
    PVOLUME found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        if (volume->Id > After)
        {
            found = volume;
            VolumeReference(found);
            break;
        }
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    return found;
}

PVOLUME
VolumeReferenceById(ULONGLONG Id)
{
    PVOLUME volume = Id != 0 ? VolumeReferenceAfter(Id - 1) : NULL;

    if (volume != NULL && volume->Id != Id)
    {
        VolumeDereference(volume);
        volume = NULL;
    }
    return volume;
}

PVOLUME
VolumeReferenceNextOf(PSESSION Session)
{
    PLIST_ENTRY entry;
    PVOLUME found = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes; entry = entry->Flink)
    {
        PVOLUME volume = CONTAINING_RECORD(entry, VOLUME, Link);

        if (volume->Session == Session && !VolumeIsRemoving(volume))
        {
            found = volume;
            VolumeReference(found);
            break;
        }
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    return found;
}

static BOOLEAN
IsZero(const UCHAR *Bytes, ULONG Length)
{
    ULONG i;

    for (i = 0; i < Length && Bytes[i] == 0; i++)
        ;
    return (BOOLEAN)(i == Length);
}

static BOOLEAN
IsTerminated(const uint16_t *Text, ULONG Chars)
{
    ULONG i;

    for (i = 0; i < Chars && Text[i] != 0; i++)
        ;
    return (BOOLEAN)(i < Chars);
}

static BOOLEAN
IsPowerOfTwo(ULONG Number)
{
    return (BOOLEAN)(Number != 0 && (Number & (Number - 1u)) == 0);
}

static BOOLEAN
SizesAreRight(const struct platter_volume_create_in *In)
{
    return (BOOLEAN)(IsPowerOfTwo(In->sector_size) && In->sector_size >= PLATTER_MIN_SECTOR_SIZE &&
                     In->sector_size <= PLATTER_MAX_SECTOR_SIZE && IsPowerOfTwo(In->physical_sector_size) &&
                     In->physical_sector_size >= In->sector_size && In->length_bytes != 0 &&
                     In->length_bytes % In->sector_size == 0 && In->length_bytes <= PLATTER_MAX_VOLUME_BYTES &&
                     In->partition_offset <= PLATTER_MAX_VOLUME_BYTES);
}

static BOOLEAN
FlagsAreRight(const struct platter_volume_create_in *In)
{
    if ((In->flags & ~PLATTER_VOLUME_FLAGS_KNOWN) != 0)
        return FALSE;
    if ((In->flags & PLATTER_VOLUME_CDROM) != 0 &&
        (In->sector_size != 2048u || (In->flags & PLATTER_VOLUME_READ_ONLY) == 0))
        return FALSE;
    if (In->deadline_ms != 0 &&
        (In->deadline_ms < PLATTER_MIN_DEADLINE_MS || In->deadline_ms > PLATTER_MAX_DEADLINE_MS))
        return FALSE;
    return (BOOLEAN)(In->letter == 0 ||
                     (In->letter >= 'A' && In->letter <= 'Z' && (In->flags & PLATTER_VOLUME_NO_LETTER) == 0));
}

static BOOLEAN
PartitionIsRight(const struct platter_volume_create_in *In)
{
    BOOLEAN mbr = (BOOLEAN)(In->partition_style == PLATTER_STYLE_MBR);
    BOOLEAN gpt = (BOOLEAN)(In->partition_style == PLATTER_STYLE_GPT);

    if (In->partition_style > PLATTER_STYLE_GPT)
        return FALSE;
    if (In->partition_style == PLATTER_STYLE_NONE && (In->partition_offset != 0 || In->partition_number != 0))
        return FALSE;
    if (In->mbr_boot_indicator > 1 || In->mbr_type > 0xff)
        return FALSE;
    if (!mbr && (In->mbr_type != 0 || In->mbr_boot_indicator != 0 || In->mbr_signature != 0))
        return FALSE;
    return (BOOLEAN)(gpt || (IsZero(In->gpt_type, sizeof(In->gpt_type)) &&
                             IsZero(In->gpt_partition_id, sizeof(In->gpt_partition_id)) &&
                             IsZero(In->gpt_disk_id, sizeof(In->gpt_disk_id)) && In->gpt_attributes == 0));
}

static NTSTATUS
CheckShape(const struct platter_volume_create_in *In)
{
    if (!SizesAreRight(In) || !FlagsAreRight(In) || !PartitionIsRight(In))
        return STATUS_INVALID_PARAMETER;
    if (IsZero(In->unique_id, sizeof(In->unique_id)) || !IsTerminated(In->label, PLATTER_LABEL_CHARS) ||
        !IsTerminated(In->image_name, PLATTER_IMAGE_NAME_CHARS))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/*
 * Who may open the volume itself, \\.\X:, past its file system. All on the machine may ask for its properties and pass
 * through to the files, which the file system guards; raw sectors are for administrators and who mounted it.
 *
 * No FILE_DEVICE_SECURE_OPEN: with it the I/O manager would hold this list against every X:\file too (IopParseDevice),
 * and others could see the drive but open nothing. What that flag is to prevent, names behind the device's own, is
 * refused by our CREATE, which only ever gets opens that no file system took.
 *
 * A private volume is one whose file system guards nothing, so here that is what is wanted, with the flag: this list is
 * held against every open of a file, and others are not in it. Not even with the right to read: a file system without
 * access lists takes "create always, for reading" and empties the file. Nor to pass through (FILE_TRAVERSE), which the
 * I/O manager asks for on disks in any case, nor to ask for properties, since names relative to such a handle are not
 * checked again where the flag is not known. The owner has what NTFS calls "modify" (docs/architecture.md).
 */
static void
BuildSddl(PTEXT Text, const CALLER *Owner, BOOLEAN Private)
{
    TextAppendAscii(Text, "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;");
    TextAppendAscii(Text, Private ? "0x1301ff" : "GRGW");
    TextAppendAscii(Text, ";;;");
    TextAppendSid(Text, (PSID)(ULONG_PTR)&Owner->Sid);
    TextAppendAscii(Text, Private ? ")" : ")(A;;0x1200a0;;;WD)(A;;0x1200a0;;;RC)");
}

/* Reserves a place in the machine's and the session's counts, an id and an instance; the first volume names the container. */
static NTSTATUS
ReserveId(PSESSION Session, const struct platter_volume_create_in *In, PULONGLONG Id, PULONG Instance)
{
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    KeAcquireSpinLockAtDpcLevel(&Session->Lock);
    if (Session->Closed)
    {
        status = STATUS_FILE_CLOSED;
    }
    else if (Session->LiveVolumes >= PLATTER_MAX_VOLUMES_PER_SESSION || Platter.DeviceCount >= PLATTER_MAX_VOLUMES)
    {
        status = STATUS_TOO_MANY_NODES;
    }
    else
    {
        Session->LiveVolumes++;
        if (Platter.DeviceCount++ == 0)
            KeClearEvent(&Platter.NoDevices);
        *Id = ++Platter.LastVolumeId;
        *Instance = InstanceTake();
        if (IsZero((const UCHAR *)&Session->Container, sizeof(Session->Container)))
            RtlCopyMemory(&Session->Container, In->unique_id, sizeof(Session->Container));
    }
    KeReleaseSpinLockFromDpcLevel(&Session->Lock);
    KeReleaseSpinLock(&Platter.Lock, irql);
    return status;
}

static void
ReturnId(PSESSION Session, ULONG Instance)
{
    KIRQL irql;

    KeAcquireSpinLock(&Session->Lock, &irql);
    Session->LiveVolumes--;
    KeReleaseSpinLock(&Session->Lock, irql);
    VolumeDeviceDeleted(Instance);
}

static void
Initialize(PVOLUME Volume,
           PDEVICE_OBJECT Device,
           PSESSION Session,
           ULONGLONG Id,
           const TEXT *Name,
           const struct platter_volume_create_in *In)
{
    Volume->Header.Kind = DEVICE_KIND_VOLUME;
    Volume->Device = Device;
    Volume->Session = Session;
    Volume->Owner = Session->Owner;
    Volume->Id = Id;
    Volume->Shape = *In;
    RtlCopyMemory(Volume->MountId,
                  (In->flags & PLATTER_VOLUME_STABLE_ID) != 0 ? VOLUME_MOUNT_ID_STABLE : VOLUME_MOUNT_ID_FRESH,
                  VOLUME_MOUNT_ID_PREFIX);
    RtlCopyMemory(Volume->MountId + VOLUME_MOUNT_ID_PREFIX, In->unique_id, sizeof(In->unique_id));
    Volume->Container = Session->Container; /* does not change any more */
    Volume->DeadlineMs = In->deadline_ms != 0 ? In->deadline_ms : PLATTER_DEFAULT_DEADLINE_MS;
    Volume->MountedAt = ClockSystem();
    Volume->LastAnswer = ClockUptime();
    RtlCopyMemory(Volume->NameBuffer, Name->Buffer, (Name->Length + 1) * sizeof(WCHAR));
    Volume->Name.Buffer = Volume->NameBuffer;
    Volume->Name.Length = (USHORT)(Name->Length * sizeof(WCHAR));
    Volume->Name.MaximumLength = (USHORT)(Volume->Name.Length + sizeof(WCHAR));
    Volume->State = PLATTER_STATE_CREATED;
    InitializeListHead(&Volume->RemoveIrps);
    IoInitializeRemoveLock(&Volume->RemoveLock, POOL_VOLUME, 0, 0);
    Device->Flags |= DO_DIRECT_IO | DO_POWER_PAGABLE;
    /* No demand on buffers: data is copied. Sector size and stack are for the I/O manager and file systems above. */
    Device->AlignmentRequirement = FILE_BYTE_ALIGNMENT;
    Device->SectorSize = (USHORT)In->sector_size;
    Device->StackSize = VOLUME_STACK_SIZE;
}

/* Lock held. How many of the volumes on List are Owner's. */
static ULONG
CountOf(const CALLER *Owner, PLIST_ENTRY List)
{
    PLIST_ENTRY entry;
    ULONG count = 0;

    for (entry = List->Flink; entry != List; entry = entry->Flink)
    {
        if (SecurityIsSameUser(&CONTAINING_RECORD(entry, VOLUME, Link)->Owner, Owner))
            count++;
    }
    return count;
}

/*
 * FALSE: its owner has as many as one user may have, so that none takes all of the machine's from the others.
 * Administrators, and SYSTEM, for whom the service mounts at boot, have no such limit.
 */
static BOOLEAN
Publish(PVOLUME Volume)
{
    BOOLEAN room;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    room = (BOOLEAN)(Volume->Owner.Administrator ||
                     CountOf(&Volume->Owner, &Platter.Volumes) + CountOf(&Volume->Owner, &Platter.Ended) <
                         PLATTER_MAX_VOLUMES_PER_USER);
    if (room)
    {
        InsertTailList(&Platter.Volumes, &Volume->Link);
        Platter.VolumeCount++;
        KeAcquireSpinLockAtDpcLevel(&Volume->Session->Lock);
        Volume->Session->HadVolumes = TRUE;
        KeReleaseSpinLockFromDpcLevel(&Volume->Session->Lock);
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
    if (room)
        DeadlineTimerUpdate();
    return room;
}

/* Not inlined: its buffer is not to lie on the stack while the device is published. */
static DECLSPEC_NOINLINE NTSTATUS
CreateDevice(PSESSION Session, const TEXT *Name, ULONG Flags, PDEVICE_OBJECT *Device)
{
    BOOLEAN private = (BOOLEAN)((Flags & PLATTER_VOLUME_PRIVATE) != 0);
    UNICODE_STRING name = TextString(Name);
    UNICODE_STRING sddl;
    WCHAR buffer[VOLUME_SDDL_CHARS];
    TEXT text;

    TextInitialize(&text, buffer, VOLUME_SDDL_CHARS);
    BuildSddl(&text, &Session->Owner, private);
    sddl = TextString(&text);
    return DeviceCreateSecure(sizeof(VOLUME), &name,
                              (Flags & PLATTER_VOLUME_CDROM) != 0 ? FILE_DEVICE_CD_ROM : FILE_DEVICE_DISK,
                              private ? FILE_DEVICE_SECURE_OPEN : 0, &sddl, NULL, Device);
}

/*
 * A Mount Manager that was told of a volume by hand hears nothing of its end, and takes a later device of the same name for
 * one it knows. So where it will be told by hand a name must not come back, not even when the driver is loaded again.
 */
static void
BuildName(PTEXT Name, ULONGLONG Id)
{
    TextAppendAscii(Name, PLATTER_VOLUME_DEVICE_PREFIX);
    TextAppendNumber(Name, Id);
    if (AnnounceRoutes() == PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT))
    {
        TextAppendChar(Name, '-');
        TextAppendNumber(Name, ClockMilliseconds());
    }
}

NTSTATUS
VolumeCreate(PSESSION Session, const struct platter_volume_create_in *In, struct platter_volume_create_out *Out)
{
    WCHAR buffer[PLATTER_DEVICE_NAME_CHARS];
    TEXT name;
    PDEVICE_OBJECT device;
    PVOLUME volume;
    PUCHAR probe;
    ULONGLONG id;
    ULONG instance;
    NTSTATUS status = CheckShape(In);

    if (!NT_SUCCESS(status))
        return status;
    status = ReserveId(Session, In, &id, &instance);
    if (!NT_SUCCESS(status))
        return status;
    probe = PoolAllocate(PLATTER_MAX_SECTOR_SIZE, POOL_VOLUME);
    if (probe == NULL)
    {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto ReturnTheId;
    }
    TextInitialize(&name, buffer, PLATTER_DEVICE_NAME_CHARS);
    BuildName(&name, id);
    status = CreateDevice(Session, &name, In->flags, &device);
    if (!NT_SUCCESS(status))
        goto FreeProbe;
    volume = VolumeOfDevice(device);
    volume->WorkItem = IoAllocateWorkItem(device);
    if (volume->WorkItem == NULL)
    {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto DeleteDevice;
    }
    Initialize(volume, device, Session, id, &name, In);
    volume->Instance = instance;
    volume->ProbeBuffer = probe;
    SessionReference(Session);
    Out->volume_id = id;
    RtlZeroMemory(Out->device_name, sizeof(Out->device_name));
    RtlCopyMemory(Out->device_name, volume->NameBuffer, volume->Name.Length);
    if (!Publish(volume))
    {
        status = STATUS_TOO_MANY_NODES;
        goto LeaveSession;
    }
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    TRACE_INFO("volume %u created, %u MiB\n", (ULONG)id, (ULONG)(In->length_bytes >> 20));
    return STATUS_SUCCESS;

LeaveSession:
    SessionDereference(Session); /* the caller has one yet */
    IoFreeWorkItem(volume->WorkItem);
DeleteDevice:
    IoDeleteDevice(device);
FreeProbe:
    PoolFree(probe, POOL_VOLUME);
ReturnTheId:
    ReturnId(Session, instance);
    return status;
}
