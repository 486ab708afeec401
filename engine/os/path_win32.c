/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <stdlib.h>
#include <windows.h>

#include "path_win32.h"

static char *narrow(const WCHAR *wide)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? malloc((size_t)size) : NULL;

    if (text)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}

char *platter_os_full_path(const char *path)
{
    WCHAR *wide = platter_os_wide_path(path), *whole = NULL;
    DWORD length = wide ? GetFullPathNameW(wide, 0, NULL, NULL) : 0;
    char *text = NULL;

    if (length)
        whole = malloc(length * sizeof(*whole));
    if (whole && GetFullPathNameW(wide, length, whole, NULL) < length)
        text = narrow(whole);
    free(whole);
    free(wide);
    return text;
}

char *platter_os_temp_folder(void)
{
    WCHAR folder[MAX_PATH + 1];
    DWORD length = GetTempPathW(MAX_PATH + 1, folder);

    return length && length <= MAX_PATH ? narrow(folder) : NULL;
}
