/* SPDX-License-Identifier: MIT */
/* Device nodes. */
#include "points.h"

#include <setupapi.h>
#include <cfgmgr32.h>
#include <stdio.h>
#include <wchar.h>

#define BUS_ENUMERATOR L"ROOT"
#define VOLUME_ENUMERATOR L"Platter"
#define WORD_UNITS 512u

static void property(HDEVINFO set, SP_DEVINFO_DATA *device, DWORD which, wchar_t *text)
{
    text[0] = L'\0';
    (void)SetupDiGetDeviceRegistryPropertyW(set, device, which, NULL, (BYTE *)text, WORD_UNITS * sizeof(*text), NULL);
    text[WORD_UNITS - 1] = L'\0';
}

/* Calls `visit` for each present device of an enumerator until it returns something else than -1. */
static int each(const wchar_t *enumerator, int (*visit)(HDEVINFO, SP_DEVINFO_DATA *, const wchar_t *),
                const wchar_t *with)
{
    HDEVINFO set = SetupDiGetClassDevsW(NULL, enumerator, NULL, DIGCF_ALLCLASSES | DIGCF_PRESENT);
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    int answer = -1;

    if (set == INVALID_HANDLE_VALUE)
        return -1;
    for (DWORD i = 0; answer == -1 && SetupDiEnumDeviceInfo(set, i, &device); i++)
        answer = visit(set, &device, with);
    SetupDiDestroyDeviceInfoList(set);
    return answer;
}

static int print(HDEVINFO set, SP_DEVINFO_DATA *device, const wchar_t *only)
{
    wchar_t id[WORD_UNITS] = L"", text[WORD_UNITS], location[WORD_UNITS];
    ULONG status = 0, problem = 0;

    SetupDiGetDeviceInstanceIdW(set, device, id, WORD_UNITS, NULL);
    property(set, device, SPDRP_HARDWAREID, text);
    if (only && _wcsicmp(text, only) != 0)
        return -1;
    CM_Get_DevNode_Status(&status, &problem, device->DevInst, 0);
    property(set, device, SPDRP_DEVICEDESC, text);
    property(set, device, SPDRP_LOCATION_INFORMATION, location);
    printf("device %ls status %08lx problem %lu description %ls location %ls\n", id, status, problem, text, location);
    return -1;
}

int points_devices(void)
{
    each(BUS_ENUMERATOR, print, L"Root\\PlatterBus");
    each(VOLUME_ENUMERATOR, print, NULL);
    return 0;
}

/* Here, not in a callback of its own device: what cfgmgr32 answers is printed. */
static int request(HDEVINFO set, SP_DEVINFO_DATA *device, const wchar_t *name)
{
    wchar_t own[WORD_UNITS], veto[MAX_PATH] = L"";
    PNP_VETO_TYPE type = PNP_VetoTypeUnknown;
    CONFIGRET result;

    ULONG status = 0, problem = 0;

    /* Not every NT tells the name that letters lead to; then it is the one that is started. */
    property(set, device, SPDRP_PHYSICAL_DEVICE_OBJECT_NAME, own);
    CM_Get_DevNode_Status(&status, &problem, device->DevInst, 0);
    if (_wcsicmp(own, name) != 0 && !(status & DN_STARTED))
        return -1;
    result = CM_Request_Device_EjectW(device->DevInst, &type, veto, MAX_PATH, 0);
    printf("CM_Request_Device_Eject: %lu%s veto %d %ls\n", result,
           result == CR_CALL_NOT_IMPLEMENTED ? " (CR_CALL_NOT_IMPLEMENTED)" : "", (int)type, veto);
    return result == CR_SUCCESS ? 0 : 1;
}

int points_request_eject(const wchar_t *letter)
{
    wchar_t name[MAX_PATH];
    int answer = points_device(letter, name, MAX_PATH) ? each(VOLUME_ENUMERATOR, request, name) : -1;

    if (answer == -1)
        printf("no device node stands for %ls\n", letter);
    return answer == -1 ? 1 : answer;
}
