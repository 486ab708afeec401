/* SPDX-License-Identifier: MIT */
/* Power: passed on or agreed to at once. Nothing is awaited here; a file system has flushed before. */
#ifndef PLATTER_POWER_H
#define PLATTER_POWER_H

#include "driver.h"

_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS PowerBus(_In_ PDEVICE_OBJECT Lower, _Inout_ PIRP Irp);
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS PowerVolume(_Inout_ PIRP Irp);

#endif
