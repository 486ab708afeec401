/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include "certificate.h"
#include "driver.h"
#include "environment.h"
#include "registry.h"

#include <windows.h>
#include <string.h>

#define RETRIES 50u /* 100 ms each */

static bool gone(DWORD error)
{
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

/* `from` was renamed to `to`, or was about to be. */
static bool move_back(const wchar_t *from, const wchar_t *to)
{
    if (GetFileAttributesW(to) == INVALID_FILE_ATTRIBUTES)
        return true;
    for (unsigned i = 0; i < RETRIES; i++) {
        if (MoveFileExW(to, from, MOVEFILE_REPLACE_EXISTING | MOVEFILE_COPY_ALLOWED))
            return true;
        if (GetLastError() != ERROR_SHARING_VIOLATION && GetLastError() != ERROR_ACCESS_DENIED)
            break;
        Sleep(100);
    }
    return false;
}

static bool remove_file(struct steps *steps, const wchar_t *path)
{
    (void)steps;
    return DeleteFileW(path) || gone(GetLastError());
}

/* One that somebody has put something into meanwhile stays. */
static bool remove_folder(struct steps *steps, const wchar_t *path)
{
    (void)steps;
    return RemoveDirectoryW(path) || gone(GetLastError()) || GetLastError() == ERROR_DIR_NOT_EMPTY;
}

static bool make_folder(struct steps *steps, const wchar_t *path)
{
    (void)steps;
    return CreateDirectoryW(path, NULL) || GetLastError() == ERROR_ALREADY_EXISTS;
}

static bool remove_key(struct steps *steps, const wchar_t *key)
{
    (void)steps;
    registry_remove_empty(key);
    return true;
}

static bool make_key(struct steps *steps, const wchar_t *key)
{
    (void)steps;
    return registry_restore_key(key);
}

static bool path_remove(struct steps *steps, const wchar_t *dir)
{
    return environment_path_remove(steps, dir) == STEPS_DONE;
}

static bool path_add(struct steps *steps, const wchar_t *dir)
{
    return environment_path_add(steps, dir) == STEPS_DONE;
}

static bool driver_away(struct steps *steps, const wchar_t *dir)
{
    return driver_remove(steps, dir) == STEPS_DONE;
}

static bool driver_back(struct steps *steps, const wchar_t *dir)
{
    return driver_install(steps, dir) == STEPS_DONE;
}

static bool service_away(struct steps *steps, const wchar_t *dir)
{
    if (service_remove(steps, dir) != STEPS_DONE)
        return false;
    /* The service makes these when it starts, and the journal has no line of them. */
    registry_remove_empty(L"SOFTWARE\\Platter\\Mounts");
    registry_remove_empty(L"SOFTWARE\\Platter");
    return true;
}

static bool service_back(struct steps *steps, const wchar_t *dir)
{
    return service_install(steps, dir) == STEPS_DONE;
}

static const struct {
    const wchar_t *kind;
    bool (*undo)(struct steps *steps, const wchar_t *field);
} simple[] = {{L"file", remove_file},      {L"dir", remove_folder},    {L"nodir", make_folder},
              {L"key", remove_key},        {L"nokey", make_key},       {L"path+", path_remove},
              {L"path-", path_add},        {L"driver-", driver_away},  {L"driver+", driver_back},
              {L"service-", service_away}, {L"service+", service_back}};

bool journal_undo_line(struct steps *steps, wchar_t **fields, size_t count)
{
    if (count == 3 && wcscmp(fields[0], L"move") == 0)
        return move_back(fields[1], fields[2]);
    if (count == 5 && wcscmp(fields[0], L"value") == 0)
        return registry_restore_value(fields[1], fields[2], fields[3], fields[4]);
    if (count == 3 && wcscmp(fields[0], L"novalue") == 0)
        return registry_restore_absent(fields[1], fields[2]);
    if (count == 3 && wcscmp(fields[0], L"certificate") == 0)
        return certificate_remove(steps, fields[1], fields[2]);
    for (size_t i = 0; count == 2 && i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (wcscmp(fields[0], simple[i].kind) == 0)
            return simple[i].undo(steps, fields[1]);
    }
    return false;
}
