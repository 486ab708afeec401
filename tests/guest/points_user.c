/* SPDX-License-Identifier: MIT */
/* Another user: with a logon session of his own, and so with other drive letters of his own. */
#include "points.h"

#include <stdio.h>
#include <wchar.h>

static int fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    return 1;
}

static void print_session(HANDLE token)
{
    TOKEN_STATISTICS statistics = {0};
    DWORD size;

    if (GetTokenInformation(token, TokenStatistics, &statistics, sizeof(statistics), &size))
        printf("session %lx:%lx\n", (unsigned long)statistics.AuthenticationId.HighPart,
               (unsigned long)statistics.AuthenticationId.LowPart);
}

static int list(const wchar_t *folder)
{
    wchar_t pattern[MAX_PATH];
    WIN32_FIND_DATAW found;
    HANDLE search;

    (void)_snwprintf(pattern, MAX_PATH, L"%ls\\*", folder);
    pattern[MAX_PATH - 1] = L'\0';
    search = FindFirstFileW(pattern, &found);
    printf("in %ls\n", folder);
    if (search == INVALID_HANDLE_VALUE)
        return fail("FindFirstFile");
    do
        printf("sees %ls %lu\n", found.cFileName, found.nFileSizeLow);
    while (FindNextFileW(search, &found));
    FindClose(search);
    return 0;
}

/* Only who has the privilege to assign tokens may; CreateProcessWithLogon would ask a service that has it, but where that
 * service is broken it takes the caller with it. */
static HANDLE start_as(HANDLE token, wchar_t *command)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;

    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessAsUserW(token, NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        fail("CreateProcessAsUser");
        return NULL;
    }
    CloseHandle(process.hThread);
    return process.hProcess;
}

static int run_as(HANDLE token, wchar_t *command)
{
    HANDLE process = start_as(token, command);
    DWORD status = 1;

    if (!process)
        return 1;
    WaitForSingleObject(process, INFINITE); /* who started us has a limit */
    GetExitCodeProcess(process, &status);
    CloseHandle(process);
    return (int)status;
}

int points_as(const wchar_t *user, const wchar_t *password, const wchar_t *folder, const wchar_t *closed,
              wchar_t *command)
{
    HANDLE token;
    int status;

    if (!LogonUserW(user, L".", password, LOGON32_LOGON_INTERACTIVE, LOGON32_PROVIDER_DEFAULT, &token))
        return fail("LogonUser");
    print_session(token);
    if (ImpersonateLoggedOnUser(token)) {
        status = list(folder);
        if (list(closed) == 0)
            status = fail("a folder that was to be closed is open");
        RevertToSelf();
    } else {
        status = fail("ImpersonateLoggedOnUser");
    }
    if (run_as(token, command) != 0)
        status = 1;
    CloseHandle(token);
    return status;
}
