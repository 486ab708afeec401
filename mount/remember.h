/* SPDX-License-Identifier: MIT */
/* An id for a volume that is the same each time its image is mounted, so that the Mount Manager gives it its letter again. */
#ifndef PLATTER_MOUNT_REMEMBER_H
#define PLATTER_MOUNT_REMEMBER_H

#include <stdint.h>

/*
 * Of where the image lies, not of what is in it: two copies of one disk are two images, and a backup that is written anew
 * under its old name is the same. `path` is whole and in one case. A UUID made of a name (RFC 4122).
 */
void platter_remembered_id(const char *path, uint32_t partition, uint64_t offset, uint8_t id[16]);

#endif
