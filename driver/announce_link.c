/* SPDX-License-Identifier: MIT */
/*
 * No Mount Manager: the letter is a symbolic link of our own in the machine's directory of drive letters, seen by all
 * sessions. That is \GLOBAL??; Wine has but one directory and calls it \DosDevices. From a work item \DosDevices
 * would be the machine's too, but only the full name says so.
 */
#include "announce.h"
#include "text.h"
#include "trace.h"
#include "volume.h"

#define LINK_CHARS 16u

static const char *const Directories[] = {"\\GLOBAL??\\", "\\DosDevices\\"};

static BOOLEAN
IsNoDirectory(NTSTATUS Status)
{
    return (BOOLEAN)(Status == STATUS_OBJECT_PATH_NOT_FOUND || Status == STATUS_OBJECT_PATH_SYNTAX_BAD);
}

static UNICODE_STRING
LinkName(PTEXT Text, PWCHAR Buffer, const char *Directory, WCHAR Letter)
{
    TextInitialize(Text, Buffer, LINK_CHARS);
    TextAppendAscii(Text, Directory);
    TextAppendChar(Text, Letter);
    TextAppendChar(Text, ':');
    return TextString(Text);
}

static NTSTATUS
OpenLink(const char *Directory, WCHAR Letter, PHANDLE Link)
{
    WCHAR buffer[LINK_CHARS];
    TEXT text;
    UNICODE_STRING name = LinkName(&text, buffer, Directory, Letter);
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwOpenSymbolicLinkObject(Link, GENERIC_READ, &attributes);
}

NTSTATUS
LetterCheckFree(WCHAR Letter)
{
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Directories); i++)
    {
        HANDLE link;

        if (NT_SUCCESS(OpenLink(Directories[i], Letter, &link)))
        {
            ZwClose(link);
            return STATUS_OBJECT_NAME_COLLISION;
        }
    }
    return STATUS_SUCCESS;
}

static NTSTATUS
MakeLink(PVOLUME Volume, WCHAR Letter)
{
    NTSTATUS status = STATUS_OBJECT_PATH_NOT_FOUND;
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Directories) && IsNoDirectory(status); i++)
    {
        WCHAR buffer[LINK_CHARS];
        TEXT text;
        UNICODE_STRING name = LinkName(&text, buffer, Directories[i], Letter);

        status = IoCreateSymbolicLink(&name, &Volume->Name);
        /* Wine has both answers for a directory that is not there. */
        if (status == STATUS_OBJECT_NAME_NOT_FOUND)
            status = STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (NT_SUCCESS(status))
        VolumeSetLetter(Volume, Letter);
    return status;
}

static NTSTATUS
Give(PVOLUME Volume)
{
    NTSTATUS status = STATUS_OBJECT_NAME_COLLISION;
    WCHAR letter;

    if ((Volume->Shape.flags & PLATTER_VOLUME_NO_LETTER) != 0)
        return STATUS_SUCCESS;
    if (Volume->Shape.letter != 0)
        return MakeLink(Volume, (WCHAR)Volume->Shape.letter);
    for (letter = 'D'; letter <= 'Z' && status == STATUS_OBJECT_NAME_COLLISION; letter++)
    {
        status = LetterCheckFree(letter);
        if (NT_SUCCESS(status))
            status = MakeLink(Volume, letter);
    }
    return status == STATUS_OBJECT_NAME_COLLISION ? STATUS_NO_MORE_ENTRIES : status;
}

static NTSTATUS
Check(PVOLUME Volume, BOOLEAN TimedOut)
{
    UNREFERENCED_PARAMETER(Volume);
    UNREFERENCED_PARAMETER(TimedOut);
    return STATUS_SUCCESS;
}

/* Whether the link is there and still ours: somebody may have taken the letter away and given it to another. */
static BOOLEAN
IsOurs(PVOLUME Volume, const char *Directory, WCHAR Letter)
{
    WCHAR buffer[PLATTER_DEVICE_NAME_CHARS];
    UNICODE_STRING target;
    HANDLE link;
    NTSTATUS status = OpenLink(Directory, Letter, &link);

    if (!NT_SUCCESS(status))
        return FALSE;
    target.Buffer = buffer;
    target.Length = 0;
    target.MaximumLength = sizeof(buffer);
    status = ZwQuerySymbolicLinkObject(link, &target, NULL);
    ZwClose(link);
    return (BOOLEAN)(NT_SUCCESS(status) && RtlEqualUnicodeString(&target, &Volume->Name, TRUE));
}

BOOLEAN
LetterIsOurs(PVOLUME Volume, WCHAR Letter)
{
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(Directories); i++)
    {
        if (IsOurs(Volume, Directories[i], Letter))
            return TRUE;
    }
    return FALSE;
}

static void
Take(PVOLUME Volume)
{
    WCHAR letter = VolumeLetter(Volume);
    ULONG i;

    if (letter == 0)
        return;
    for (i = 0; i < RTL_NUMBER_OF(Directories); i++)
    {
        WCHAR buffer[LINK_CHARS];
        TEXT text;
        UNICODE_STRING name = LinkName(&text, buffer, Directories[i], letter);

        if (IsOurs(Volume, Directories[i], letter))
        {
            NTSTATUS status = IoDeleteSymbolicLink(&name);

            TRACE_INFO("volume %u: letter %u taken back, %08x\n", (ULONG)Volume->Id, letter, (ULONG)status);
        }
    }
    VolumeSetLetter(Volume, 0);
}

const ANNOUNCER AnnouncerLink = {PLATTER_ROUTE_LINK, Give, Check, Take, 0};
