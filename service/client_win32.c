/* SPDX-License-Identifier: MIT */
#include "client_win32.h"

#include <aclapi.h>
#include <stdlib.h>

#include "../engine/os/system.h"
#include "channel_win32.h"
#include "pipe_win32.h"

#define CONNECT_MS 10000u
#define SEND_MS 10000u
#define AGAIN_MS 50u       /* and longer each time, up to: */
#define AGAIN_MOST_MS 500u /* of one user the service takes some clients at a time, and sends the others away */
#define CONFIG_BYTES 8192u

/* ---- Who it has to be ------------------------------------------------------------------------------------------------ */

/* The process id of the running service, as the service manager has it, which runs it as SYSTEM. */
static enum platter_result service_process(DWORD *process_id, struct platter_error *err)
{
    union {
        QUERY_SERVICE_CONFIGW config;
        uint8_t bytes[CONFIG_BYTES];
    } answer;
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), service = NULL;
    SERVICE_STATUS_PROCESS status = {0};
    enum platter_result result = PLATTER_OK;
    DWORD needed;

    if (manager)
        service = OpenServiceW(manager, L"" SERVICE_NAME, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
    if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST)
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET,
                                   "the Platter service is not installed; 'platter service install' does that");
    else if (!service ||
             !QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&status, sizeof(status), &needed) ||
             !QueryServiceConfigW(service, &answer.config, sizeof(answer), &needed))
        result = platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                      "the service manager does not tell of the Platter service");
    else if (status.dwCurrentState != SERVICE_RUNNING)
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "%s",
                                   status.dwCurrentState == SERVICE_START_PENDING ? "the Platter service is starting"
                                   : status.dwCurrentState == SERVICE_STOP_PENDING
                                       ? "the Platter service is stopping"
                                       : "the Platter service is not running; 'platter service start' starts it");
    else if (!answer.config.lpServiceStartName || _wcsicmp(answer.config.lpServiceStartName, L"LocalSystem") != 0)
        result = platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                                   "the Platter service does not run as SYSTEM, so it is not trusted");
    *process_id = status.dwProcessId;
    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    return result;
}

/* SYSTEM; or this user, where SYSTEM is nobody who could own a thing (Wine): all are one user there. */
static bool is_trusted(PSID owner)
{
    union {
        TOKEN_USER user;
        uint8_t bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } self;
    DWORD length = sizeof(self);
    HANDLE token = NULL;
    bool own = false;

    if (IsWellKnownSid(owner, WinLocalSystemSid))
        return true;
    if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        own =
            GetTokenInformation(token, TokenUser, &self, sizeof(self), &length) && EqualSid(owner, self.user.User.Sid);
        CloseHandle(token);
    }
    return own;
}

/*
 * Its process, and whose it is: a pipe keeps the number of who made it, who may have ended since and left the pipe to
 * another, and only SYSTEM can make SYSTEM the owner of a thing. PLATTER_E_BUSY: it has sent us away already.
 */
static enum platter_result check_server(HANDLE pipe, DWORD process_id, struct platter_error *err)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    ULONG server = 0;
    DWORD error = GetNamedPipeServerProcessId(pipe, &server) ? ERROR_SUCCESS : GetLastError();
    bool trusted = false;

    if (error == ERROR_SUCCESS && server == process_id) {
        error =
            GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &descriptor);
        trusted = error == ERROR_SUCCESS && owner && is_trusted(owner);
        LocalFree(descriptor);
    }
    if (error)
        return platter_error_set_os(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, (int)error,
                                    "the Platter service has too many clients of yours");
    if (trusted)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                             "another program (process %lu) has the Platter service's pipe; nothing was asked of it",
                             (unsigned long)server);
}

/* ---- Connecting ------------------------------------------------------------------------------------------------------ */

static enum platter_result open_pipe(DWORD level, DWORD process_id, uint64_t until, HANDLE *pipe,
                                     struct platter_error *err)
{
    enum platter_result result;

    for (;;) {
        DWORD error;

        *pipe = CreateFileW(SERVICE_PIPE, GENERIC_READ | FILE_WRITE_DATA, 0, NULL, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | level, NULL);
        error = GetLastError();
        if (*pipe != INVALID_HANDLE_VALUE)
            break;
        if ((error != ERROR_PIPE_BUSY && error != ERROR_FILE_NOT_FOUND) || platter_os_monotonic_ms() >= until)
            return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, (int)error, "%s",
                                        error == ERROR_PIPE_BUSY ? "the Platter service has too many clients"
                                                                 : "the Platter service does not answer");
        Sleep(AGAIN_MS);
    }
    result = check_server(*pipe, process_id, err);
    if (result)
        CloseHandle(*pipe);
    return result;
}

/*
 * First so that whoever has the pipe could at most learn who asks; then, when it is known to be the service, so that it
 * may act for the caller. Its name cannot have gone to another in between while that process lives.
 */
static enum platter_result connect_to_service(uint64_t until, HANDLE *pipe, struct platter_error *err)
{
    DWORD process_id;
    enum platter_result result = service_process(&process_id, err);

    if (result == PLATTER_OK)
        result = open_pipe(SECURITY_IDENTIFICATION, process_id, until, pipe, err);
    if (result)
        return result;
    CloseHandle(*pipe);
    return open_pipe(SECURITY_IMPERSONATION, process_id, until, pipe, err);
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------- */

/*
 * One attempt. PLATTER_E_BUSY: sent away unheard. The service answers whatever it has read, so an end without a byte of an
 * answer means that nothing was asked of it: to ask again, a mount too, does it once.
 */
static enum platter_result ask_once(const json_t *request, uint32_t timeout_ms, uint64_t until, char **text,
                                    uint32_t *length, struct platter_error *err)
{
    struct service_channel channel = {.stop = NULL};
    enum platter_result result = connect_to_service(until, &channel.pipe, err);

    if (result)
        return result;
    result = service_channel_send(&channel, request, SEND_MS, err);
    if (result == PLATTER_OK)
        result = service_channel_receive(&channel, SERVICE_REPLY_MOST, timeout_ms, text, length, err);
    CloseHandle(channel.pipe);
    if (result == PLATTER_E_IO && *length == 0 && err->os_error != WAIT_TIMEOUT)
        result =
            platter_error_set_os(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, err->os_error,
                                 "the Platter service ended the connection; it may have too many clients of yours");
    return result;
}

enum platter_result service_ask(json_t *request, uint32_t timeout_ms, json_t **answer, struct platter_error *err)
{
    uint64_t until = platter_os_monotonic_ms() + CONNECT_MS;
    struct platter_error local;
    uint32_t length = 0;
    char *text = NULL;
    enum platter_result result;

    if (!err)
        err = &local;
    platter_json_number(request, "protocol", SERVICE_PROTOCOL);
    for (DWORD pause = AGAIN_MS;; pause = pause * 2 < AGAIN_MOST_MS ? pause * 2 : AGAIN_MOST_MS) {
        result = ask_once(request, timeout_ms, until, &text, &length, err);
        if (result != PLATTER_E_BUSY || platter_os_monotonic_ms() >= until)
            break;
        Sleep(pause);
    }
    if (result)
        return result;
    *answer = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!json_is_object(*answer)) {
        result = platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET,
                                   "the Platter service's answer makes no sense");
    } else if (json_object_get(*answer, "error")) {
        result = platter_error_take(json_object_get(*answer, "error"), err);
    }
    if (result) {
        json_decref(*answer);
        *answer = NULL;
    }
    return result;
}
