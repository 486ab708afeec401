/* SPDX-License-Identifier: MIT */
/*
 * Who may open what is behind a device's name: the I/O manager's part (IopParseDevice), and as much of two file systems
 * as decides whether a file is opened and changed.
 *
 * The I/O manager's rules, and where they are written:
 * - the device itself: its descriptor, the access that is asked for ("SeAccessCheck", WDK; IopParseDevice of ReactOS,
 *   ntoskrnl/io/iomgr/file.c)
 * - a name below it, with FILE_DEVICE_SECURE_OPEN: the same ("Controlling Device Namespace Access", WDK)
 * - a name below it, without: FILE_TRAVERSE, for disks and CD-ROMs also of those who may pass through all folders (same
 *   function of ReactOS; on it rests the security policy "Devices: Restrict CD-ROM access to locally logged-on user")
 * - of how the file is to be opened, the disposition, it takes no notice
 */
#include "internal.h"
#include <ntsim/observe.h>

NTSTATUS SimOpenCheck(PSIM_OBJECT Device, const char *Rest, PSIM_TOKEN Token, ACCESS_MASK Access, ACCESS_MASK *Granted)
{
    const DEVICE_OBJECT *device = Device->Body;
    ACCESS_MASK traverse;
    NTSTATUS status;

    if (!Token)
        return STATUS_BAD_IMPERSONATION_LEVEL;
    if (!Rest[0] || (device->Characteristics & FILE_DEVICE_SECURE_OPEN))
        return SimAccessCheck(Device->Security, Token, Access, &SimFileMapping, Granted);
    if (device->DeviceType == FILE_DEVICE_DISK || device->DeviceType == FILE_DEVICE_CD_ROM) {
        status = SimAccessCheck(Device->Security, Token, FILE_TRAVERSE, &SimFileMapping, &traverse);
        if (!NT_SUCCESS(status))
            return status;
    }
    return SimAccessCheck(NULL, NULL, Access, &SimFileMapping, Granted);
}

/* Creates or empties, whatever access it is opened with. */
static BOOLEAN Writes(ULONG disposition)
{
    return disposition != FILE_OPEN && disposition != FILE_OPEN_IF;
}

/*
 * FASTFAT (Windows-driver-samples, filesys/fastfat: FatCheckFileAccess, FatOpenExistingFile) looks at attributes of the
 * file and of the medium, not at who asks, and does what the disposition says. exFAT and UDF have no access lists either.
 */
static NTSTATUS FatOpen(ACCESS_MASK granted, ULONG disposition, BOOLEAN *changed)
{
    *changed = Writes(disposition) || (granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    return STATUS_SUCCESS;
}

/* NTFS holds the file's own list against the access, and against what the disposition does: "NtCreateFile", WDK. */
static NTSTATUS NtfsOpen(PSIM_TOKEN token, SIM_USER owner, ACCESS_MASK granted, ULONG disposition, BOOLEAN *changed)
{
    PSIM_TOKEN mine = SimTokenCreate(owner);
    ACCESS_MASK want = granted;
    BOOLEAN may;

    want |= disposition == FILE_SUPERSEDE ? DELETE : Writes(disposition) ? FILE_WRITE_DATA : 0;
    may = RtlEqualSid(token->User, mine->User);
    free(mine);
    *changed = may && (want & (FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE)) != 0;
    return may ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

NTSTATUS SimFileSystemOpen(PSIM_PROCESS Process, const char *Path, SIM_FILE_SYSTEM FileSystem, SIM_USER FileOwner,
                           ACCESS_MASK Access, ULONG Disposition, BOOLEAN *Changed)
{
    PSIM_OBJECT device;
    ACCESS_MASK granted;
    char rest[300];
    NTSTATUS status = SimObLookup(Process, Path, FALSE, &device, rest, sizeof(rest));

    *Changed = FALSE;
    if (!NT_SUCCESS(status))
        return status;
    if (device->Type != SimTypeDevice || !rest[0])
        SimBug("%s is no file of a volume", Path);
    status = SimOpenCheck(device, rest, SimEffectiveToken(Process), Access, &granted);
    if (!NT_SUCCESS(status))
        return status;
    return FileSystem == SimFileSystemFat
               ? FatOpen(granted, Disposition, Changed)
               : NtfsOpen(SimEffectiveToken(Process), FileOwner, granted, Disposition, Changed);
}
