/* SPDX-License-Identifier: MIT */
/* What the PnP manager asks a volume, a raw physical device of the bus. */
#ifndef PLATTER_PNP_VOLUME_H
#define PLATTER_PNP_VOLUME_H

#include "driver.h"

_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS VolumePnp(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

#endif
