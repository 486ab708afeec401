/* SPDX-License-Identifier: MIT */
/* The text of PATH: folders between semicolons. Of any length, and nothing but the one folder is changed. */
#ifndef PLATTER_SETUP_PATH_LIST_H
#define PLATTER_SETUP_PATH_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* Whether `dir` is one of the folders, however it is spelled: case, a backslash at the end, quotes. */
bool path_list_has(const wchar_t *list, const wchar_t *dir);
/* The list with `dir` at its end; to be freed. NULL without memory. */
wchar_t *path_list_with(const wchar_t *list, const wchar_t *dir);
/* The list without `dir`, each time it is in it: exactly what path_list_with() was given. To be freed; NULL without memory. */
wchar_t *path_list_without(const wchar_t *list, const wchar_t *dir);

#endif
