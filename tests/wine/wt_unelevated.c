/* SPDX-License-Identifier: MIT */
/*
 * wt_unelevated PROGRAM ARGUMENTS...: runs a program with a token in which Administrators only denies, as UAC gives to an
 * administrator's ordinary programs. Its exit status is the program's.
 */
#include "wt.h"
#include <wchar.h>

int wmain(int argc, wchar_t **argv)
{
    SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    SID_AND_ATTRIBUTES administrators = {NULL, 0};
    wchar_t command[2048] = L"";
    HANDLE token = NULL, restricted = NULL;
    DWORD status = 0xff;

    if (argc < 2)
        wt_bail("usage: wt_unelevated PROGRAM ARGUMENTS...");
    for (int i = 1; i < argc && wcslen(command) + wcslen(argv[i]) + 4 < 2048; i++)
        (void)wcscat(wcscat(wcscat(command, i > 1 ? L" \"" : L"\""), argv[i]), L"\"");
    if (!AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0, 0,
                                  &administrators.Sid) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token) ||
        !CreateRestrictedToken(token, 0, 1, &administrators, 0, NULL, 0, NULL, &restricted))
        wt_bail("no restricted token: error %lu", GetLastError());
    if (!CreateProcessAsUserW(restricted, NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        wt_bail("%ls cannot be run: error %lu", command, GetLastError());
    if (WaitForSingleObject(process.hProcess, 60000) != WAIT_OBJECT_0 || !GetExitCodeProcess(process.hProcess, &status))
        wt_bail("%ls does not end", command);
    return (int)status;
}
