/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_OS_PATH_WIN32_H
#define PLATTER_ENGINE_OS_PATH_WIN32_H

#include <windows.h>

/* The path in the system's form, to be freed; NULL when there is no memory or it is not UTF-8. */
WCHAR *platter_os_wide_path(const char *path);

#endif
