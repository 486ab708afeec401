/* SPDX-License-Identifier: MIT */
/* One mount's life: rights of its owner, a worker, its drives, its end and what is said of that. */
#ifndef PLATTER_SERVICE_KEEPER_H
#define PLATTER_SERVICE_KEEPER_H

#include "mounts_win32.h"

/* The thread of a mount; takes over one reference. `mount`: a struct service_mount. */
DWORD WINAPI service_keep(void *mount);

#endif
