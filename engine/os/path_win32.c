/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "file.h"
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

size_t platter_os_folder_length(const char *path)
{
    size_t length = strlen(path);

    while (length && !strchr("/\\:", path[length - 1]))
        length--;
    return length;
}

bool platter_os_is_absolute(const char *path)
{
    /* "C:x" counts from a folder of its own that is not ours, so it is none of the child's neighbours either. */
    bool drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':';

    return drive || path[0] == '\\' || path[0] == '/';
}

bool platter_os_paths_name_servers(void)
{
    return true;
}
