/* SPDX-License-Identifier: MIT */
/* Files by their names: the one place that opens them, and what is asked of a name. */
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "path_win32.h"
#include "system.h"

static platter_os_open_fn *opener;
static void *opener_context;

void platter_os_file_set_opener(platter_os_open_fn *function, void *context)
{
    opener = function;
    opener_context = context;
}

WCHAR *platter_os_wide_path(const char *path)
{
    static const WCHAR prefix[] = L"\\\\?\\", unc[] = L"\\\\?\\UNC\\";
    int units = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    WCHAR *wide = units > 0 ? malloc((size_t)units * sizeof(*wide)) : NULL;
    WCHAR *full;
    DWORD length;

    if (!wide)
        return NULL;
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, units);
    /* Short ones and device names are left alone; \\?\ lifts the limit of MAX_PATH for the others. */
    if (units < 240 || (wide[0] == L'\\' && wide[1] == L'\\' && (wide[2] == L'?' || wide[2] == L'.')))
        return wide;
    length = GetFullPathNameW(wide, 0, NULL, NULL);
    full = length ? malloc((length + 8u) * sizeof(*full)) : NULL;
    if (full) {
        WCHAR *at = full + 8;

        length = GetFullPathNameW(wide, length, at, NULL);
        if (length && at[0] == L'\\' && at[1] == L'\\') {
            /* \\server\share becomes \\?\UNC\server\share: the two backslashes are overwritten. */
            memcpy(at - 6, unc, 8 * sizeof(WCHAR));
            memmove(full, at - 6, (length + 7u) * sizeof(WCHAR));
        } else {
            memcpy(at - 4, prefix, 4 * sizeof(WCHAR));
            memmove(full, at - 4, (length + 5u) * sizeof(WCHAR));
        }
        free(wide);
        return full;
    }
    return wide;
}

/* ---- Opening --------------------------------------------------------------------------------------------------------- */

static enum platter_result not_opened(const char *path, uint32_t flags, DWORD code, struct platter_error *err)
{
    const char *what = flags & PLATTER_OS_FILE_CREATE  ? "cannot be created"
                       : flags & PLATTER_OS_FILE_WRITE ? "cannot be opened for writing"
                                                       : "cannot be opened";

    if (code == ERROR_SHARING_VIOLATION)
        return platter_error_set_os(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET, (int)code,
                                    "is in use by another program");
    return platter_error_set_os(err, platter_os_result((int)code), path, PLATTER_NO_OFFSET, (int)code, "%s", what);
}

/* What is opened may turn out to be somebody's pipe: who has it may learn who we are, and not act for us. */
#define NOT_FOR_US (SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION)

/* To be asked about, or listed: shared with everybody. */
static HANDLE open_to_look(const WCHAR *wide, uint32_t flags)
{
    return CreateFileW(wide, flags & PLATTER_OS_FILE_FOLDER ? FILE_LIST_DIRECTORY | SYNCHRONIZE : FILE_READ_ATTRIBUTES,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                       FILE_FLAG_BACKUP_SEMANTICS | NOT_FOR_US, NULL);
}

static HANDLE open_to_use(const WCHAR *wide, uint32_t flags)
{
    bool create = flags & PLATTER_OS_FILE_CREATE;
    bool writing = create || (flags & PLATTER_OS_FILE_WRITE);
    DWORD access =
        GENERIC_READ | (writing ? GENERIC_WRITE : 0) | (create || (flags & PLATTER_OS_FILE_REMOVABLE) ? DELETE : 0);
    DWORD share = FILE_SHARE_READ | (flags & PLATTER_OS_FILE_SHARE_WRITERS ? FILE_SHARE_WRITE | FILE_SHARE_DELETE : 0);
    DWORD attributes = FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED | NOT_FOR_US;

    if (wcsncmp(wide, L"\\\\.\\", 4) == 0) /* disks have other users of their own, the file systems */
        share |= FILE_SHARE_WRITE;
    if (flags & PLATTER_OS_FILE_UNBUFFERED)
        attributes |= FILE_FLAG_NO_BUFFERING;
    if (flags & PLATTER_OS_FILE_TEMPORARY)
        attributes |= FILE_FLAG_DELETE_ON_CLOSE;
    return CreateFileW(wide, access, share, NULL, create ? CREATE_NEW : OPEN_EXISTING, attributes, NULL);
}

enum platter_result platter_os_handle_open(const char *path, uint32_t flags, intptr_t *handle,
                                           struct platter_error *err)
{
    bool looking = flags & (PLATTER_OS_FILE_LOOK | PLATTER_OS_FILE_FOLDER);
    enum platter_result result = PLATTER_OK;
    HANDLE opened = INVALID_HANDLE_VALUE;
    WCHAR *wide;

    if (opener)
        return opener(opener_context, path, flags, handle, err);
    wide = platter_os_wide_path(path);
    if (!wide)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "is not a path that Windows can take");
    if (!looking && wcsncmp(wide, L"\\\\.\\", 4) != 0) {
        DWORD found = GetFileAttributesW(wide);

        if (found != INVALID_FILE_ATTRIBUTES && (found & FILE_ATTRIBUTE_DIRECTORY)) {
            result = platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is a folder, not an image");
            goto done;
        }
    }
    opened = looking ? open_to_look(wide, flags) : open_to_use(wide, flags);
    if (opened == INVALID_HANDLE_VALUE)
        result = not_opened(path, flags, GetLastError(), err);
    *handle = (intptr_t)opened;
done:
    free(wide);
    return result;
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------- */

static bool identify(const char *path, BY_HANDLE_FILE_INFORMATION *info)
{
    intptr_t handle;
    bool known;

    if (platter_os_handle_open(path, PLATTER_OS_FILE_LOOK, &handle, NULL) != PLATTER_OK)
        return false;
    known = GetFileInformationByHandle((HANDLE)handle, info) != 0;
    CloseHandle((HANDLE)handle);
    return known;
}

bool platter_os_same_file(const char *a, const char *b)
{
    BY_HANDLE_FILE_INFORMATION one, other;

    return identify(a, &one) && identify(b, &other) && one.dwVolumeSerialNumber == other.dwVolumeSerialNumber &&
           one.nFileIndexHigh == other.nFileIndexHigh && one.nFileIndexLow == other.nFileIndexLow;
}

/* Without opening the file where that can be had: what another keeps to himself is there all the same. */
static bool look(const char *path, DWORD *attributes, FILETIME *written)
{
    BY_HANDLE_FILE_INFORMATION info;
    WIN32_FILE_ATTRIBUTE_DATA data;
    WCHAR *wide;
    bool known;

    if (opener) {
        known = identify(path, &info);
        *attributes = known ? info.dwFileAttributes : INVALID_FILE_ATTRIBUTES;
        *written = info.ftLastWriteTime;
        return known;
    }
    wide = platter_os_wide_path(path);
    known = wide && GetFileAttributesExW(wide, GetFileExInfoStandard, &data);
    free(wide);
    *attributes = known ? data.dwFileAttributes : INVALID_FILE_ATTRIBUTES;
    *written = data.ftLastWriteTime;
    return known;
}

bool platter_os_exists(const char *path)
{
    FILETIME written;
    DWORD attributes;

    return look(path, &attributes, &written);
}

bool platter_os_modified(const char *path, int64_t *seconds)
{
    FILETIME written;
    DWORD attributes;

    if (!look(path, &attributes, &written))
        return false;
    /* FILETIME counts 100 ns from 1601-01-01, which is 11644473600 s before 1970. */
    *seconds = (int64_t)(((uint64_t)written.dwHighDateTime << 32 | written.dwLowDateTime) / 10000000u) - 11644473600;
    return true;
}

bool platter_os_is_plain_file(const char *path)
{
    FILETIME written;
    DWORD attributes;

    return look(path, &attributes, &written) && !(attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_DEVICE));
}
