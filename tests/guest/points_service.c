/* SPDX-License-Identifier: MIT */
/* Drivers that the service manager alone starts: ours, without a bus device, and eject.sys (eject.c). */
#include "points.h"

#include <platter/protocol.h>
#include <stdio.h>
#include <wchar.h>

#define STOP_MS 20000u
#define POLL_MS 100u
#define EJECT_SERVICE L"platterEject"
#define EJECT_KEY L"SYSTEM\\CurrentControlSet\\Services\\" EJECT_SERVICE

static int fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    return 1;
}

static SC_HANDLE make(SC_HANDLE manager, const wchar_t *name, const wchar_t *file)
{
    return CreateServiceW(manager, name, name, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START,
                          SERVICE_ERROR_NORMAL, file, NULL, NULL, NULL, NULL, NULL);
}

int points_service(const wchar_t *file)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = manager ? make(manager, L"" PLATTER_SERVICE_NAME, file) : NULL;
    int status = 0;

    if (!service)
        status = fail("CreateService");
    else if (!StartServiceW(service, 0, NULL))
        status = fail("StartService");
    else
        printf("started\n");
    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    return status;
}

static int stop(SC_HANDLE service)
{
    SERVICE_STATUS state = {0};
    DWORD begun = GetTickCount();

    if (!ControlService(service, SERVICE_CONTROL_STOP, &state))
        return fail("ControlService");
    while (QueryServiceStatus(service, &state) && state.dwCurrentState != SERVICE_STOPPED) {
        if (GetTickCount() - begun > STOP_MS) {
            printf("state %lu after %u ms\n", state.dwCurrentState, STOP_MS);
            return 1;
        }
        Sleep(POLL_MS);
    }
    printf("stopped\n");
    return 0;
}

int points_no_service(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = manager ? OpenServiceW(manager, L"" PLATTER_SERVICE_NAME, SERVICE_ALL_ACCESS) : NULL;
    int status = service ? stop(service) : fail("OpenService");

    if (service && !DeleteService(service))
        status = fail("DeleteService");
    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    return status;
}

/* The service, with the device's name in its key, is started, which fails when it has asked, and goes again. */
static int ask(SC_HANDLE service, const wchar_t *device)
{
    DWORD asked = 0, size = sizeof(asked), error;
    HKEY key = NULL;

    error = RegOpenKeyExW(HKEY_LOCAL_MACHINE, EJECT_KEY, 0, KEY_QUERY_VALUE | KEY_SET_VALUE, &key);
    if (error == ERROR_SUCCESS)
        error = RegSetValueExW(key, L"Device", 0, REG_SZ, (const BYTE *)device,
                               (DWORD)((wcslen(device) + 1) * sizeof(*device)));
    if (error == ERROR_SUCCESS && !StartServiceW(service, 0, NULL))
        error = GetLastError();
    if (key && RegQueryValueExW(key, L"Asked", NULL, NULL, (BYTE *)&asked, &size) == ERROR_SUCCESS && asked) {
        printf("asked\n");
        error = ERROR_SUCCESS;
    }
    if (key)
        RegCloseKey(key);
    SetLastError(error);
    return error == ERROR_SUCCESS ? 0 : fail("eject.sys");
}

int points_driver_eject(const wchar_t *letter, const wchar_t *file)
{
    wchar_t device[MAX_PATH];
    SC_HANDLE manager, service;
    int status;

    if (!points_device(letter, device, MAX_PATH))
        return fail("QueryDosDevice");
    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    service = manager ? make(manager, EJECT_SERVICE, file) : NULL;
    status = service ? ask(service, device) : fail("CreateService");
    if (service && !DeleteService(service))
        status = fail("DeleteService");
    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    return status;
}
