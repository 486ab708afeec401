/* SPDX-License-Identifier: MIT */
/* The folder that a mount's drive lies in: the worker could not make it one, and the service does it with the owner's rights. */
#ifndef PLATTER_SERVICE_POINT_H
#define PLATTER_SERVICE_POINT_H

#include "../mount/folder_win32.h"

#include <windows.h>

/* `owner`: a token. `folder`: NULL where the drive has a letter; then there is nothing to do. */

/* Whether the drive can be put there. What an earlier mount left behind is cleaned on the way. */
enum platter_result service_point_check(HANDLE owner, const char *folder, struct platter_error *err);
/* PLATTER_E_USAGE: there is not exactly one volume. */
enum platter_result service_point_make(HANDLE owner, const char *folder, const struct platter_volume_info *volumes,
                                       size_t count, struct platter_error *err);
/* It is a folder again, unless it leads elsewhere by now. */
void service_point_end(HANDLE owner, const char *folder);

#endif
