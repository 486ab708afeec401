/* SPDX-License-Identifier: MIT */
/*
 * The Mount Manager's store, HKLM\SYSTEM\MountedDevices: one value for each name of a volume, its data the unique id.
 *
 * IOCTL_MOUNTMGR_DELETE_POINTS takes values out while the volume is there. It cannot when the PnP manager has taken the
 * volume's interface away first ("Safely Remove Hardware", a driver that is removed): the Mount Manager then forgets the
 * volume and keeps its values, as it does for a disk that comes again. Ours never comes again under a fresh id.
 */
#ifndef PLATTER_MOUNTED_DEVICES_H
#define PLATTER_MOUNTED_DEVICES_H

#include "driver.h"

/* Takes out every value of this unique id, "no letter" entries among them; what `mountvol /R` does for all volumes. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void MountedDevicesForget(_In_reads_bytes_(IdBytes) const void *Id, _In_ ULONG IdBytes);

/*
 * Notes a letter for this unique id, for the Mount Manager to give at the next arrival. Only needed where the names of a
 * volume had to be deleted, since no PnP device stood for it.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
void MountedDevicesRemember(_In_ WCHAR Letter, _In_reads_bytes_(IdBytes) const void *Id, _In_ ULONG IdBytes);

#endif
