/* SPDX-License-Identifier: MIT */
/* A mount's dealings with the driver. Each step comes back within a minute, or *mount is `stuck` and left as it is. */
#ifndef PLATTER_MOUNT_PROVIDE_H
#define PLATTER_MOUNT_PROVIDE_H

#include "mount_win32.h"

/* Whether the driver is there and the machine's policy allows the mount; read-only, if only that. */
enum platter_result platter_provide_ask(struct platter_mount *mount, struct platter_error *err);
/* The volumes and the provider that serves them; nobody sees them yet. */
enum platter_result platter_provide_create(struct platter_mount *mount, struct platter_error *err);
/* One volume becomes a drive. */
enum platter_result platter_provide_announce(struct platter_mount *mount, size_t index, struct platter_error *err);

#endif
