/* SPDX-License-Identifier: MIT */
#include "restart.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define KEY L"SYSTEM\\CurrentControlSet\\Control\\Session Manager"
#define VALUE L"PendingFileRenameOperations"
#define ASIDE L"~platter-" /* what such files are renamed to, in the installation folder */
#define NT_PREFIX L"\\??\\"
#define NAMES_TRIED 1000u

/* Pairs of texts: what, and what it is to be called; nothing for what is to be removed. To be freed; *units without the ends. */
static wchar_t *read_pending(size_t *units)
{
    DWORD size = 0;
    wchar_t *text = NULL;
    HKEY key;

    *units = 0;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, KEY, 0, KEY_QUERY_VALUE, &key) != ERROR_SUCCESS)
        return NULL;
    if (RegQueryValueExW(key, VALUE, NULL, NULL, NULL, &size) == ERROR_SUCCESS)
        text = calloc(1, (size_t)size + 2 * sizeof(*text));
    if (text && RegQueryValueExW(key, VALUE, NULL, NULL, (BYTE *)text, &size) == ERROR_SUCCESS)
        *units = size / sizeof(*text);
    RegCloseKey(key);
    return text;
}

/* A file below the folder that a version could have: ours of other names are no loss. */
static bool would_be_missed(const wchar_t *file, const wchar_t *dir)
{
    size_t length = wcslen(dir);

    if (_wcsnicmp(file, NT_PREFIX, wcslen(NT_PREFIX)) == 0)
        file += wcslen(NT_PREFIX);
    return _wcsnicmp(file, dir, length) == 0 && file[length] == L'\\' && file[length + 1] != L'~' &&
           GetFileAttributesW(file) != INVALID_FILE_ATTRIBUTES;
}

enum steps_exit restart_check(struct steps *steps)
{
    enum steps_exit exit = STEPS_DONE;
    size_t units;
    wchar_t *pending = read_pending(&units);

    for (size_t at = 0; exit == STEPS_DONE && at < units; at += wcslen(pending + at) + 1) {
        if (would_be_missed(pending + at, steps->options.dir))
            exit =
                steps_fail(steps, STEPS_RESTART_FIRST, 0,
                           "Windows has to be restarted first: at its next start it removes files of the Platter that "
                           "was there before (%ls)",
                           pending + at);
    }
    free(pending);
    return exit;
}

void restart_remove(struct steps *steps, const wchar_t *path)
{
    wchar_t aside[STEPS_PATH];
    bool moved = false;

    for (unsigned i = 0; !moved && i < NAMES_TRIED; i++) {
        (void)_snwprintf(aside, STEPS_PATH, L"%ls\\" ASIDE L"%u.tmp", steps->options.dir, i);
        aside[STEPS_PATH - 1] = L'\0';
        moved = MoveFileExW(path, aside, 0);
        if (!moved && GetLastError() != ERROR_ALREADY_EXISTS && GetLastError() != ERROR_FILE_EXISTS)
            break;
    }
    steps_say(steps, "%ls is in use and goes when Windows starts again", path);
    (void)MoveFileExW(moved ? aside : path, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
    steps->restart = true;
}

void restart_remove_folder(struct steps *steps, const wchar_t *path)
{
    (void)steps;
    (void)MoveFileExW(path, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
}
