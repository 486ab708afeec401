/* SPDX-License-Identifier: MIT */
/* The volume's work item, and how a volume ends. The functions others call are in volume.h. */
#ifndef PLATTER_VOLUME_END_H
#define PLATTER_VOLUME_END_H

#include "driver.h"

/* One volume device less, of this instance; lets unload go on with the last. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void VolumeDeviceDeleted(_In_ ULONG Instance);

#endif
