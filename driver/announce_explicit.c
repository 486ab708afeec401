/* SPDX-License-Identifier: MIT */
/* The Mount Manager is told of the volume by an ioctl, since no PnP device stands for it, and asked for the letter. */
#include "announce.h"
#include "mounted_devices.h"
#include "mountmgr.h"
#include "text.h"
#include "volume.h"

static BOOLEAN
AnyLetterIsFree(void)
{
    WCHAR letter;

    for (letter = 'C'; letter <= 'Z'; letter++)
    {
        if (NT_SUCCESS(LetterCheckFree(letter)))
            return TRUE;
    }
    return FALSE;
}

NTSTATUS
ExplicitLetter(PVOLUME Volume)
{
    WCHAR letter = (WCHAR)Volume->Shape.letter;
    NTSTATUS status;

    VolumeSetRoute(Volume, PLATTER_ROUTE_EXPLICIT);
    if (letter != 0)
    {
        status = MountMgrCreateLetter(&Volume->Name, letter);
        /* It may have it: disabled and enabled faster than the Mount Manager heard of it, the volume keeps its link. */
        if (!NT_SUCCESS(status) && LetterIsOurs(Volume, letter))
            status = STATUS_SUCCESS;
    }
    else
    {
        status = MountMgrNextLetter(&Volume->Name, &letter);
    }
    if (!NT_SUCCESS(status))
        return status;
    /* LINK_CREATED has told already; this is for a Mount Manager that does not send it for its own answers. */
    if (VolumeLetter(Volume) == 0)
        VolumeSetLetter(Volume, letter);
    /* None although there are some: the user has taken the letter of this stable id away (`mountvol X: /D`). */
    if (VolumeLetter(Volume) == 0)
        return AnyLetterIsFree() ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
    if (Volume->Shape.letter != 0 && VolumeLetter(Volume) != Volume->Shape.letter)
        return STATUS_OBJECT_NAME_COLLISION;
    return STATUS_SUCCESS;
}

void
ExplicitDropLetter(PVOLUME Volume)
{
    WCHAR letter = VolumeLetter(Volume);
    WCHAR buffer[TEXT_LETTER_LINK_CHARS];
    UNICODE_STRING name;

    if (letter == 0)
        return;
    if (LetterIsOurs(Volume, letter))
    {
        name = TextLetterLink(buffer, letter);
        MountMgrDeleteLink(&name);
    }
    VolumeSetLetter(Volume, 0);
}

static NTSTATUS
Check(PVOLUME Volume, BOOLEAN TimedOut)
{
    WCHAR letter = VolumeLetter(Volume);

    UNREFERENCED_PARAMETER(TimedOut);
    if ((Volume->Shape.flags & PLATTER_VOLUME_NO_LETTER) != 0)
        return STATUS_SUCCESS;
    if (letter != 0 && (Volume->Shape.letter == 0 || Volume->Shape.letter == letter))
        return STATUS_SUCCESS;
    ExplicitDropLetter(Volume); /* a volume has at most one */
    return ExplicitLetter(Volume);
}

static NTSTATUS
Give(PVOLUME Volume)
{
    NTSTATUS status = MountMgrAnnounce(&Volume->Name);

    return NT_SUCCESS(status) ? Check(Volume, TRUE) : status;
}

/* Nobody else tells the Mount Manager that this device goes, so all of its names are taken back, from its store too. */
static void
Take(PVOLUME Volume)
{
    WCHAR letter = VolumeLetter(Volume);

    MountMgrForget(&Volume->Name, Volume->MountId, sizeof(Volume->MountId));
    if (letter != 0 && (Volume->Shape.flags & PLATTER_VOLUME_STABLE_ID) != 0)
        MountedDevicesRemember(letter, Volume->MountId, sizeof(Volume->MountId));
    VolumeSetLetter(Volume, 0);
}

const ANNOUNCER AnnouncerExplicit = {PLATTER_ROUTE_EXPLICIT, Give, Check, Take, 0};
