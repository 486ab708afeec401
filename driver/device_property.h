/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_DEVICE_PROPERTY_H
#define PLATTER_DEVICE_PROPERTY_H

#include "driver.h"

/*
 * Gives a volume's device node its label as friendly name, which the device manager and "Safely Remove Hardware" show in
 * place of the INF's text. Nothing without a label, or on an NT before Vista. The PnP manager must know the device.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
void DevicePropertySetName(_In_ PVOLUME Volume);

#endif
