/* SPDX-License-Identifier: MIT */
/*
 * What the Mount Manager asks of a volume. It asks while it holds its own lock, from inside calls of ours and others:
 * everything is answered at once from what is known, nothing is waited for.
 *
 * Names come in two steps: a caller with room for the fixed part alone gets the length and STATUS_BUFFER_OVERFLOW, and
 * asks again. Source: the pages of the IOCTL_MOUNTDEV_ codes, WDK.
 */
#include "ioctl.h"
#include "text.h"
#include "trace.h"
#include "volume.h"

/* Since Vista these two demand access; before, they did not. A Mount Manager tries the new form, then the old. */
#define CODE_LINK_CREATED CTL_CODE(MOUNTDEVCONTROLTYPE, 4, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
#define CODE_LINK_DELETED CTL_CODE(MOUNTDEVCONTROLTYPE, 5, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
#define CODE_LINK_CREATED_OLD CTL_CODE(MOUNTDEVCONTROLTYPE, 4, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define CODE_LINK_DELETED_OLD CTL_CODE(MOUNTDEVCONTROLTYPE, 5, METHOD_BUFFERED, FILE_ANY_ACCESS)

#define LETTER_INDEX 12u /* of X in \DosDevices\X: */
#define LETTER_CHARS 14u

static NTSTATUS
AnswerDeviceName(PVOLUME Volume, PIOCTL_CALL Call)
{
    PMOUNTDEV_NAME name = Call->Buffer;
    ULONG bytes = (ULONG)FIELD_OFFSET(MOUNTDEV_NAME, Name) + Volume->Name.Length;

    name->NameLength = Volume->Name.Length;
    if (Call->OutLength < bytes)
    {
        Call->Information = sizeof(*name);
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlCopyMemory(name->Name, Volume->Name.Buffer, Volume->Name.Length);
    Call->Information = bytes;
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerUniqueId(PVOLUME Volume, PIOCTL_CALL Call)
{
    PMOUNTDEV_UNIQUE_ID id = Call->Buffer;
    ULONG bytes = (ULONG)FIELD_OFFSET(MOUNTDEV_UNIQUE_ID, UniqueId) + (ULONG)sizeof(Volume->MountId);

    id->UniqueIdLength = sizeof(Volume->MountId);
    if (Call->OutLength < bytes)
    {
        Call->Information = sizeof(*id);
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlCopyMemory(id->UniqueId, Volume->MountId, sizeof(Volume->MountId));
    Call->Information = bytes;
    return STATUS_SUCCESS;
}

/* The volume's GUID name stays the same from mount to mount if its id does. */
static NTSTATUS
AnswerStableGuid(PVOLUME Volume, PIOCTL_CALL Call)
{
    PMOUNTDEV_STABLE_GUID guid = Call->Buffer;

    if ((Volume->Shape.flags & PLATTER_VOLUME_STABLE_ID) == 0)
        return STATUS_INVALID_DEVICE_REQUEST;
    RtlCopyMemory(&guid->StableGuid, Volume->Shape.unique_id, sizeof(guid->StableGuid));
    Call->Information = sizeof(*guid);
    return STATUS_SUCCESS;
}

static NTSTATUS
AnswerSuggestedLink(PVOLUME Volume, PIOCTL_CALL Call)
{
    PMOUNTDEV_SUGGESTED_LINK_NAME suggested = Call->Buffer;
    WCHAR buffer[TEXT_LETTER_LINK_CHARS];
    UNICODE_STRING link;
    ULONG bytes;

    if (Volume->Shape.letter == 0)
        return STATUS_NOT_FOUND;
    link = TextLetterLink(buffer, (WCHAR)Volume->Shape.letter);
    bytes = (ULONG)FIELD_OFFSET(MOUNTDEV_SUGGESTED_LINK_NAME, Name) + link.Length;
    /* Its letter of an earlier mount must not win over the one that is asked now. */
    suggested->UseOnlyIfThereAreNoOtherLinks = FALSE;
    suggested->NameLength = link.Length;
    if (Call->OutLength < bytes)
    {
        Call->Information = sizeof(*suggested);
        return STATUS_BUFFER_OVERFLOW;
    }
    RtlCopyMemory(suggested->Name, buffer, suggested->NameLength);
    Call->Information = bytes;
    return STATUS_SUCCESS;
}

/* X of \DosDevices\X:, or 0. */
static WCHAR
LetterOf(const MOUNTDEV_NAME *Name)
{
    UNICODE_STRING prefix = RTL_CONSTANT_STRING(L"\\DosDevices\\");

    if (Name->NameLength != LETTER_CHARS * sizeof(WCHAR) || Name->Name[LETTER_INDEX + 1] != ':' ||
        RtlCompareMemory(Name->Name, prefix.Buffer, prefix.Length) != prefix.Length)
        return 0;
    return Name->Name[LETTER_INDEX] >= 'A' && Name->Name[LETTER_INDEX] <= 'Z' ? Name->Name[LETTER_INDEX] : 0;
}

/*
 * Only the Mount Manager, which is in the kernel, says which letter a volume has: everybody may open the volume to ask of
 * it, and the old forms of these codes want no access.
 */
static NTSTATUS
CheckNews(const IOCTL_CALL *Call)
{
    const MOUNTDEV_NAME *name = Call->Buffer;

    if (Call->Irp->RequestorMode != KernelMode)
        return STATUS_ACCESS_DENIED;
    return name->NameLength <= Call->InLength - (ULONG)FIELD_OFFSET(MOUNTDEV_NAME, Name) ? STATUS_SUCCESS
                                                                                         : STATUS_INVALID_PARAMETER;
}

static NTSTATUS
LinkCreated(PVOLUME Volume, PIOCTL_CALL Call)
{
    const MOUNTDEV_NAME *name = Call->Buffer;
    NTSTATUS status = CheckNews(Call);
    WCHAR letter;
    KIRQL irql;

    if (!NT_SUCCESS(status))
        return status;
    letter = LetterOf(name);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (letter != 0)
        Volume->Letter = letter;
    KeReleaseSpinLock(&Platter.Lock, irql);
    TRACE_INFO("volume %u: link created, letter %u\n", (ULONG)Volume->Id, letter);
    if (letter != 0)
        VolumeQueueWork(Volume, VOLUME_WORK_ANNOUNCE);
    return STATUS_SUCCESS;
}

static NTSTATUS
LinkDeleted(PVOLUME Volume, PIOCTL_CALL Call)
{
    const MOUNTDEV_NAME *name = Call->Buffer;
    NTSTATUS status = CheckNews(Call);
    WCHAR letter;
    KIRQL irql;

    if (!NT_SUCCESS(status))
        return status;
    letter = LetterOf(name);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    if (letter != 0 && Volume->Letter == letter)
        Volume->Letter = 0;
    KeReleaseSpinLock(&Platter.Lock, irql);
    TRACE_INFO("volume %u: link deleted, letter %u\n", (ULONG)Volume->Id, letter);
    return STATUS_SUCCESS;
}

static const IOCTL_ENTRY Entries[] = {
    {IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, IOCTL_FOR_ALL, 0, sizeof(MOUNTDEV_NAME), AnswerDeviceName},
    {IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, IOCTL_FOR_ALL, 0, sizeof(MOUNTDEV_UNIQUE_ID), AnswerUniqueId},
    {IOCTL_MOUNTDEV_QUERY_STABLE_GUID, IOCTL_FOR_ALL, 0, sizeof(MOUNTDEV_STABLE_GUID), AnswerStableGuid},
    {IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, IOCTL_FOR_ALL, 0, sizeof(MOUNTDEV_SUGGESTED_LINK_NAME),
     AnswerSuggestedLink},
    {CODE_LINK_CREATED, IOCTL_FOR_ALL, sizeof(MOUNTDEV_NAME), 0, LinkCreated},
    {CODE_LINK_CREATED_OLD, IOCTL_FOR_ALL, sizeof(MOUNTDEV_NAME), 0, LinkCreated},
    {CODE_LINK_DELETED, IOCTL_FOR_ALL, sizeof(MOUNTDEV_NAME), 0, LinkDeleted},
    {CODE_LINK_DELETED_OLD, IOCTL_FOR_ALL, sizeof(MOUNTDEV_NAME), 0, LinkDeleted},
};

const IOCTL_TABLE IoctlMountdev = {Entries, RTL_NUMBER_OF(Entries)};
