/* SPDX-License-Identifier: MIT */
/*
 * Which folders Platter made mount points of is noted for the user, HKCU\Software\Platter\Folders (path: volume name), so
 * that what a killed process leaves is known for ours and nobody else's mount point is touched. The service notes them for
 * the machine, under HKLM: in its process HKCU is that of whoever it acted for first.
 */
#include "folder_win32.h"

#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "points.h"
#include "token_win32.h"
#include "wide_win32.h"

#define KEY L"Software\\Platter\\Folders"
#define NAME_WAIT_MS 10000u
#define NAME_POLL_MS 100u
#define QUERY_POINTS 0x6d0008u /* IOCTL_MOUNTMGR_QUERY_POINTS; of mountmgr.h, which is the DDK's */
#define ANSWER_BYTES 65536u

#ifndef MAXIMUM_REPARSE_DATA_BUFFER_SIZE
#define MAXIMUM_REPARSE_DATA_BUFFER_SIZE 16384
#endif

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

/* \\?\Volume{GUID}\, as the Mount Manager calls the volume; everybody may ask. */
static bool volume_name(const struct platter_volume_info *info, wchar_t name[PLATTER_VOLUME_NAME_CHARS])
{
    struct {
        struct {
            uint32_t offset;
            uint16_t length, unused;
        } link, unique_id, device; /* MOUNTMGR_MOUNT_POINT */
        uint16_t text[PLATTER_DEVICE_NAME_CHARS];
    } question = {0};
    size_t units = 0;
    DWORD returned = 0;
    void *answer = malloc(ANSWER_BYTES);
    HANDLE manager = CreateFileW(L"\\\\.\\MountPointManager", 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                 OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    bool found = false;

    if (!answer || manager == INVALID_HANDLE_VALUE)
        goto done;
    while (units < PLATTER_DEVICE_NAME_CHARS && info->device_name[units])
        units++;
    memcpy(question.text, info->device_name, units * sizeof(question.text[0]));
    question.device.offset = offsetof(__typeof__(question), text);
    question.device.length = (uint16_t)(units * sizeof(question.text[0]));
    if (DeviceIoControl(manager, QUERY_POINTS, &question, question.device.offset + question.device.length, answer,
                        ANSWER_BYTES, &returned, NULL))
        found = platter_points_volume_name(answer, returned, (uint16_t *)name);
done:
    if (manager != INVALID_HANDLE_VALUE)
        CloseHandle(manager);
    free(answer);
    return found;
}

/* The path with a backslash at the end, as all calls about mount points want it. */
static wchar_t *slashed(const char *folder)
{
    wchar_t *wide = platter_wide(folder), *path;
    size_t length = wide ? wcslen(wide) : 0;

    if (!wide)
        return NULL;
    path = realloc(wide, (length + 2) * sizeof(*path));
    if (!path) {
        free(wide);
        return NULL;
    }
    if (length > 0 && path[length - 1] != L'\\' && path[length - 1] != L'/')
        path[length++] = L'\\';
    path[length] = L'\0';
    return path;
}

/* Where the mount point `path` leads, also when nothing is there any more. */
static bool target_of(const wchar_t *path, wchar_t name[PLATTER_VOLUME_NAME_CHARS])
{
    void *buffer = malloc(MAXIMUM_REPARSE_DATA_BUFFER_SIZE);
    DWORD returned = 0;
    bool found = false;
    HANDLE folder = CreateFileW(path, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    if (buffer && folder != INVALID_HANDLE_VALUE &&
        DeviceIoControl(folder, FSCTL_GET_REPARSE_POINT, NULL, 0, buffer, MAXIMUM_REPARSE_DATA_BUFFER_SIZE, &returned,
                        NULL))
        found = platter_points_reparse_target(buffer, returned, (uint16_t *)name);
    if (folder != INVALID_HANDLE_VALUE)
        CloseHandle(folder);
    free(buffer);
    return found;
}

static bool is_there(const wchar_t name[PLATTER_VOLUME_NAME_CHARS])
{
    wchar_t device[PLATTER_VOLUME_NAME_CHARS];
    HANDLE volume;

    /* Without the last backslash it is the volume itself, not its root folder. */
    memcpy(device, name, sizeof(device));
    device[wcslen(device) - 1] = L'\0';
    volume = CreateFileW(device, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (volume == INVALID_HANDLE_VALUE)
        return GetLastError() != ERROR_FILE_NOT_FOUND && GetLastError() != ERROR_PATH_NOT_FOUND;
    CloseHandle(volume);
    return true;
}

/* ---- Notes ----------------------------------------------------------------------------------------------------------- */

static bool of_machine;

void platter_folder_notes_of_machine(void)
{
    of_machine = true;
}

static void forget(HKEY root, const wchar_t *path)
{
    HKEY key;

    if (RegOpenKeyExW(root, KEY, 0, KEY_SET_VALUE | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
        return;
    RegDeleteValueW(key, path);
    RegCloseKey(key);
}

static void note(const wchar_t *path, const wchar_t *name)
{
    HKEY key;

    if (!name) {
        forget(HKEY_LOCAL_MACHINE, path);
        if (!of_machine)
            forget(HKEY_CURRENT_USER, path);
        return;
    }
    if (RegCreateKeyExW(of_machine ? HKEY_LOCAL_MACHINE : HKEY_CURRENT_USER, KEY, 0, NULL, 0,
                        KEY_SET_VALUE | KEY_WOW64_64KEY, NULL, &key, NULL) != ERROR_SUCCESS)
        return;
    RegSetValueExW(key, path, 0, REG_SZ, (const BYTE *)name, (DWORD)((wcslen(name) + 1) * sizeof(*name)));
    RegCloseKey(key);
}

static bool is_noted_in(HKEY root, const wchar_t *path, const wchar_t name[PLATTER_VOLUME_NAME_CHARS])
{
    wchar_t noted[PLATTER_VOLUME_NAME_CHARS] = {0};
    DWORD size = sizeof(noted) - sizeof(noted[0]), type;
    HKEY key;
    bool same;

    if (RegOpenKeyExW(root, KEY, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
        return false;
    same = RegQueryValueExW(key, path, NULL, &type, (BYTE *)noted, &size) == ERROR_SUCCESS && type == REG_SZ &&
           _wcsicmp(noted, name) == 0;
    RegCloseKey(key);
    return same;
}

/* By this user, or by the service for anybody. */
static bool is_noted(const wchar_t *path, const wchar_t name[PLATTER_VOLUME_NAME_CHARS])
{
    return is_noted_in(HKEY_LOCAL_MACHINE, path, name) || (!of_machine && is_noted_in(HKEY_CURRENT_USER, path, name));
}

/* ---- Making and taking back --------------------------------------------------------------------------------------------- */

static bool take_back(const wchar_t *path)
{
    const struct {
        DWORD tag;
        WORD length, reserved;
    } head = {0xa0000003u /* IO_REPARSE_TAG_MOUNT_POINT */, 0, 0};
    DWORD returned;
    HANDLE folder;
    bool gone;

    if (DeleteVolumeMountPointW(path))
        return true;
    /* It asks the Mount Manager about the volume, which may be one that it has forgotten. */
    folder = CreateFileW(path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                         OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (folder == INVALID_HANDLE_VALUE)
        return false;
    gone = DeviceIoControl(folder, FSCTL_DELETE_REPARSE_POINT, (void *)(uintptr_t)&head, sizeof(head), NULL, 0,
                           &returned, NULL);
    CloseHandle(folder);
    return gone;
}

bool platter_folder_sweep(const char *folder)
{
    wchar_t *path = slashed(folder), name[PLATTER_VOLUME_NAME_CHARS];
    bool swept = path && target_of(path, name) && is_noted(path, name) && !is_there(name) && take_back(path);

    if (swept)
        note(path, NULL);
    free(path);
    return swept;
}

static bool is_empty(const wchar_t *path)
{
    wchar_t *pattern = malloc((wcslen(path) + 2) * sizeof(*pattern));
    WIN32_FIND_DATAW entry;
    bool empty = true;
    HANDLE search;

    if (!pattern)
        return false;
    wcscpy(pattern, path);
    wcscat(pattern, L"*");
    search = FindFirstFileW(pattern, &entry);
    free(pattern);
    if (search == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_FILE_NOT_FOUND;
    do {
        if (wcscmp(entry.cFileName, L".") != 0 && wcscmp(entry.cFileName, L"..") != 0)
            empty = false;
    } while (empty && FindNextFileW(search, &entry));
    FindClose(search);
    return empty;
}

/* Only NTFS (and its successor) keeps mount points. */
static enum platter_result check_file_system(const char *folder, const wchar_t *path, struct platter_error *err)
{
    wchar_t root[MAX_PATH], name[MAX_PATH] = L"";
    DWORD flags = 0;
    char *text;

    if (!GetVolumePathNameW(path, root, MAX_PATH) ||
        !GetVolumeInformationW(root, NULL, 0, NULL, NULL, &flags, name, MAX_PATH))
        return platter_error_set_os(err, PLATTER_E_UNSUPPORTED, folder, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "cannot find out the file system of this folder");
    if (flags & FILE_SUPPORTS_REPARSE_POINTS)
        return PLATTER_OK;
    text = platter_narrow(name);
    (void)platter_error_set(err, PLATTER_E_UNSUPPORTED, folder, PLATTER_NO_OFFSET,
                            "drives can be put into folders of NTFS only, and this one lies on %.32s",
                            text && text[0] ? text : "another file system");
    free(text);
    return PLATTER_E_UNSUPPORTED;
}

enum platter_result platter_folder_check(const char *folder, struct platter_error *err)
{
    wchar_t *path = slashed(folder);
    enum platter_result result = PLATTER_OK;
    DWORD attributes;

    if (!path)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    (void)platter_folder_sweep(folder);
    attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        /* A file of that name cannot be asked for with a backslash behind it. */
        path[wcslen(path) - 1] = L'\0';
        attributes = GetFileAttributesW(path);
        if (attributes == INVALID_FILE_ATTRIBUTES)
            result = platter_error_set_os(err, PLATTER_E_NOT_FOUND, folder, PLATTER_NO_OFFSET, (int)GetLastError(),
                                          "there is no such folder");
        wcscat(path, L"\\");
    }
    if (result == PLATTER_OK && !(attributes & FILE_ATTRIBUTE_DIRECTORY))
        result = platter_error_set(err, PLATTER_E_USAGE, folder, PLATTER_NO_OFFSET, "is not a folder");
    else if (result == PLATTER_OK && attributes & FILE_ATTRIBUTE_REPARSE_POINT)
        result =
            platter_error_set(err, PLATTER_E_EXISTS, folder, PLATTER_NO_OFFSET, "is a mount point or a link already");
    else if (result == PLATTER_OK && !is_empty(path))
        result = platter_error_set(err, PLATTER_E_EXISTS, folder, PLATTER_NO_OFFSET, "is not empty");
    if (result == PLATTER_OK)
        result = check_file_system(folder, path, err);
    if (result == PLATTER_OK && !platter_elevated())
        result = platter_error_set(err, PLATTER_E_ACCESS, folder, PLATTER_NO_OFFSET,
                                   "only an administrator may put a drive into a folder; a drive letter needs none");
    free(path);
    return result;
}

enum platter_result platter_folder_mount(const char *folder, const struct platter_volume_info *info,
                                         struct platter_error *err)
{
    wchar_t *path = slashed(folder), name[PLATTER_VOLUME_NAME_CHARS], other[PLATTER_VOLUME_NAME_CHARS];
    enum platter_result result = PLATTER_OK;
    bool known;
    DWORD error;

    if (!path)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    known = volume_name(info, name);
    /* Where a Mount Manager deals with it at all: it takes up new volumes in its own time. */
    for (unsigned waited = 0; !known && info->route != PLATTER_ROUTE_LINK && waited < NAME_WAIT_MS;
         waited += NAME_POLL_MS) {
        Sleep(NAME_POLL_MS);
        known = volume_name(info, name);
    }
    if (!known) {
        result =
            platter_error_set(err, PLATTER_E_UNSUPPORTED, folder, PLATTER_NO_OFFSET,
                              "a folder can lead to volumes that the Mount Manager knows only, and it does not know "
                              "this one");
        goto done;
    }
    /* Somebody was faster since it was looked at: what is noted of that is not ours to write over. */
    if (target_of(path, other)) {
        result = platter_error_set(err, PLATTER_E_EXISTS, folder, PLATTER_NO_OFFSET, "is a mount point already");
        goto done;
    }
    note(path, name); /* before: whatever ends this process now, the folder is known for ours */
    if (SetVolumeMountPointW(path, name))
        goto done;
    error = GetLastError();
    note(path, NULL);
    result = platter_error_set_os(
        err, error == ERROR_ACCESS_DENIED ? PLATTER_E_ACCESS : PLATTER_E_FAILED, folder, PLATTER_NO_OFFSET, (int)error,
        error == ERROR_ACCESS_DENIED ? "only an administrator may put a drive into a folder; a drive letter needs none"
                                     : "the drive cannot be put into this folder");
done:
    free(path);
    return result;
}

void platter_folder_unmount(const char *folder)
{
    wchar_t *path = slashed(folder), name[PLATTER_VOLUME_NAME_CHARS];

    if (path && target_of(path, name) && is_noted(path, name) && take_back(path))
        note(path, NULL);
    free(path);
}

/* ---- Asking -------------------------------------------------------------------------------------------------------------- */

char *platter_folders_of(const struct platter_volume_info *info)
{
    wchar_t name[PLATTER_VOLUME_NAME_CHARS], *paths = NULL;
    char *texts = NULL;
    DWORD units = 0;
    size_t length = 0;

    if (!volume_name(info, name))
        return NULL;
    if (!GetVolumePathNamesForVolumeNameW(name, NULL, 0, &units) && GetLastError() != ERROR_MORE_DATA)
        return NULL;
    paths = calloc(units + 2, sizeof(*paths));
    texts = paths ? calloc(units + 2, 3) : NULL; /* a UTF-16 unit is at most three bytes of UTF-8 */
    if (!texts || !GetVolumePathNamesForVolumeNameW(name, paths, units, &units))
        goto fail;
    for (const wchar_t *path = paths; *path; path += wcslen(path) + 1) {
        char *text = wcslen(path) > 3 ? platter_narrow(path) : NULL; /* X:\ is the letter */

        if (text) {
            size_t size = strlen(text);

            if (size > 1 && text[size - 1] == '\\')
                text[--size] = '\0';
            memcpy(texts + length, text, size + 1);
            length += size + 1;
        }
        free(text);
    }
    free(paths);
    if (length > 0)
        return texts;
    free(texts);
    return NULL;
fail:
    free(texts);
    free(paths);
    return NULL;
}

void platter_folders_json(json_t *object, const struct platter_volume_info *info)
{
    json_t *array = platter_json_array(object, "folders");
    char *folders = platter_folders_of(info);

    for (const char *folder = folders; folder && *folder; folder += strlen(folder) + 1)
        platter_json_append(array, folder);
    free(folders);
}

enum platter_result platter_folder_find(const char *folder, const struct platter_volume_info *volumes, size_t count,
                                        size_t *found, struct platter_error *err)
{
    wchar_t *path = slashed(folder), target[PLATTER_VOLUME_NAME_CHARS], name[PLATTER_VOLUME_NAME_CHARS];
    bool point = path && target_of(path, target);

    free(path);
    for (*found = 0; point && *found < count; (*found)++) {
        if (volume_name(&volumes[*found], name) && _wcsicmp(name, target) == 0)
            return PLATTER_OK;
    }
    return platter_error_set(err, PLATTER_E_NOT_FOUND, folder, PLATTER_NO_OFFSET,
                             point ? "leads to a volume that is not Platter's"
                                   : "is no folder that a drive is mounted in");
}
