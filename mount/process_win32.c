/* SPDX-License-Identifier: MIT */
#include "process_win32.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "wide_win32.h"

#define PATH_UNITS 32768u

char *platter_process_program(uint32_t process_id)
{
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    wchar_t *path = malloc(PATH_UNITS * sizeof(*path));
    char *whole = NULL, *name = NULL;
    DWORD units = PATH_UNITS;

    if (process && path && QueryFullProcessImageNameW(process, 0, path, &units))
        whole = platter_narrow(path);
    if (whole)
        name = _strdup(platter_base_name(whole));
    free(whole);
    free(path);
    if (process)
        CloseHandle(process);
    return name;
}
