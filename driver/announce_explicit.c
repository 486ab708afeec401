/* SPDX-License-Identifier: MIT */
/* The Mount Manager is told of the volume by an ioctl, since no PnP device stands for it, and asked for the letter. */
#include "announce.h"
#include "mountmgr.h"
#include "text.h"
#include "volume.h"

#define LINK_CHARS 16u

NTSTATUS
ExplicitLetter(PVOLUME Volume)
{
    WCHAR letter = (WCHAR)Volume->Shape.letter;
    NTSTATUS status;

    VolumeSetRoute(Volume, PLATTER_ROUTE_EXPLICIT);
    if (letter != 0)
        status = MountMgrCreateLetter(&Volume->Name, letter);
    else
        status = MountMgrNextLetter(&Volume->Name, &letter);
    if (!NT_SUCCESS(status))
        return status;
    /* LINK_CREATED has told already; this is for a Mount Manager that does not send it for its own answers. */
    if (VolumeLetter(Volume) == 0)
        VolumeSetLetter(Volume, letter);
    if (VolumeLetter(Volume) == 0)
        return STATUS_NO_MORE_ENTRIES;
    if (Volume->Shape.letter != 0 && VolumeLetter(Volume) != Volume->Shape.letter)
        return STATUS_OBJECT_NAME_COLLISION;
    return STATUS_SUCCESS;
}

void
ExplicitForget(PVOLUME Volume)
{
    WCHAR letter = VolumeLetter(Volume);
    WCHAR buffer[LINK_CHARS];
    UNICODE_STRING name;
    TEXT link;

    if (letter != 0)
    {
        TextInitialize(&link, buffer, LINK_CHARS);
        TextAppendAscii(&link, "\\DosDevices\\");
        TextAppendChar(&link, letter);
        TextAppendChar(&link, ':');
        name = TextString(&link);
        MountMgrDeleteLink(&name);
        VolumeSetLetter(Volume, 0);
    }
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
    if (letter != 0)
        ExplicitForget(Volume);
    return ExplicitLetter(Volume);
}

static NTSTATUS
Give(PVOLUME Volume)
{
    NTSTATUS status = MountMgrAnnounce(&Volume->Name);

    return NT_SUCCESS(status) ? Check(Volume, TRUE) : status;
}

/* Nobody else tells the Mount Manager that this device goes, so all of its names are taken back. */
static void
Take(PVOLUME Volume)
{
    UNICODE_STRING name;

    ExplicitForget(Volume);
    if (Volume->VolumeName[0] != 0)
    {
        RtlInitUnicodeString(&name, Volume->VolumeName);
        MountMgrDeleteLink(&name);
    }
}

const ANNOUNCER AnnouncerExplicit = {PLATTER_ROUTE_EXPLICIT, Give, Check, Take, 0};
