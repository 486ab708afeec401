/* SPDX-License-Identifier: MIT */
/* Finding out who has a drive open; within seconds, whatever the programs do. */
#ifndef PLATTER_MOUNT_HOLDERS_WIN32_H
#define PLATTER_MOUNT_HOLDERS_WIN32_H

#include "holders.h"

#include <platter/provider.h>

#define PLATTER_VOLUME_ENUMERATOR "Platter" /* the first part of PLATTER_VOLUME_DEVICE_ID */

/* Fills *holders with what this user may find out. `device`: the volume's, \Device\PlatterVolume3. */
void platter_holders_find(struct platter_transport *transport, const struct platter_volume_info *info,
                          struct platter_holders *holders);

/*
 * Asks the Plug and Play manager for an orderly removal of the volume's device, as "Safely Remove Hardware" does. False:
 * somebody objects, and holders->veto says who; or it cannot be asked.
 */
bool platter_holders_eject(const struct platter_volume_info *info, struct platter_holders *holders);

#endif
