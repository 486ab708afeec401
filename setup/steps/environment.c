/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include "journal.h"
#include "path_list.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define KEY L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment"
#define VALUE L"Path"
#define PATH_MOST 32767u /* units: what a process's environment can hold of one variable */
#define TELL_MS 2000u    /* a window that hangs; the others are told all the same */

/* The value as it is stored, with what is in percent signs; to be freed. `type`: REG_SZ or REG_EXPAND_SZ. */
static wchar_t *read_path(HKEY key, DWORD *type, LSTATUS *error)
{
    DWORD size = 0;
    wchar_t *text;

    *type = REG_EXPAND_SZ;
    *error = RegQueryValueExW(key, VALUE, NULL, type, NULL, &size);
    if (*error != ERROR_SUCCESS && *error != ERROR_FILE_NOT_FOUND)
        return NULL;
    text = calloc(1, size + sizeof(*text)); /* a text in the registry need not have an end */
    if (*error == ERROR_SUCCESS && text)
        *error = RegQueryValueExW(key, VALUE, NULL, type, (BYTE *)text, &size);
    else
        *error = text ? ERROR_SUCCESS : ERROR_NOT_ENOUGH_MEMORY;
    if (*error == ERROR_SUCCESS && *type != REG_SZ && *type != REG_EXPAND_SZ)
        *error = ERROR_INVALID_DATATYPE;
    if (*error != ERROR_SUCCESS) {
        free(text);
        return NULL;
    }
    return text;
}

static enum steps_exit edit(struct steps *steps, const wchar_t *dir, bool add)
{
    wchar_t *before = NULL, *after = NULL;
    enum steps_exit exit = STEPS_DONE;
    LSTATUS error;
    DWORD type;
    HKEY key;

    error = RegOpenKeyExW(HKEY_LOCAL_MACHINE, KEY, 0, KEY_QUERY_VALUE | KEY_SET_VALUE, &key);
    if (error != ERROR_SUCCESS)
        return steps_fail(steps, STEPS_FAILED, (DWORD)error, "PATH cannot be changed");
    before = read_path(key, &type, &error);
    if (!before) {
        exit = steps_fail(steps, STEPS_FAILED, (DWORD)error, "PATH cannot be read");
        goto close;
    }
    if (path_list_has(before, dir) == add)
        goto close;
    after = add ? path_list_with(before, dir) : path_list_without(before, dir);
    if (!after) {
        exit = steps_fail(steps, STEPS_FAILED, 0, "out of memory");
        goto close;
    }
    if (add && wcslen(after) > PATH_MOST) {
        steps_say(steps, "PATH is as long as it can be; it is left as it is");
        goto close;
    }
    exit = journal_note(steps, add ? L"path+" : L"path-", dir, NULL);
    if (exit != STEPS_DONE)
        goto close;
    error = RegSetValueExW(key, VALUE, 0, type, (const BYTE *)after, (DWORD)((wcslen(after) + 1) * sizeof(*after)));
    if (error != ERROR_SUCCESS)
        exit = steps_fail(steps, STEPS_FAILED, (DWORD)error, "PATH cannot be changed");
close:
    free(after);
    free(before);
    RegCloseKey(key);
    return exit;
}

enum steps_exit environment_path_add(struct steps *steps, const wchar_t *dir)
{
    return edit(steps, dir, true);
}

enum steps_exit environment_path_remove(struct steps *steps, const wchar_t *dir)
{
    return edit(steps, dir, false);
}

void environment_tell(void)
{
    DWORD_PTR ignored;

    (void)SendMessageTimeoutW(HWND_BROADCAST, WM_SETTINGCHANGE, 0, (LPARAM)L"Environment", SMTO_ABORTIFHUNG, TELL_MS,
                              &ignored);
}
