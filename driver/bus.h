/* SPDX-License-Identifier: MIT */
/* The bus: the function driver of the root-enumerated device, whose children are the volumes. */
#ifndef PLATTER_BUS_H
#define PLATTER_BUS_H

#include "driver.h"

struct _BUS
{
    DEVICE_HEADER Header;
    PDEVICE_OBJECT Device;
    PDEVICE_OBJECT Pdo;
    PDEVICE_OBJECT Lower; /* next below in the stack */

    IO_REMOVE_LOCK
    RemoveLock; /* held by every request while it is passed down: a filter may send one beside a REMOVE */
};

DRIVER_ADD_DEVICE BusAddDevice;

_IRQL_requires_max_(DISPATCH_LEVEL)
BOOLEAN BusPresent(void);

/* The set of children has changed: the PnP manager is to ask for them. Nothing without a bus. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void BusInvalidate(void);

/* Power, WMI and PnP requests, and refuses the others. */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS BusDispatch(_Inout_ PBUS Bus, _Inout_ PIRP Irp);

#endif
