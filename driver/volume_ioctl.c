/* SPDX-License-Identifier: MIT */
/*
 * The family IOCTL_VOLUME_*. IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS is not in the table: there is no disk to name.
 * Source of each answer's form: ntddvol.h and its pages, WDK.
 */
#include "ioctl.h"
#include "volume.h"

/* Not in every ntddvol.h. Source: ntddvol.h of the WDK for Vista. */
#define CODE_VOLUME_IS_DYNAMIC CTL_CODE(IOCTL_VOLUME_BASE, 18, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define CODE_VOLUME_POST_ONLINE CTL_CODE(IOCTL_VOLUME_BASE, 25, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/* PARTITION_INFORMATION_GPT.Attributes, WDK. */
#define ATTRIBUTE_READ_ONLY 0x1000000000000000u
#define ATTRIBUTE_NO_DRIVE_LETTER 0x8000000000000000u

static NTSTATUS
AnswerAttributes(PVOLUME Volume, PIOCTL_CALL Call)
{
    PVOLUME_GET_GPT_ATTRIBUTES_INFORMATION info = Call->Buffer;

    /* The entry's own "no letter" is not passed on: who mounts the partition says whether it gets one. */
    info->GptAttributes = Volume->Shape.gpt_attributes & ~ATTRIBUTE_NO_DRIVE_LETTER;
    if ((Volume->Shape.flags & PLATTER_VOLUME_READ_ONLY) != 0)
        info->GptAttributes |= ATTRIBUTE_READ_ONLY;
    if ((Volume->Shape.flags & PLATTER_VOLUME_NO_LETTER) != 0)
        info->GptAttributes |= ATTRIBUTE_NO_DRIVE_LETTER;
    Call->Information = sizeof(*info);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerDynamic(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Volume);
    *(PBOOLEAN)Call->Buffer = FALSE;
    Call->Information = sizeof(BOOLEAN);
    return STATUS_SUCCESS;
}

/* Answered by the status alone, as the next. */
static NTSTATUS
AnswerNo(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Volume);
    UNREFERENCED_PARAMETER(Call);
    return STATUS_UNSUCCESSFUL;
}

static NTSTATUS
AnswerIsPartition(PVOLUME Volume, PIOCTL_CALL Call)
{
    UNREFERENCED_PARAMETER(Call);
    return Volume->Shape.partition_style != PLATTER_STYLE_NONE ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static const IOCTL_ENTRY Entries[] = {
    {IOCTL_VOLUME_ONLINE, IOCTL_FOR_ALL, 0, 0, NULL}, /* it is, for as long as it is there */
    {CODE_VOLUME_POST_ONLINE, IOCTL_FOR_ALL, 0, 0, NULL},
    /* Who is told that it can be taken offline dismounts it first (mountvol /P), to find that OFFLINE is refused. */
    {IOCTL_VOLUME_SUPPORTS_ONLINE_OFFLINE, IOCTL_FOR_ALL, 0, 0, AnswerNo},
    {IOCTL_VOLUME_IS_OFFLINE, IOCTL_FOR_ALL, 0, 0, AnswerNo},
    {IOCTL_VOLUME_IS_IO_CAPABLE, IOCTL_FOR_ALL, 0, 0, NULL},
    {IOCTL_VOLUME_IS_PARTITION, IOCTL_FOR_ALL, 0, 0, AnswerIsPartition},
    {IOCTL_VOLUME_GET_GPT_ATTRIBUTES, IOCTL_FOR_ALL, 0, sizeof(VOLUME_GET_GPT_ATTRIBUTES_INFORMATION),
     AnswerAttributes},
    {CODE_VOLUME_IS_DYNAMIC, IOCTL_FOR_ALL, 0, sizeof(BOOLEAN), AnswerDynamic},
};

const IOCTL_TABLE IoctlVolume = {Entries, RTL_NUMBER_OF(Entries)};
