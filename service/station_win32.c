/* SPDX-License-Identifier: MIT */
#include "station_win32.h"

#include <windows.h>
#include <sddl.h>
#include <stdbool.h>

#define STATION L"PlatterWorkers"
#define DESKTOP L"Empty"
/*
 * For Everyone, whom a worker's token is restricted to, all AppContainers (by its number: Windows 7 has no name for it), and
 * low integrity: it is of no worth to anybody.
 */
#define OPEN_SDDL L"D:(A;;GA;;;SY)(A;;GA;;;WD)(A;;GA;;;S-1-15-2-1)S:(ML;;NW;;;LW)"

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static bool made;

/* The handles stay open, or station and desktop would go. */
static BOOL CALLBACK make(INIT_ONCE *unused, void *parameter, void **context)
{
    SECURITY_ATTRIBUTES attributes = {sizeof(attributes), NULL, FALSE};
    HWINSTA own = GetProcessWindowStation(), station;

    (void)unused;
    (void)parameter;
    (void)context;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(OPEN_SDDL, SDDL_REVISION_1,
                                                              &attributes.lpSecurityDescriptor, NULL))
        return TRUE;
    station = CreateWindowStationW(STATION, 0, GENERIC_ALL, &attributes);
    if (station && SetProcessWindowStation(station)) {
        made = CreateDesktopW(DESKTOP, NULL, NULL, 0, GENERIC_ALL, &attributes) != NULL;
        (void)SetProcessWindowStation(own);
    }
    LocalFree(attributes.lpSecurityDescriptor);
    return TRUE;
}

wchar_t *service_worker_desktop(void)
{
    static wchar_t name[] = STATION L"\\" DESKTOP;

    (void)InitOnceExecuteOnce(&once, make, NULL, NULL);
    return made ? name : NULL;
}
