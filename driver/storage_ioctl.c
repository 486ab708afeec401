/* SPDX-License-Identifier: MIT */
/*
 * The family IOCTL_STORAGE_*. IOCTL_STORAGE_GET_DEVICE_NUMBER is not in the table: the volume lies on no disk that
 * Windows has numbered, and programs take a number for the truth (docs/architecture.md).
 * Source of each answer's form: ntddstor.h and its pages, WDK.
 */
#include "ioctl.h"
#include "request.h"
#include "volume.h"

/* SCSI peripheral device types; STORAGE_DEVICE_DESCRIPTOR wants these, not FILE_DEVICE_*. */
#define PERIPHERAL_DIRECT_ACCESS 0u
#define PERIPHERAL_CDROM 5u

#define BUS_TYPE_VIRTUAL 0xeu /* BusTypeVirtual */
#define DSM_ACTION_TRIM 1u    /* DeviceDsmAction_Trim */

static BOOLEAN
IsCdrom(PVOLUME Volume)
{
    return (BOOLEAN)((Volume->Shape.flags & PLATTER_VOLUME_CDROM) != 0);
}

static NTSTATUS
AnswerHotplug(PVOLUME Volume, PIOCTL_CALL Call)
{
    PSTORAGE_HOTPLUG_INFO info = Call->Buffer;

    UNREFERENCED_PARAMETER(Volume);
    info->Size = sizeof(*info);
    info->DeviceHotplug = TRUE; /* its provider may die: file systems are not to keep data back for long */
    Call->Information = sizeof(*info);
    return STATUS_SUCCESS;
}

NTSTATUS
IoctlAnswerMediaRemoval(PVOLUME Volume, PIOCTL_CALL Call)
{
    const PREVENT_MEDIA_REMOVAL *prevent = Call->Buffer;

    if (prevent->PreventMediaRemoval)
        InterlockedIncrement(&Volume->MediaLocks); /* NOLINT(bugprone-branch-clone): the other undoes */
    else if (InterlockedDecrement(&Volume->MediaLocks) < 0)
        InterlockedIncrement(&Volume->MediaLocks); /* allowed more often than prevented: stays at none */
    return STATUS_SUCCESS;
}

/*
 * A file system that is mounted and has not been locked may have open files, and data that it has not written. Whoever
 * ejects locks and dismounts first, as Explorer does. Nothing of the kind can be lost on what is only read, and the raw
 * file system keeps nothing.
 */
static BOOLEAN
FileSystemIsInUse(PVOLUME Volume)
{
    BOOLEAN in_use = FALSE;
    USHORT flags;
    KIRQL irql;

    if ((Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0 || Volume->Device->Vpb == NULL) /* NULL: Wine */
        return FALSE;
    IoAcquireVpbSpinLock(&irql);
    if (Volume->Device->Vpb != NULL)
    {
        flags = Volume->Device->Vpb->Flags;
        in_use = (BOOLEAN)((flags & VPB_MOUNTED) != 0 && (flags & (VPB_LOCKED | VPB_RAW_MOUNT)) == 0);
    }
    IoReleaseVpbSpinLock(irql);
    return in_use;
}

/* Explorer's "Eject". The IRP is completed at once; the removal is the work item's. */
NTSTATUS
IoctlAnswerEject(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Call);
    if (Volume->MediaLocks != 0 || FileSystemIsInUse(Volume))
        return STATUS_DEVICE_BUSY;
    VolumeBeginRemove(Volume);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerCapacity(PVOLUME Volume, PIOCTL_CALL Call)
{
    PSTORAGE_READ_CAPACITY capacity = Call->Buffer;

    capacity->Version = sizeof(*capacity);
    capacity->Size = sizeof(*capacity);
    capacity->BlockLength = Volume->Shape.sector_size;
    capacity->NumberOfBlocks.QuadPart = (LONGLONG)(Volume->Shape.length_bytes / Volume->Shape.sector_size);
    capacity->DiskLength.QuadPart = (LONGLONG)Volume->Shape.length_bytes;
    Call->Information = sizeof(*capacity);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerMediaTypes(PVOLUME Volume, PIOCTL_CALL Call)
{
    PGET_MEDIA_TYPES types = Call->Buffer;
    DISK_GEOMETRY geometry;
    ULONG access = (Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0 ? MEDIA_READ_ONLY : MEDIA_READ_WRITE;

    IoctlGeometry(Volume, &geometry);
    types->DeviceType = IsCdrom(Volume) ? FILE_DEVICE_CD_ROM : FILE_DEVICE_DISK;
    types->MediaInfoCount = 1;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.Cylinders = geometry.Cylinders;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.MediaType =
        IsCdrom(Volume) ? CD_ROM : (STORAGE_MEDIA_TYPE)geometry.MediaType;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.TracksPerCylinder = geometry.TracksPerCylinder;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.SectorsPerTrack = geometry.SectorsPerTrack;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.BytesPerSector = geometry.BytesPerSector;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.NumberMediaSides = 1;
    types->MediaInfo[0].DeviceSpecific.DiskInfo.MediaCharacteristics = MEDIA_CURRENTLY_MOUNTED | access;
    Call->Information = sizeof(*types);
    return STATUS_SUCCESS;
}

/* ---- IOCTL_STORAGE_QUERY_PROPERTY ---- */

typedef struct _DEVICE_ANSWER
{
    STORAGE_DEVICE_DESCRIPTOR Descriptor;
    CHAR Vendor[8];
    CHAR Product[8];
} DEVICE_ANSWER;

static ULONG
DescribeDevice(PVOLUME Volume, PVOID Answer)
{
    DEVICE_ANSWER *answer = Answer;

    answer->Descriptor.Version = sizeof(STORAGE_DEVICE_DESCRIPTOR);
    answer->Descriptor.Size = sizeof(*answer);
    answer->Descriptor.DeviceType = IsCdrom(Volume) ? PERIPHERAL_CDROM : PERIPHERAL_DIRECT_ACCESS;
    answer->Descriptor.CommandQueueing = TRUE;
    answer->Descriptor.VendorIdOffset = (ULONG)FIELD_OFFSET(DEVICE_ANSWER, Vendor);
    answer->Descriptor.ProductIdOffset = (ULONG)FIELD_OFFSET(DEVICE_ANSWER, Product);
    answer->Descriptor.BusType = (STORAGE_BUS_TYPE)BUS_TYPE_VIRTUAL;
    RtlCopyMemory(answer->Vendor, "Platter", sizeof("Platter"));
    RtlCopyMemory(answer->Product, "Volume", sizeof("Volume"));
    return sizeof(*answer);
}

static ULONG
DescribeAlignment(PVOLUME Volume, PVOID Answer)
{
    PSTORAGE_ACCESS_ALIGNMENT_DESCRIPTOR answer = Answer;
    ULONG physical = Volume->Shape.physical_sector_size;

    answer->Version = sizeof(*answer);
    answer->Size = sizeof(*answer);
    answer->BytesPerLogicalSector = Volume->Shape.sector_size;
    answer->BytesPerPhysicalSector = physical;
    /* Where in a physical sector of the imaged disk the volume's first byte lies. */
    answer->BytesOffsetForSectorAlignment = (ULONG)(Volume->Shape.partition_offset % physical);
    return sizeof(*answer);
}

static ULONG
DescribeSeekPenalty(PVOLUME Volume, PVOID Answer)
{
    PDEVICE_SEEK_PENALTY_DESCRIPTOR answer = Answer;

    UNREFERENCED_PARAMETER(Volume);
    answer->Version = sizeof(*answer);
    answer->Size = sizeof(*answer);
    answer->IncursSeekPenalty = FALSE; /* where the image lies is nothing the order of its blocks could better */
    return sizeof(*answer);
}

static ULONG
DescribeTrim(PVOLUME Volume, PVOID Answer)
{
    PDEVICE_TRIM_DESCRIPTOR answer = Answer;

    answer->Version = sizeof(*answer);
    answer->Size = sizeof(*answer);
    answer->TrimEnabled = (BOOLEAN)((Volume->Shape.flags & PLATTER_VOLUME_TRIM) != 0);
    return sizeof(*answer);
}

static const struct
{
    ULONG Property;
    ULONG (*Describe)(PVOLUME Volume, PVOID Answer); /* bytes, into zeroed memory */
} Properties[] = {
    {StorageDeviceProperty, DescribeDevice},
    {StorageAccessAlignmentProperty, DescribeAlignment},
    {StorageDeviceSeekPenaltyProperty, DescribeSeekPenalty},
    {StorageDeviceTrimProperty, DescribeTrim},
};

static NTSTATUS
AnswerProperty(PVOLUME Volume, PIOCTL_CALL Call)
{
    const STORAGE_PROPERTY_QUERY *query = Call->Buffer;
    ULONG property = (ULONG)query->PropertyId;
    ULONG type = (ULONG)query->QueryType;
    union
    {
        DEVICE_ANSWER Device;
        STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR Alignment;
        DEVICE_SEEK_PENALTY_DESCRIPTOR SeekPenalty;
        DEVICE_TRIM_DESCRIPTOR Trim;
    } answer;
    ULONG length;
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Properties) && Properties[i].Property != property; i++)
        ;
    if (i == RTL_NUMBER_OF(Properties) || (type != PropertyStandardQuery && type != PropertyExistsQuery))
        return STATUS_INVALID_DEVICE_REQUEST;
    if (type == PropertyExistsQuery)
        return STATUS_SUCCESS;
    if (Call->OutLength < sizeof(STORAGE_DESCRIPTOR_HEADER))
        return STATUS_INFO_LENGTH_MISMATCH;
    RtlZeroMemory(&answer, sizeof(answer));
    length = Properties[i].Describe(Volume, &answer);
    /* A caller with room for the header only learns the size, and comes back. */
    Call->Information = length < Call->OutLength ? length : Call->OutLength;
    RtlCopyMemory(Call->Buffer, &answer, Call->Information);
    return STATUS_SUCCESS;
}

/* ---- IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES: TRIM only ---- */

static NTSTATUS
AnswerTrim(PVOLUME Volume, PIOCTL_CALL Call)
{
    const DEVICE_MANAGE_DATA_SET_ATTRIBUTES *in = Call->Buffer;
    const DEVICE_DATA_SET_RANGE *ranges;
    ULONG count;
    ULONG i;

    if ((in->Action & 0x7fffffffu) != DSM_ACTION_TRIM || (Volume->Shape.flags & PLATTER_VOLUME_TRIM) == 0)
        return STATUS_INVALID_DEVICE_REQUEST;
    if ((Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0)
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (in->Size < sizeof(*in) || in->DataSetRangesOffset < sizeof(*in) || in->DataSetRangesOffset % 8u != 0 ||
        in->DataSetRangesOffset > Call->InLength ||
        in->DataSetRangesLength > Call->InLength - in->DataSetRangesOffset || in->DataSetRangesLength == 0 ||
        in->DataSetRangesLength % sizeof(DEVICE_DATA_SET_RANGE) != 0)
        return STATUS_INVALID_PARAMETER;
    ranges = RequestRanges(Call->Irp, &count);
    for (i = 0; i < count; i++)
    {
        if (ranges[i].LengthInBytes == 0 ||
            !NT_SUCCESS(RequestCheckRange(Volume, ranges[i].StartingOffset, ranges[i].LengthInBytes)))
            return STATUS_INVALID_PARAMETER;
    }
    return RequestQueue(Volume, Call->Irp);
}

static const IOCTL_ENTRY Entries[] = {
    {IOCTL_STORAGE_CHECK_VERIFY, IOCTL_FOR_ALL, 0, 0, IoctlAnswerCheckVerify},
    {IOCTL_STORAGE_CHECK_VERIFY2, IOCTL_FOR_ALL, 0, 0, IoctlAnswerCheckVerify},
    {IOCTL_STORAGE_GET_HOTPLUG_INFO, IOCTL_FOR_ALL, 0, sizeof(STORAGE_HOTPLUG_INFO), AnswerHotplug},
    {IOCTL_STORAGE_MEDIA_REMOVAL, IOCTL_FOR_ALL, sizeof(PREVENT_MEDIA_REMOVAL), 0, IoctlAnswerMediaRemoval},
    {IOCTL_STORAGE_EJECTION_CONTROL, IOCTL_FOR_ALL, sizeof(PREVENT_MEDIA_REMOVAL), 0, IoctlAnswerMediaRemoval},
    {IOCTL_STORAGE_EJECT_MEDIA, IOCTL_FOR_ALL, 0, 0, IoctlAnswerEject},
    {IOCTL_STORAGE_READ_CAPACITY, IOCTL_FOR_ALL, 0, sizeof(STORAGE_READ_CAPACITY), AnswerCapacity},
    {IOCTL_STORAGE_GET_MEDIA_TYPES, IOCTL_FOR_ALL, 0, sizeof(DISK_GEOMETRY), IoctlAnswerGeometry},
    {IOCTL_STORAGE_GET_MEDIA_TYPES_EX, IOCTL_FOR_ALL, 0, sizeof(GET_MEDIA_TYPES), AnswerMediaTypes},
    {IOCTL_STORAGE_QUERY_PROPERTY, IOCTL_FOR_ALL, FIELD_OFFSET(STORAGE_PROPERTY_QUERY, AdditionalParameters), 0,
     AnswerProperty},
    {IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, IOCTL_FOR_DISK, sizeof(DEVICE_MANAGE_DATA_SET_ATTRIBUTES), 0,
     AnswerTrim},
};

const IOCTL_TABLE IoctlStorage = {Entries, RTL_NUMBER_OF(Entries)};
