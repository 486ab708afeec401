/* SPDX-License-Identifier: MIT */
/* Dispatch of a volume's opens, reads, writes, flushes and controls. */
#ifndef PLATTER_VOLUME_IO_H
#define PLATTER_VOLUME_IO_H

#include "driver.h"

_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS VolumeIo(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

#endif
