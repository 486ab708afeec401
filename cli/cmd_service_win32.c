/* SPDX-License-Identifier: MIT */
/* `service install`, `remove`, `start`, `stop`, `status`: the Platter service, as the service manager has it. */
#include "../mount/event_win32.h"
#include "../mount/wide_win32.h"
#include "../service/client_win32.h"
#include "commands.h"
#include "console.h"
#include "replaceable_win32.h"
#include "setup_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME L"" SERVICE_NAME
#define DISPLAY_NAME L"Platter Service"
#define PROGRAM L"platterd.exe"
#define STARTED_MS 30000u
#define STOPPED_MS 90000u /* above what the service takes for its drives */
#define POLL_MS 50u
#define ANSWER_MS 5000u

/* winsvc.h of mingw-w64 has them for newer systems only, or not at all. */
#ifndef SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO
#define SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO 6
#endif
#ifndef SERVICE_CONFIG_PRESHUTDOWN_INFO
#define SERVICE_CONFIG_PRESHUTDOWN_INFO 7
#endif

static enum platter_result failed(const char *what, struct platter_error *err)
{
    DWORD error = GetLastError();

    if (error == ERROR_SERVICE_DOES_NOT_EXIST)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET,
                                 "the Platter service is not installed; 'platter service install' does that");
    return platter_error_set_os(err, error == ERROR_ACCESS_DENIED ? PLATTER_E_ACCESS : PLATTER_E_FAILED, NULL,
                                PLATTER_NO_OFFSET, (int)error, "%s", what);
}

/* Both are to be closed. */
static enum platter_result open_service(DWORD access, SC_HANDLE *manager, SC_HANDLE *service, struct platter_error *err)
{
    enum platter_result result;

    *service = NULL;
    *manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (!*manager)
        return failed("the service manager does not answer", err);
    *service = OpenServiceW(*manager, NAME, access);
    if (*service)
        return PLATTER_OK;
    result = failed("the Platter service cannot be opened", err);
    CloseServiceHandle(*manager);
    return result;
}

static void close_service(SC_HANDLE manager, SC_HANDLE service)
{
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
}

/* ---- Starting and stopping ------------------------------------------------------------------------------------------ */

static bool reaches(SC_HANDLE service, DWORD state, uint32_t timeout_ms, SERVICE_STATUS *status)
{
    uint64_t until = cli_monotonic_ms() + timeout_ms;

    while (QueryServiceStatus(service, status)) {
        bool moving = status->dwCurrentState == SERVICE_START_PENDING || status->dwCurrentState == SERVICE_STOP_PENDING;

        if (status->dwCurrentState == state)
            return true;
        if ((!moving && state == SERVICE_RUNNING) || cli_monotonic_ms() >= until)
            return false;
        Sleep(POLL_MS);
    }
    return false;
}

static enum platter_result start(SC_HANDLE service, struct platter_error *err)
{
    SERVICE_STATUS status = {0};

    /* One that somebody is stopping counts as running, and then would not start. */
    if (QueryServiceStatus(service, &status) && status.dwCurrentState == SERVICE_STOP_PENDING)
        (void)reaches(service, SERVICE_STOPPED, STOPPED_MS, &status);
    if (!StartServiceW(service, 0, NULL) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
        return failed("the Platter service cannot be started", err);
    if (reaches(service, SERVICE_RUNNING, STARTED_MS, &status))
        return PLATTER_OK;
    return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)status.dwWin32ExitCode,
                                "the Platter service did not start");
}

static enum platter_result stop(SC_HANDLE service, struct platter_error *err)
{
    uint64_t until = cli_monotonic_ms() + STARTED_MS;
    SERVICE_STATUS status = {0};

    while (!ControlService(service, SERVICE_CONTROL_STOP, &status) && GetLastError() != ERROR_SERVICE_NOT_ACTIVE) {
        DWORD error = GetLastError();

        /* It starts, and is stopped when it runs; or it stops already. */
        if (error == ERROR_SERVICE_CANNOT_ACCEPT_CTRL && QueryServiceStatus(service, &status) &&
            status.dwCurrentState == SERVICE_STOP_PENDING)
            break;
        if (error != ERROR_SERVICE_CANNOT_ACCEPT_CTRL || cli_monotonic_ms() >= until) {
            SetLastError(error);
            return failed("the Platter service cannot be stopped", err);
        }
        Sleep(POLL_MS);
    }
    if (reaches(service, SERVICE_STOPPED, STOPPED_MS, &status))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET,
                             "the Platter service has not stopped within %u seconds", STOPPED_MS / 1000);
}

static enum platter_result done(struct cli_reply *reply, const char *outcome, const char *text)
{
    if (reply->json)
        platter_json_text(reply->root, "outcome", outcome);
    else
        cli_print(CLI_OUT, "%s\n", text);
    return PLATTER_OK;
}

enum platter_result cli_service_start(const struct cli_arguments *arguments, struct cli_reply *reply,
                                      struct platter_error *err)
{
    SC_HANDLE manager, service;
    enum platter_result result = open_service(SERVICE_START | SERVICE_QUERY_STATUS, &manager, &service, err);

    (void)arguments;
    if (result)
        return result;
    result = start(service, err);
    close_service(manager, service);
    return result ? result : done(reply, "running", "the Platter service runs");
}

enum platter_result cli_service_stop(const struct cli_arguments *arguments, struct cli_reply *reply,
                                     struct platter_error *err)
{
    SC_HANDLE manager, service;
    enum platter_result result = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS, &manager, &service, err);

    (void)arguments;
    if (result)
        return result;
    result = stop(service, err);
    close_service(manager, service);
    return result ? result : done(reply, "stopped", "the Platter service is stopped; its drives come back with it");
}

/* ---- Installing ------------------------------------------------------------------------------------------------------ */

/* platterd.exe beside this program, as the service manager wants it: in quotes. */
static enum platter_result find_program(wchar_t path[CLI_PATH_UNITS], wchar_t quoted[CLI_PATH_UNITS],
                                        struct platter_error *err)
{
    DWORD length = GetModuleFileNameW(NULL, path, CLI_PATH_UNITS);
    wchar_t *slash = length > 0 && length < CLI_PATH_UNITS ? wcsrchr(path, L'\\') : NULL;

    if (!slash || (size_t)(slash + 1 - path) + wcslen(PROGRAM) + 3 > CLI_PATH_UNITS)
        return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                 "the path of this program is too long for a service");
    wcscpy(slash + 1, PROGRAM);
    if (GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES)
        return platter_error_set_os(err, PLATTER_E_NOT_FOUND, "platterd.exe", PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "is not in the folder of platter.exe");
    (void)_snwprintf(quoted, CLI_PATH_UNITS, L"\"%ls\"", path);
    quoted[CLI_PATH_UNITS - 1] = L'\0';
    return PLATTER_OK;
}

/* None of it is needed for the service to work, and some systems do not know all of it. */
static void configure(SC_HANDLE service)
{
    static wchar_t text[] = L"Keeps drives of disk and backup images over log-offs and restarts.";
    static wchar_t privileges[] = L"SeTcbPrivilege\0SeImpersonatePrivilege\0SeAssignPrimaryTokenPrivilege\0"
                                  L"SeIncreaseQuotaPrivilege\0SeChangeNotifyPrivilege\0";
    SERVICE_DESCRIPTIONW description = {text};
    SC_ACTION again[] = {{SC_ACTION_RESTART, 1000}, {SC_ACTION_RESTART, 5000}, {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSW failure = {.dwResetPeriod = 86400, .cActions = 3, .lpsaActions = again};
    SERVICE_REQUIRED_PRIVILEGES_INFOW needed = {privileges};
    SERVICE_PRESHUTDOWN_INFO before_shutdown = {STOPPED_MS};

    (void)ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &description);
    (void)ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failure);
    (void)ChangeServiceConfig2W(service, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &needed);
    (void)ChangeServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &before_shutdown);
}

static enum platter_result create(const wchar_t *command, SC_HANDLE *service, struct platter_error *err)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    enum platter_result result = PLATTER_OK;

    if (!manager)
        return failed("the service manager does not let services be made", err);
    *service = CreateServiceW(manager, NAME, DISPLAY_NAME, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
                              SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, NULL, NULL);
    if (!*service && GetLastError() == ERROR_SERVICE_EXISTS) {
        *service = OpenServiceW(manager, NAME, SERVICE_ALL_ACCESS);
        if (*service)
            result = stop(*service, err); /* an older one may run */
        if (*service && result == PLATTER_OK &&
            !ChangeServiceConfigW(*service, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
                                  command, NULL, NULL, NULL, L"LocalSystem", NULL, DISPLAY_NAME))
            result = failed("the Platter service cannot be changed", err);
    }
    if (!*service)
        result = failed("the Platter service cannot be made", err);
    CloseServiceHandle(manager);
    return result;
}

/* Whoever can exchange the service's program has the rights of SYSTEM when it starts the next time. */
static void warn_of_place(const wchar_t *path, struct cli_reply *reply)
{
    bool replaceable = cli_is_replaceable(path);

    if (reply->json)
        platter_json_bool(reply->root, "replaceable", replaceable);
    else if (replaceable)
        cli_print(CLI_ERR,
                  "platter: warning: platterd.exe, which runs as SYSTEM, lies where users who are no administrators "
                  "may exchange it; install it in a folder of Program Files\n");
}

enum platter_result cli_service_install(const struct cli_arguments *arguments, struct cli_reply *reply,
                                        struct platter_error *err)
{
    wchar_t path[CLI_PATH_UNITS], quoted[CLI_PATH_UNITS];
    SC_HANDLE service = NULL;
    enum platter_result result = cli_setup_may(err);

    (void)arguments;
    if (result == PLATTER_OK)
        result = find_program(path, quoted, err);
    if (result == PLATTER_OK)
        result = create(quoted, &service, err);
    if (result == PLATTER_OK) {
        configure(service);
        (void)platter_event_source_add(path, NULL); /* without it events have no texts, and are there all the same */
        result = start(service, err);
    }
    if (service)
        CloseServiceHandle(service);
    if (result)
        return result;
    warn_of_place(path, reply);
    return done(reply, "installed", "the Platter service is installed and runs");
}

enum platter_result cli_service_remove_service(const struct cli_arguments *arguments, struct cli_reply *reply,
                                               struct platter_error *err)
{
    SC_HANDLE manager, service;
    enum platter_result result = cli_setup_may(err);

    (void)arguments;
    if (result == PLATTER_OK)
        result = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE, &manager, &service, err);
    if (result == PLATTER_E_NOT_FOUND)
        return done(reply, "absent", "the Platter service is not installed");
    if (result)
        return result;
    result = stop(service, err);
    if (result == PLATTER_OK && !DeleteService(service) && GetLastError() != ERROR_SERVICE_MARKED_FOR_DELETE)
        result = failed("the Platter service cannot be removed", err);
    close_service(manager, service);
    if (result == PLATTER_OK)
        (void)platter_event_source_remove(NULL);
    return result ? result
                  : done(reply, "removed", "the Platter service is removed; what it kept stays in the registry");
}

/* ---- Telling --------------------------------------------------------------------------------------------------------- */

enum platter_result cli_service_status(const struct cli_arguments *arguments, struct cli_reply *reply,
                                       struct platter_error *err)
{
    json_t *request = json_object(), *answer = NULL;
    SC_HANDLE manager, service;
    enum platter_result result;
    bool installed;

    (void)arguments;
    installed = open_service(SERVICE_QUERY_STATUS, &manager, &service, err) == PLATTER_OK;
    if (installed)
        close_service(manager, service);
    platter_json_text(request, "request", "status");
    result = service_ask(request, ANSWER_MS, &answer, err);
    if (reply->json) {
        platter_json_bool(reply->root, "installed", installed);
        platter_json_bool(reply->root, "running", result == PLATTER_OK);
        if (answer)
            (void)json_object_update(reply->root, answer);
    } else if (result == PLATTER_OK) {
        cli_print(CLI_OUT,
                  "the Platter service %s runs as process %lld and keeps %lld mounts\n"
                  "workers of images on this machine: %s\n",
                  platter_json_text_of(answer, "version"),
                  (long long)json_integer_value(json_object_get(answer, "process_id")),
                  (long long)json_integer_value(json_object_get(answer, "mounts")),
                  platter_json_text_of(answer, "confinement"));
    }
    json_decref(answer);
    json_decref(request);
    return result;
}
