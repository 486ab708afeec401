/* SPDX-License-Identifier: MIT */
/*
 * The Mount Manager hears of the volume by its device interface and asks it for the letter it would like
 * (mountdev.c). Where that does not give the asked letter (NoAutoMount, a letter remembered for this unique id), it is
 * told outright.
 */
#include "announce.h"
#include "mountmgr.h"
#include "trace.h"
#include "volume.h"

/* ReactOS asks inside the call that enables the interface, Windows a little later in a thread of its own. */
#define LETTER_GRACE_MS 3000u

static NTSTATUS
Check(PVOLUME Volume, BOOLEAN TimedOut)
{
    WCHAR asked = (WCHAR)Volume->Shape.letter;
    WCHAR letter = VolumeLetter(Volume);

    if ((Volume->Shape.flags & PLATTER_VOLUME_NO_LETTER) != 0 || (letter != 0 && (asked == 0 || asked == letter)))
        return STATUS_SUCCESS;
    if (letter == 0 && !TimedOut)
        return STATUS_PENDING;
    TRACE_INFO("volume %u: asked for letter %u, got %u\n", (ULONG)Volume->Id, asked, letter);
    ExplicitDropLetter(Volume); /* a volume has at most one */
    return ExplicitLetter(Volume);
}

static NTSTATUS
Give(PVOLUME Volume)
{
    NTSTATUS status = AnnounceInterface(Volume, TRUE);

    return NT_SUCCESS(status) ? Check(Volume, FALSE) : status;
}

static void
Take(PVOLUME Volume)
{
    /* The Mount Manager takes the names away with the interface, but remembers them for the unique id. */
    if ((Volume->Shape.flags & PLATTER_VOLUME_STABLE_ID) == 0 && Volume->InterfaceOn)
        MountMgrForget(&Volume->Name, Volume->MountId, sizeof(Volume->MountId));
}

const ANNOUNCER AnnouncerPnp = {PLATTER_ROUTE_PNP, Give, Check, Take, LETTER_GRACE_MS};
