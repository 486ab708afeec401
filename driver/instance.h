/* SPDX-License-Identifier: MIT */
/*
 * Numbers for the instance ids of the volumes' device nodes. Windows keeps a record of every instance that was ever there, in
 * Enum and in DeviceClasses, so a new number for each mount would fill the registry without end. And one that has just been
 * given back is not to be the next: who still has a handle on the device that was ejected must not meet another under its name.
 * So the numbers go round among INSTANCE_ROUND, more only while all of these are in use.
 */
#ifndef PLATTER_INSTANCE_H
#define PLATTER_INSTANCE_H

#include "driver.h"

/* A number no volume device has, from 1 to INSTANCE_MOST. Lock of Platter held; fewer than INSTANCE_MOST devices are there. */
_IRQL_requires_(DISPATCH_LEVEL)
ULONG InstanceTake(void);

/* Once its device is deleted. Lock of Platter held. */
_IRQL_requires_(DISPATCH_LEVEL)
void InstanceGive(_In_ ULONG Number);

#endif
