/* SPDX-License-Identifier: MIT */
/* A link in the registry: wt_reglink HKCU-KEY HKCU-TARGET makes one, wt_reglink HKCU-KEY removes it. */
#include <windows.h>
#include <sddl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define UNITS 512u

int wmain(int count, wchar_t **words);

/* \Registry\User\S-1-...\KEY, as links have it. */
static bool whole(const wchar_t *key, wchar_t path[UNITS])
{
    union {
        TOKEN_USER user;
        uint8_t bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } self;
    DWORD length = sizeof(self);
    wchar_t *sid = NULL;
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    if (GetTokenInformation(token, TokenUser, &self, sizeof(self), &length) &&
        ConvertSidToStringSidW(self.user.User.Sid, &sid)) {
        (void)_snwprintf(path, UNITS, L"\\Registry\\User\\%ls\\%ls", sid, key);
        path[UNITS - 1] = L'\0';
        LocalFree(sid);
    }
    CloseHandle(token);
    return sid != NULL;
}

int wmain(int count, wchar_t **words)
{
    LONG(NTAPI * delete_key)(HANDLE);
    FARPROC function = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtDeleteKey");
    wchar_t path[UNITS];
    LSTATUS error;
    HKEY key;

    if (count == 3 && whole(words[2], path)) {
        error = RegCreateKeyExW(HKEY_CURRENT_USER, words[1], 0, NULL, REG_OPTION_CREATE_LINK | REG_OPTION_VOLATILE,
                                KEY_SET_VALUE | KEY_CREATE_LINK, NULL, &key, NULL);
        if (error == ERROR_SUCCESS)
            error = RegSetValueExW(key, L"SymbolicLinkValue", 0, REG_LINK, (const BYTE *)path,
                                   (DWORD)(wcslen(path) * sizeof(*path)));
    } else {
        error = RegOpenKeyExW(HKEY_CURRENT_USER, count > 1 ? words[1] : L"", REG_OPTION_OPEN_LINK, DELETE, &key);
        memcpy(&delete_key, &function, sizeof(function));
        if (error == ERROR_SUCCESS && delete_key(key) != 0)
            error = ERROR_ACCESS_DENIED;
    }
    if (error)
        (void)printf("error %ld\n", (long)error);
    return error ? 1 : 0;
}
