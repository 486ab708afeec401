/* SPDX-License-Identifier: MIT */
#include "remember_win32.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/source/source.h"
#include "text.h"
#include "wide_win32.h"

#define KEY "Software\\Platter\\Letters"

char *platter_remember_path(const char *path)
{
    DWORD(WINAPI * final_name)(HANDLE, wchar_t *, DWORD, DWORD); /* Windows Vista and later */
    FARPROC function = GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "GetFinalPathNameByHandleW");
    wchar_t *wide = platter_wide(path), whole[1024];
    HANDLE file = INVALID_HANDLE_VALUE;
    char *narrow = NULL;
    DWORD length = 0;

    memcpy(&final_name, &function, sizeof(function));
    if (wide && final_name && !platter_source_is_remote(path))
        file = CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                           SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (file != INVALID_HANDLE_VALUE) {
        length = final_name(file, whole, sizeof(whole) / sizeof(whole[0]), 0);
        CloseHandle(file);
    }
    if (length > 0 && length < sizeof(whole) / sizeof(whole[0])) {
        CharUpperBuffW(whole, length);
        narrow = platter_narrow(whole);
    } else if (wide) {
        CharUpperBuffW(wide, (DWORD)wcslen(wide));
        narrow = platter_narrow(wide);
    }
    free(wide);
    return narrow;
}

char platter_remembered_letter(const uint8_t id[16])
{
    char name[PLATTER_GUID_TEXT];
    wchar_t drive[] = L"?:", target[2];
    DWORD letter = 0, size = sizeof(letter), type = 0;
    HKEY key;

    if (RegOpenKeyExA(HKEY_CURRENT_USER, KEY, 0, KEY_QUERY_VALUE, &key) != ERROR_SUCCESS)
        return 0;
    if (RegQueryValueExA(key, platter_guid_text(id, name), NULL, &type, (BYTE *)&letter, &size) != ERROR_SUCCESS ||
        type != REG_DWORD || letter < 'A' || letter > 'Z')
        letter = 0;
    RegCloseKey(key);
    drive[0] = (wchar_t)letter;
    /* Too small a buffer: it is there. */
    if (letter && (QueryDosDeviceW(drive, target, 2) || GetLastError() == ERROR_INSUFFICIENT_BUFFER))
        letter = 0;
    return (char)letter;
}

void platter_remember_letter(const uint8_t id[16], char letter)
{
    DWORD value = (DWORD)letter;
    char name[PLATTER_GUID_TEXT];
    HKEY key;

    if (RegCreateKeyExA(HKEY_CURRENT_USER, KEY, 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL) != ERROR_SUCCESS)
        return;
    RegSetValueExA(key, platter_guid_text(id, name), 0, REG_DWORD, (const BYTE *)&value, sizeof(value));
    RegCloseKey(key);
}
