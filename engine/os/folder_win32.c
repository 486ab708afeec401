/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "path_win32.h"
#include "system.h"

static enum platter_result fail(const char *folder, DWORD code, struct platter_error *err)
{
    return platter_error_set_os(err, platter_os_result((int)code), folder, PLATTER_NO_OFFSET, (int)code,
                                "the folder cannot be listed");
}

enum platter_result platter_os_folder_list(const char *path, platter_os_name_fn *function, void *context,
                                           struct platter_error *err)
{
    size_t length = platter_os_folder_length(path);
    enum platter_result result = PLATTER_OK;
    char *pattern = malloc(length + 2), name[MAX_PATH * 3 + 1];
    WCHAR *wide = NULL;
    WIN32_FIND_DATAW found;
    HANDLE search;

    if (!pattern)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    memcpy(pattern, path, length);
    memcpy(pattern + length, "*", 2);
    wide = platter_os_wide_path(pattern);
    if (!wide) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    search = FindFirstFileW(wide, &found);
    if (search == INVALID_HANDLE_VALUE) {
        result = fail(pattern, GetLastError(), err);
        goto out;
    }
    do {
        if (WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, found.cFileName, -1, name, sizeof(name), NULL, NULL) &&
            !function(context, name))
            break;
    } while (FindNextFileW(search, &found));
    FindClose(search);
out:
    free(wide);
    free(pattern);
    return result;
}
