/* SPDX-License-Identifier: MIT */
/* Drives in folders: mount points of NTFS that lead to a volume of Platter. */
#ifndef PLATTER_MOUNT_FOLDER_H
#define PLATTER_MOUNT_FOLDER_H

#include "json.h"

#include <platter/engine.h>
#include <platter/protocol.h>

#include <stddef.h>

#define PLATTER_FOLDER_TEXT 1024 /* bytes, of a whole path */

/*
 * Whether a drive can be put into `folder`: an empty folder on NTFS, by an administrator. One that a killed process of
 * Platter left behind is cleaned on the way. `folder` is a whole path.
 */
enum platter_result platter_folder_check(const char *folder, struct platter_error *err);
/* Makes the folder lead to the volume. Waits some seconds for the Mount Manager to know the volume by name. */
enum platter_result platter_folder_mount(const char *folder, const struct platter_volume_info *info,
                                         struct platter_error *err);
/* Makes it a folder again, if it leads to the volume of that mount still. */
void platter_folder_unmount(const char *folder);

/* The folders that lead to the volume, behind each other as a list of texts that ends with an empty one; NULL: none. */
char *platter_folders_of(const struct platter_volume_info *info);
/* The same, as "folders": [...]. */
void platter_folders_json(json_t *object, const struct platter_volume_info *info);

/* The position in volumes[] of the one that `folder` leads to. */
enum platter_result platter_folder_find(const char *folder, const struct platter_volume_info *volumes, size_t count,
                                        size_t *found, struct platter_error *err);
/* From now on this process notes what it makes for the machine, not for its user: it acts for many. */
void platter_folder_notes_of_machine(void);
/* True when the folder led to a volume of Platter that is gone, and is a folder again now. */
bool platter_folder_sweep(const char *folder);

#endif
