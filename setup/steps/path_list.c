/* SPDX-License-Identifier: MIT */
#include "path_list.h"

#include <stdlib.h>
#include <wctype.h>

/* A folder in the list, from `start` on; a semicolon between quotes does not end it. */
static size_t entry_length(const wchar_t *start)
{
    bool quoted = false;
    size_t length = 0;

    for (; start[length] && (quoted || start[length] != L';'); length++) {
        if (start[length] == L'"')
            quoted = !quoted;
    }
    return length;
}

static void trim(const wchar_t **start, size_t *length)
{
    while (*length > 0 && (**start == L' ' || **start == L'"')) {
        (*start)++;
        (*length)--;
    }
    while (*length > 0 && wcschr(L" \"\\", (*start)[*length - 1]))
        (*length)--;
}

static bool same_folder(const wchar_t *entry, size_t length, const wchar_t *dir)
{
    size_t dir_length = wcslen(dir);

    trim(&entry, &length);
    trim(&dir, &dir_length);
    if (length != dir_length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (towlower((wint_t)entry[i]) != towlower((wint_t)dir[i]))
            return false;
    }
    return true;
}

bool path_list_has(const wchar_t *list, const wchar_t *dir)
{
    while (*list) {
        size_t length = entry_length(list);

        if (same_folder(list, length, dir))
            return true;
        list += length + (list[length] == L';');
    }
    return false;
}

wchar_t *path_list_with(const wchar_t *list, const wchar_t *dir)
{
    size_t length = wcslen(list);
    bool ended = length == 0 || list[length - 1] == L';';
    wchar_t *made = malloc((length + wcslen(dir) + 2) * sizeof(*made));

    if (!made)
        return NULL;
    wcscpy(made, list);
    if (!ended)
        wcscat(made, L";");
    wcscat(made, dir);
    /* One that ended with a semicolon does again, so that taking the folder out leaves what was there. */
    if (ended && length > 0)
        wcscat(made, L";");
    return made;
}

wchar_t *path_list_without(const wchar_t *list, const wchar_t *dir)
{
    wchar_t *made = malloc((wcslen(list) + 1) * sizeof(*made));
    size_t used = 0;

    if (!made)
        return NULL;
    while (*list) {
        size_t length = entry_length(list), whole = length + (list[length] == L';');

        if (!same_folder(list, length, dir)) {
            wmemcpy(made + used, list, whole);
            used += whole;
        } else if (whole == length && used > 0) {
            used--; /* the last: the semicolon before it goes with it */
        }
        list += whole;
    }
    made[used] = L'\0';
    return made;
}
