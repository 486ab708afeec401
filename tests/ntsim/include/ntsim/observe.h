/* SPDX-License-Identifier: MIT */
/* What a test looks at to see that nothing has been left, and what it puts above a volume. */
#ifndef NTSIM_OBSERVE_H
#define NTSIM_OBSERVE_H

#include <ntsim/ntsim.h>

/*
 * The machine as text, to be compared and freed: every name of the object manager, every registry value, the Mount
 * Manager's volumes, interfaces, devices, and the driver's pool blocks.
 */
char *SimSnapshot(VOID);

/* The VPB of a volume as a file system leaves it: VPB_MOUNTED, VPB_LOCKED; 0: none is mounted. */
VOID SimVolumeFileSystem(PDEVICE_OBJECT Device, USHORT Flags);
/* How many files are open on it, for which it refuses to let the device go. */
VOID SimVolumeFiles(PDEVICE_OBJECT Device, ULONG Count);

/*
 * What becomes of a program's open of a file on a volume that a file system has mounted: the I/O manager's check, then the
 * file system's. Its one file belongs to FileOwner and lets nobody else in, where the file system knows access lists.
 * Disposition: FILE_OPEN ... of NtCreateFile. Changed: the file's contents can be, or are by the open itself.
 */
typedef enum _SIM_FILE_SYSTEM { SimFileSystemFat, SimFileSystemNtfs } SIM_FILE_SYSTEM;
NTSTATUS SimFileSystemOpen(PSIM_PROCESS Process, const char *Path, SIM_FILE_SYSTEM FileSystem, SIM_USER FileOwner,
                           ACCESS_MASK Access, ULONG Disposition, BOOLEAN *Changed);

/* Friendly name of a device node, "" if it has none; and whether this system lets a driver set one (Vista and later). */
const char *SimPnpFriendlyName(PSIM_DEVNODE Node);
VOID SimPropertiesHide(BOOLEAN Hidden);
/* Devices below buses of which the registry keeps a record, gone ones too. */
ULONG SimPnpRecords(VOID);
/* The GUID text of its container; "": the PnP manager makes one up. */
const char *SimPnpContainer(PSIM_DEVNODE Node);

/* The Mount Manager refuses to delete points: as one that has not heard of a volume's end. */
VOID SimMountKeepPoints(BOOLEAN Keep);

/* What a volume was asked by the Mount Manager, one line each: code, bytes of output room, status, bytes answered.
 * Cleared by reading. */
const char *SimMountTranscript(VOID);

/* Entries that drivers have written to the error log so far; Code and Text ("device|string|...") of the Index-th. */
ULONG SimErrorLog(ULONG Index, NTSTATUS *Code, char *Text, size_t Bytes);

#endif
