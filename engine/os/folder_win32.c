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

/* Room for some hundred names a call. */
#define LIST_BYTES 65536u

/* Calls function for the names of one answer; false: it has had enough. */
static bool take_names(const FILE_ID_BOTH_DIR_INFO *entry, platter_os_name_fn *function, void *context)
{
    char name[MAX_PATH * 3 + 1];

    for (;;) {
        int length =
            WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, entry->FileName,
                                (int)(entry->FileNameLength / sizeof(WCHAR)), name, sizeof(name) - 1, NULL, NULL);

        if (length > 0) {
            name[length] = '\0';
            if (!function(context, name))
                return false;
        }
        if (entry->NextEntryOffset == 0)
            return true;
        entry = (const FILE_ID_BOTH_DIR_INFO *)((const uint8_t *)entry + entry->NextEntryOffset);
    }
}

/* By a handle, not by a search: the handle may come from another process. */
enum platter_result platter_os_folder_list(const char *path, platter_os_name_fn *function, void *context,
                                           struct platter_error *err)
{
    size_t length = platter_os_folder_length(path);
    enum platter_result result = PLATTER_OK;
    FILE_ID_BOTH_DIR_INFO *entries = malloc(LIST_BYTES);
    char *folder = malloc(length + 2);
    intptr_t handle;
    bool more = true;

    if (!folder || !entries) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    memcpy(folder, length ? path : ".", length ? length : 1);
    folder[length ? length : 1] = '\0';
    result = platter_os_handle_open(folder, PLATTER_OS_FILE_FOLDER, &handle, err);
    if (result)
        goto out;
    while (more) {
        if (GetFileInformationByHandleEx((HANDLE)handle, FileIdBothDirectoryInfo, entries, LIST_BYTES)) {
            more = take_names(entries, function, context);
        } else {
            DWORD code = GetLastError();

            more = false;
            if (code != ERROR_NO_MORE_FILES)
                result = fail(folder, code, err);
        }
    }
    CloseHandle((HANDLE)handle);
out:
    free(folder);
    free(entries);
    return result;
}
