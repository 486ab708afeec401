/* SPDX-License-Identifier: MIT */
/*
 * What a worker may have opened. The service opens files for it with the owner's rights, and what a worker asks may be
 * what a hostile image made of it: so not whatever the owner may read or write, but what an image can be made of.
 */
#ifndef PLATTER_SERVICE_ACCESS_H
#define PLATTER_SERVICE_ACCESS_H

#include "../mount/options.h"

/*
 * `path` and the options' image and overlay are whole Windows paths (X:\... or \\server\share\...), tidy ones. Rules:
 *   the image: as the mount says, read or write; the overlay: read and write;
 *   beside the image, what begins with its name without the extension: the same (extents, parts, members of a set);
 *   any file with the extension of an image, on a local drive or the image's own share: read (parents, backing files);
 *   the image's folder: listed;
 *   where the image is on a server, the overlay and no other file;
 *   nothing is created, no device is opened (by a reserved name in any folder either), no pipe, no alternate stream, no
 *   name that Windows takes for another one, no other server.
 * `flags`: enum platter_os_file_flag. On refusal the message names the rule.
 */
enum platter_result service_access_check(const struct platter_mount_options *mount, const char *path, uint32_t flags,
                                         struct platter_error *err);

/*
 * The path that Win32 makes of it before it opens anything: one backslash between names, "." and ".." gone, and no way above
 * its drive or share. What is no whole path stays as it is. To be freed; NULL without memory.
 */
char *service_path_tidy(const char *path);
/* Whether a path is whole, and names a file that a mount of the service may lie in. */
bool service_path_is_whole(const char *path);

#endif
