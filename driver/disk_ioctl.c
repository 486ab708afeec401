/* SPDX-License-Identifier: MIT */
/* The family IOCTL_DISK_*. Source of each answer's form: ntdddisk.h and its pages, WDK. */
#include "ioctl.h"
#include "request.h"
#include "volume.h"

/* What a BIOS would make up for any disk today, and Windows says of every one. */
#define SECTORS_PER_TRACK 63u
#define TRACKS_PER_CYLINDER 255u

void
IoctlGeometry(PVOLUME Volume, PDISK_GEOMETRY Geometry)
{
    ULONGLONG sectors = Volume->Shape.length_bytes / Volume->Shape.sector_size;

    /* Of a CD drive Windows says RemovableMedia, and programs that look for one ask for that. */
    Geometry->MediaType = (Volume->Shape.flags & PLATTER_VOLUME_CDROM) != 0 ? RemovableMedia : FixedMedia;
    Geometry->BytesPerSector = Volume->Shape.sector_size;
    Geometry->SectorsPerTrack = SECTORS_PER_TRACK;
    Geometry->TracksPerCylinder = TRACKS_PER_CYLINDER;
    Geometry->Cylinders.QuadPart = (LONGLONG)(sectors / (SECTORS_PER_TRACK * TRACKS_PER_CYLINDER));
    /* A volume smaller than a cylinder in units that multiply to at most its size. */
    if (Geometry->Cylinders.QuadPart == 0)
    {
        Geometry->Cylinders.QuadPart = (LONGLONG)sectors;
        Geometry->SectorsPerTrack = 1;
        Geometry->TracksPerCylinder = 1;
    }
}

NTSTATUS
IoctlAnswerGeometry(PVOLUME Volume, PIOCTL_CALL Call)
{
    IoctlGeometry(Volume, Call->Buffer);
    Call->Information = sizeof(DISK_GEOMETRY);
    return STATUS_SUCCESS;
}

NTSTATUS
IoctlAnswerGeometryEx(PVOLUME Volume, PIOCTL_CALL Call)
{
    PDISK_GEOMETRY_EX geometry = Call->Buffer;

    IoctlGeometry(Volume, &geometry->Geometry);
    geometry->DiskSize.QuadPart = (LONGLONG)Volume->Shape.length_bytes;
    Call->Information = (ULONG_PTR)FIELD_OFFSET(DISK_GEOMETRY_EX, Data); /* no disk, so no more to say of it */
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerLength(PVOLUME Volume, PIOCTL_CALL Call)
{
    PGET_LENGTH_INFORMATION length = Call->Buffer;

    length->Length.QuadPart = (LONGLONG)Volume->Shape.length_bytes;
    Call->Information = sizeof(*length);
    return STATUS_SUCCESS;
}

/*
 * An image without a partition table has no type. File systems of the NT 5 kind want one before they look, and get
 * what NT itself says of such a disk: one recognised partition that is the whole.
 */
static UCHAR
PartitionType(PVOLUME Volume)
{
    return Volume->Shape.partition_style == PLATTER_STYLE_MBR ? (UCHAR)Volume->Shape.mbr_type : PARTITION_HUGE;
}

static NTSTATUS
AnswerPartition(PVOLUME Volume, PIOCTL_CALL Call)
{
    PPARTITION_INFORMATION partition = Call->Buffer;

    if (Volume->Shape.partition_style == PLATTER_STYLE_GPT) /* has no place for a GUID */
        return STATUS_INVALID_DEVICE_REQUEST;
    partition->StartingOffset.QuadPart = (LONGLONG)Volume->Shape.partition_offset;
    partition->PartitionLength.QuadPart = (LONGLONG)Volume->Shape.length_bytes;
    partition->HiddenSectors = (ULONG)(Volume->Shape.partition_offset / Volume->Shape.sector_size);
    partition->PartitionNumber = Volume->Shape.partition_number;
    partition->PartitionType = PartitionType(Volume);
    partition->BootIndicator = (BOOLEAN)(Volume->Shape.mbr_boot_indicator != 0);
    partition->RecognizedPartition = TRUE;
    Call->Information = sizeof(*partition);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerPartitionEx(PVOLUME Volume, PIOCTL_CALL Call)
{
    PPARTITION_INFORMATION_EX partition = Call->Buffer;

    partition->StartingOffset.QuadPart = (LONGLONG)Volume->Shape.partition_offset;
    partition->PartitionLength.QuadPart = (LONGLONG)Volume->Shape.length_bytes;
    partition->PartitionNumber = Volume->Shape.partition_number;
    if (Volume->Shape.partition_style == PLATTER_STYLE_GPT)
    {
        partition->PartitionStyle = PARTITION_STYLE_GPT;
        RtlCopyMemory(&partition->Gpt.PartitionType, Volume->Shape.gpt_type, sizeof(GUID));
        RtlCopyMemory(&partition->Gpt.PartitionId, Volume->Shape.gpt_partition_id, sizeof(GUID));
        partition->Gpt.Attributes = Volume->Shape.gpt_attributes;
        RtlCopyMemory(partition->Gpt.Name, Volume->Shape.gpt_name, sizeof(Volume->Shape.gpt_name));
    }
    else
    {
        partition->PartitionStyle = PARTITION_STYLE_MBR;
        partition->Mbr.PartitionType = PartitionType(Volume);
        partition->Mbr.BootIndicator = (BOOLEAN)(Volume->Shape.mbr_boot_indicator != 0);
        partition->Mbr.RecognizedPartition = TRUE;
        partition->Mbr.HiddenSectors = (ULONG)(Volume->Shape.partition_offset / Volume->Shape.sector_size);
    }
    Call->Information = sizeof(*partition);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerWritable(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Call);
    return (Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0 ? STATUS_MEDIA_WRITE_PROTECTED : STATUS_SUCCESS;
}

/* The medium is there and never changes; whoever has room for the count of changes gets 0. */
NTSTATUS
IoctlAnswerCheckVerify(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Volume);
    if (Call->OutLength >= sizeof(ULONG))
    {
        RtlZeroMemory(Call->Buffer, sizeof(ULONG));
        Call->Information = sizeof(ULONG);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerVerify(PVOLUME Volume, PIOCTL_CALL Call)
{
    const VERIFY_INFORMATION *verify = Call->Buffer;
    NTSTATUS status = RequestCheckRange(Volume, verify->StartingOffset.QuadPart, verify->Length);

    if (!NT_SUCCESS(status) || verify->Length == 0)
        return status;
    return RequestQueue(Volume, Call->Irp); /* read by the provider, and the bytes dropped */
}

static const IOCTL_ENTRY Entries[] = {
    {IOCTL_DISK_GET_DRIVE_GEOMETRY, IOCTL_FOR_ALL, 0, sizeof(DISK_GEOMETRY), IoctlAnswerGeometry},
    {IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, IOCTL_FOR_ALL, 0, FIELD_OFFSET(DISK_GEOMETRY_EX, Data), IoctlAnswerGeometryEx},
    {IOCTL_DISK_GET_MEDIA_TYPES, IOCTL_FOR_ALL, 0, sizeof(DISK_GEOMETRY), IoctlAnswerGeometry},
    {IOCTL_DISK_GET_LENGTH_INFO, IOCTL_FOR_ALL, 0, sizeof(GET_LENGTH_INFORMATION), AnswerLength},
    {IOCTL_DISK_GET_PARTITION_INFO, IOCTL_FOR_DISK, 0, sizeof(PARTITION_INFORMATION), AnswerPartition},
    {IOCTL_DISK_GET_PARTITION_INFO_EX, IOCTL_FOR_DISK, 0, sizeof(PARTITION_INFORMATION_EX), AnswerPartitionEx},
    {IOCTL_DISK_IS_WRITABLE, IOCTL_FOR_ALL, 0, 0, AnswerWritable},
    {IOCTL_DISK_CHECK_VERIFY, IOCTL_FOR_ALL, 0, 0, IoctlAnswerCheckVerify},
    {IOCTL_DISK_VERIFY, IOCTL_FOR_ALL, sizeof(VERIFY_INFORMATION), 0, AnswerVerify},
    {IOCTL_DISK_MEDIA_REMOVAL, IOCTL_FOR_ALL, sizeof(PREVENT_MEDIA_REMOVAL), 0, IoctlAnswerMediaRemoval},
    {IOCTL_DISK_EJECT_MEDIA, IOCTL_FOR_ALL, 0, 0, IoctlAnswerEject},
    {IOCTL_DISK_UPDATE_PROPERTIES, IOCTL_FOR_ALL, 0, 0, NULL}, /* nothing is remembered that could be out of date */
};

const IOCTL_TABLE IoctlDisk = {Entries, RTL_NUMBER_OF(Entries)};
