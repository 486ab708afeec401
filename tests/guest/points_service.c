/* SPDX-License-Identifier: MIT */
/* The driver as a service without a bus device: it must then announce its volumes to the Mount Manager itself. */
#include "points.h"

#include <platter/protocol.h>
#include <stdio.h>

#define STOP_MS 20000u
#define POLL_MS 100u

static int fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    return 1;
}

int points_service(const wchar_t *file)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS), service = NULL;
    int status = 0;

    if (manager)
        service = CreateServiceW(manager, L"" PLATTER_SERVICE_NAME, L"Platter volume driver", SERVICE_ALL_ACCESS,
                                 SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, file, NULL, NULL,
                                 NULL, NULL, NULL);
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
