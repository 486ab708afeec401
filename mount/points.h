/* SPDX-License-Identifier: MIT */
/* What the Mount Manager and a mount point's folder say, taken apart. Pure; nothing in the buffers is trusted. */
#ifndef PLATTER_MOUNT_POINTS_H
#define PLATTER_MOUNT_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATTER_VOLUME_NAME_CHARS 50 /* \\?\Volume{8-4-4-4-12}\ and a NUL */

/*
 * From the answer of IOCTL_MOUNTMGR_QUERY_POINTS (MOUNTMGR_MOUNT_POINTS): the first name of the form \??\Volume{GUID}, as
 * programs write it, \\?\Volume{GUID}\. False: there is none.
 */
bool platter_points_volume_name(const void *answer, size_t length, uint16_t name[PLATTER_VOLUME_NAME_CHARS]);

/* The same from a REPARSE_DATA_BUFFER of IO_REPARSE_TAG_MOUNT_POINT; false also for a junction to another folder. */
bool platter_points_reparse_target(const void *buffer, size_t length, uint16_t name[PLATTER_VOLUME_NAME_CHARS]);

#endif
