/* SPDX-License-Identifier: MIT */
/*
 * In the place of a program that does not start: makes the file NAME.ran beside itself (NAME is its own path), waits until
 * there is NAME.go, and ends with 7.
 */
#include <windows.h>
#include <wchar.h>

#define UNITS 1024u
#define WAIT_MS 15000u
#define POLL_MS 20u

int wmain(void);

int wmain(void)
{
    wchar_t ran[UNITS], go[UNITS];
    DWORD length = GetModuleFileNameW(NULL, ran, UNITS - 8);
    HANDLE file;

    if (length == 0 || length >= UNITS - 8)
        return 1;
    wcscpy(go, ran);
    wcscat(ran, L".ran");
    wcscat(go, L".go");
    file = CreateFileW(ran, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 2;
    CloseHandle(file);
    for (unsigned waited = 0; waited < WAIT_MS && GetFileAttributesW(go) == INVALID_FILE_ATTRIBUTES; waited += POLL_MS)
        Sleep(POLL_MS);
    return 7;
}
