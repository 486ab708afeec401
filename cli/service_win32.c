/* SPDX-License-Identifier: MIT */
#include "setup_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platter/protocol.h>

#define SERVICE_NAME L"" PLATTER_SERVICE_NAME
#define STOP_MS 15000u
#define POLL_MS 50u

static enum platter_result service_error(struct platter_error *err, DWORD error, const char *what)
{
    return platter_error_set_os(err, error == ERROR_ACCESS_DENIED ? PLATTER_E_ACCESS : PLATTER_E_DRIVER, NULL,
                                PLATTER_NO_OFFSET, (int)error, "%s", what);
}

/* A driver's ImagePath comes in the kernel's spellings; nothing, where the INF said nothing, is the drivers' folder. */
static void resolve_path(const wchar_t *given, wchar_t *path)
{
    static const wchar_t root[] = L"\\SystemRoot\\", global[] = L"\\??\\";
    wchar_t windows[MAX_PATH];

    if (GetSystemWindowsDirectoryW(windows, MAX_PATH) == 0)
        windows[0] = L'\0';
    if (_wcsnicmp(given, root, wcslen(root)) == 0)
        (void)_snwprintf(path, CLI_PATH_UNITS, L"%ls\\%ls", windows, given + wcslen(root));
    else if (_wcsnicmp(given, global, wcslen(global)) == 0)
        (void)_snwprintf(path, CLI_PATH_UNITS, L"%ls", given + wcslen(global));
    else if (given[0] && given[1] == L':')
        (void)_snwprintf(path, CLI_PATH_UNITS, L"%ls", given);
    else if (given[0])
        (void)_snwprintf(path, CLI_PATH_UNITS, L"%ls\\%ls", windows, given);
    else
        (void)_snwprintf(path, CLI_PATH_UNITS, L"%ls\\System32\\drivers\\%ls.sys", windows, SERVICE_NAME);
    path[CLI_PATH_UNITS - 1] = L'\0';
}

static void read_file(SC_HANDLE service, wchar_t *path)
{
    DWORD size = 0;
    QUERY_SERVICE_CONFIGW *config;

    (void)QueryServiceConfigW(service, NULL, 0, &size);
    config = size > 0 ? malloc(size) : NULL;
    if (config && QueryServiceConfigW(service, config, size, &size))
        resolve_path(config->lpBinaryPathName ? config->lpBinaryPathName : L"", path);
    free(config);
}

enum platter_result cli_service_query(struct cli_service *service, struct platter_error *err)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), handle;
    enum platter_result result = PLATTER_OK;
    SERVICE_STATUS status = {0};

    memset(service, 0, sizeof(*service));
    if (!manager)
        return service_error(err, GetLastError(), "cannot ask the service manager");
    handle = OpenServiceW(manager, SERVICE_NAME, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
    if (handle) {
        service->installed = true;
        service->running = QueryServiceStatus(handle, &status) && status.dwCurrentState == SERVICE_RUNNING;
        read_file(handle, service->file);
        CloseServiceHandle(handle);
    } else if (GetLastError() != ERROR_SERVICE_DOES_NOT_EXIST) {
        result = service_error(err, GetLastError(), "cannot ask for the driver's service");
    }
    CloseServiceHandle(manager);
    return result;
}

void cli_service_start_driver(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(manager, SERVICE_NAME, SERVICE_START) : NULL;

    if (service) {
        (void)StartServiceW(service, 0, NULL);
        CloseServiceHandle(service);
    }
    if (manager)
        CloseServiceHandle(manager);
}

/* True when it stands still, or was not running at all. */
static bool stop(SC_HANDLE service)
{
    SERVICE_STATUS status = {0};

    (void)ControlService(service, SERVICE_CONTROL_STOP, &status);
    for (unsigned waited = 0; waited < STOP_MS; waited += POLL_MS) {
        if (!QueryServiceStatus(service, &status) || status.dwCurrentState == SERVICE_STOPPED)
            return true;
        Sleep(POLL_MS);
    }
    return false;
}

/* One that is deleted goes when the last who has it open has closed it; until then no other of its name can be made. */
static bool is_gone(SC_HANDLE manager)
{
    for (unsigned waited = 0; waited < STOP_MS; waited += POLL_MS) {
        SC_HANDLE service = OpenServiceW(manager, SERVICE_NAME, SERVICE_QUERY_STATUS);

        if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST)
            return true;
        if (service)
            CloseServiceHandle(service);
        Sleep(POLL_MS);
    }
    return false;
}

enum platter_result cli_service_remove(bool *restart, struct platter_error *err)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), service;
    enum platter_result result = PLATTER_OK;
    wchar_t path[CLI_PATH_UNITS] = L"";

    if (!manager)
        return service_error(err, GetLastError(), "cannot ask the service manager");
    service = OpenServiceW(manager, SERVICE_NAME, SERVICE_STOP | SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG | DELETE);
    if (!service) {
        if (GetLastError() != ERROR_SERVICE_DOES_NOT_EXIST)
            result = service_error(err, GetLastError(), "cannot open the driver's service");
        goto close_manager;
    }
    read_file(service, path);
    if (!stop(service))
        *restart = true;
    if (!DeleteService(service) && GetLastError() != ERROR_SERVICE_MARKED_FOR_DELETE)
        result = service_error(err, GetLastError(), "cannot delete the driver's service");
    CloseServiceHandle(service);
    if (result == PLATTER_OK && !is_gone(manager))
        *restart = true;
    if (result == PLATTER_OK && path[0] && !DeleteFileW(path) && GetLastError() != ERROR_FILE_NOT_FOUND &&
        GetLastError() != ERROR_PATH_NOT_FOUND) {
        /* Still mapped by a driver that would not unload. */
        *restart = true;
        (void)MoveFileExW(path, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
    }
close_manager:
    CloseServiceHandle(manager);
    return result;
}

bool cli_same_bytes(const wchar_t *a, const wchar_t *b)
{
    enum { PART = 65536 };
    FILE *files[2] = {_wfopen(a, L"rb"), _wfopen(b, L"rb")};
    char *parts = malloc(2 * PART);
    bool same = files[0] && files[1] && parts;

    while (same) {
        size_t one = fread(parts, 1, PART, files[0]), other = fread(parts + PART, 1, PART, files[1]);

        same = one == other && memcmp(parts, parts + PART, one) == 0 && !ferror(files[0]) && !ferror(files[1]);
        if (one < PART)
            break;
    }
    for (size_t i = 0; i < 2; i++) {
        if (files[i])
            (void)fclose(files[i]);
    }
    free(parts);
    return same;
}

bool cli_file_version(const wchar_t *path, char *buffer, size_t size)
{
    DWORD ignored, length = GetFileVersionInfoSizeW(path, &ignored);
    void *block = length > 0 ? malloc(length) : NULL;
    VS_FIXEDFILEINFO *fixed = NULL;
    UINT fixed_length = 0;
    bool found = block && GetFileVersionInfoW(path, 0, length, block) &&
                 VerQueryValueW(block, L"\\", (void **)&fixed, &fixed_length) && fixed_length >= sizeof(*fixed);

    if (found)
        (void)snprintf(buffer, size, "%u.%u.%u.%u", (unsigned)HIWORD(fixed->dwFileVersionMS),
                       (unsigned)LOWORD(fixed->dwFileVersionMS), (unsigned)HIWORD(fixed->dwFileVersionLS),
                       (unsigned)LOWORD(fixed->dwFileVersionLS));
    free(block);
    return found;
}
