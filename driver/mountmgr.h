/* SPDX-License-Identifier: MIT */
/*
 * Requests to the Mount Manager. All are synchronous and come back to our volumes with questions (mountdev.c) before
 * they return: PASSIVE_LEVEL, no lock, never from AddDevice or START, only from a volume's work item.
 */
#ifndef PLATTER_MOUNTMGR_H
#define PLATTER_MOUNTMGR_H

#include "driver.h"

/*
 * Whether there is a Mount Manager that serves volumes of others. Asks once, for want of memory again; Wine's has the
 * name but answers everything but its own questions with STATUS_NOT_SUPPORTED. May also be called from dispatch of the control device.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
BOOLEAN MountMgrPresent(void);

/* IOCTL_MOUNTMGR_VOLUME_ARRIVAL_NOTIFICATION: for volumes that are no PnP devices only. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS MountMgrAnnounce(_In_ PCUNICODE_STRING DeviceName);

/* IOCTL_MOUNTMGR_CREATE_POINT for \DosDevices\X:. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS MountMgrCreateLetter(_In_ PCUNICODE_STRING DeviceName, _In_ WCHAR Letter);

/* IOCTL_MOUNTMGR_NEXT_DRIVE_LETTER: the letter it chose, 0: none. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS MountMgrNextLetter(_In_ PCUNICODE_STRING DeviceName, _Out_ PWCHAR Letter);

/*
 * IOCTL_MOUNTMGR_DELETE_POINTS of one name. For a letter the Mount Manager then notes that the volume wants none, until
 * it is given one by CREATE_POINT: for changing a letter only.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS MountMgrDeleteLink(_In_ PCUNICODE_STRING LinkName);

/*
 * The same of all names of the volume, links and values of MountedDevices, "no letter" notes among them. By unique id;
 * where the Mount Manager has another for this device (a driver that was loaded before used the device's name), by that
 * name. Neither can be another volume's (VOLUME_MOUNT_ID_BYTES), unlike a letter that somebody says it has. Source: IOCTL_MOUNTMGR_DELETE_POINTS
 * and IOCTL_MOUNTMGR_QUERY_POINTS, WDK.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS MountMgrForget(_In_ PCUNICODE_STRING DeviceName,
                        _In_reads_bytes_(UniqueIdBytes) const void *UniqueId,
                        _In_ USHORT UniqueIdBytes);

#endif
