/* SPDX-License-Identifier: MIT */
/* Where files lie: whole paths, and the folder for what is not to be kept. */
#ifndef PLATTER_ENGINE_OS_PATH_H
#define PLATTER_ENGINE_OS_PATH_H

#include <platter/engine.h>

/* `path` as it is from any folder, to be freed; NULL: no memory, or nothing is there. */
char *platter_os_full_path(const char *path);
/* The user's folder for temporary files with a separator at its end, to be freed; NULL: there is none, or no memory. */
char *platter_os_temp_folder(void);

#endif
