/* SPDX-License-Identifier: MIT */
#include "input_win32.h"

#include <windows.h>
#include <string.h>

void *platter_input_line(const char *line)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE theirs = NULL, ours = NULL;
    DWORD length = (DWORD)strlen(line), written, error = ERROR_SUCCESS;

    if (length >= PLATTER_INPUT_MOST) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    /* All of it fits into the pipe, which keeps it when our end is closed. */
    if (!CreatePipe(&theirs, &ours, &inherited, PLATTER_INPUT_MOST))
        return NULL;
    if (!SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0) || !WriteFile(ours, line, length, &written, NULL) ||
        !WriteFile(ours, "\n", 1, &written, NULL))
        error = GetLastError();
    CloseHandle(ours);
    if (error) {
        CloseHandle(theirs);
        SetLastError(error);
        return NULL;
    }
    return theirs;
}
