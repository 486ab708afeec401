/* SPDX-License-Identifier: MIT */
#include "scm_win32.h"

#include <windows.h>

#include "../mount/folder_win32.h"
#include "message.h"
#include "mounts_win32.h"
#include "server_win32.h"

#ifndef SERVICE_ACCEPT_PRESHUTDOWN
#define SERVICE_ACCEPT_PRESHUTDOWN 0x00000100
#define SERVICE_CONTROL_PRESHUTDOWN 0x0000000F
#endif

#define STOP_MS 60000u /* for all drives; the service manager is told to wait that long */
#define HINT_MS 10000u
#define STEP_MS 2000u
#define LOGGED_ON 5u /* WTS_SESSION_LOGON, winuser.h */

static SERVICE_STATUS_HANDLE manager;
static SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = SERVICE_START_PENDING};
static HANDLE stop;
static SRWLOCK lock = SRWLOCK_INIT; /* `status`: the manager calls from a thread of its own */

static void report(DWORD state, DWORD error)
{
    bool pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;

    AcquireSRWLockExclusive(&lock);
    if (status.dwCurrentState == SERVICE_STOPPED) /* the last word */
        goto done;
    status.dwCurrentState = state;
    status.dwControlsAccepted =
        state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_SESSIONCHANGE : 0;
    status.dwWin32ExitCode = error;
    status.dwCheckPoint = pending ? status.dwCheckPoint + 1 : 0;
    status.dwWaitHint = pending ? HINT_MS : 0;
    SetServiceStatus(manager, &status);
done:
    ReleaseSRWLockExclusive(&lock);
}

static DWORD WINAPI control(DWORD code, DWORD type, void *data, void *context)
{
    (void)data;
    (void)context;
    switch (code) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN: /* before the file systems go */
        report(SERVICE_STOP_PENDING, NO_ERROR);
        SetEvent(stop);
        return NO_ERROR;
    case SERVICE_CONTROL_SESSIONCHANGE:
        if (type == LOGGED_ON)
            service_mounts_retry();
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* So that the service manager does not lose patience while drives are taken away. */
static DWORD WINAPI stop_mounts(void *unused)
{
    (void)unused;
    service_mounts_stop(STOP_MS);
    return 0;
}

static void end(void)
{
    HANDLE thread = CreateThread(NULL, 0, stop_mounts, NULL, 0, NULL);

    if (!thread)
        (void)stop_mounts(NULL);
    while (thread && WaitForSingleObject(thread, STEP_MS) == WAIT_TIMEOUT)
        report(SERVICE_STOP_PENDING, NO_ERROR);
    if (thread)
        CloseHandle(thread);
}

static void WINAPI service_main(DWORD count, wchar_t **words)
{
    static wchar_t name[] = L"" SERVICE_NAME;

    (void)count;
    (void)words;
    manager = RegisterServiceCtrlHandlerExW(name, control, NULL);
    if (!manager)
        return;
    report(SERVICE_START_PENDING, NO_ERROR);
    (void)service_server_open(); /* at once, before anybody else can; else it is tried again */
    platter_folder_notes_of_machine();
    service_mounts_restore();
    report(SERVICE_RUNNING, NO_ERROR);
    service_server_run(stop);
    end();
    report(SERVICE_STOPPED, NO_ERROR);
}

bool service_run(void)
{
    static wchar_t name[] = L"" SERVICE_NAME;
    static const SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};

    stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    return stop && StartServiceCtrlDispatcherW(table);
}
