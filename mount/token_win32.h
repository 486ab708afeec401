/* SPDX-License-Identifier: MIT */
/* Who a process is. */
#ifndef PLATTER_MOUNT_TOKEN_H
#define PLATTER_MOUNT_TOKEN_H

#include <stdbool.h>

/* Whether this process runs with an administrator's rights. */
bool platter_elevated(void);

#endif
