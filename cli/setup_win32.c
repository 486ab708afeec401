/* SPDX-License-Identifier: MIT */
/* SetupAPI and newdev, in the order that devcon's documentation and wine.md's measurements agree on. */
#include "setup_win32.h"

#include <windows.h>
#include <setupapi.h>
#include <newdev.h>
#include <cfgmgr32.h>
#include <stdlib.h>
#include <string.h>

#include <platter/protocol.h>

#include "../mount/holders_win32.h"
#include "../mount/token_win32.h"
#include "../mount/wide_win32.h"

/* setupapi.h and winerror.h have them; mingw-w64's do not. */
#ifndef ERROR_DRIVER_STORE_ADD_FAILED
#define ERROR_DRIVER_STORE_ADD_FAILED (APPLICATION_ERROR_MASK | ERROR_SEVERITY_ERROR | 0x247)
#endif
#ifndef ERROR_INVALID_IMAGE_HASH
#define ERROR_INVALID_IMAGE_HASH 577L
#endif

#define HARDWARE_ID L"" PLATTER_BUS_HARDWARE_ID

enum platter_result cli_setup_may(struct platter_error *err)
{
    if (platter_elevated())
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                             "only an administrator may do this; open the command prompt with 'Run as administrator'");
}

static enum platter_result setup_error(struct platter_error *err, DWORD error, const char *what)
{
    switch (error) {
    case ERROR_ACCESS_DENIED:
        return platter_error_set_os(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, (int)error, "%s", what);
    case (DWORD)ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED:
    case (DWORD)ERROR_AUTHENTICODE_TRUSTED_PUBLISHER:
    case (DWORD)ERROR_AUTHENTICODE_DISALLOWED:
    case (DWORD)ERROR_AUTHENTICODE_PUBLISHER_NOT_TRUSTED:
    case (DWORD)ERROR_DRIVER_STORE_ADD_FAILED:
    case (DWORD)ERROR_NO_CATALOG_FOR_OEM_INF:
    case (DWORD)CERT_E_UNTRUSTEDROOT:
    case (DWORD)TRUST_E_NOSIGNATURE:
    case ERROR_INVALID_IMAGE_HASH:
        return platter_error_set_os(
            err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error,
            "%s: Windows does not trust the driver's signature; the README tells how test-signed "
            "drivers are allowed",
            what);
    case (DWORD)ERROR_IN_WOW64:
        return platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                 "%s: this Windows has 64 bits; use the platter.exe for x86_64", what);
    default:
        return platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error, "%s", what);
    }
}

/* True when one of the texts of REG_MULTI_SZ `ids` is ours. */
static bool has_our_id(const wchar_t *ids, size_t units)
{
    for (size_t at = 0; at < units && ids[at]; at += wcslen(ids + at) + 1) {
        if (_wcsicmp(ids + at, HARDWARE_ID) == 0)
            return true;
    }
    return false;
}

static HDEVINFO root_devices(void)
{
    return SetupDiGetClassDevsW(NULL, L"ROOT", NULL, DIGCF_ALLCLASSES);
}

/* The next device of ours at or after *index, which moves behind it. */
static bool next_device(HDEVINFO set, DWORD *index, SP_DEVINFO_DATA *device)
{
    wchar_t ids[512];

    for (;; (*index)++) {
        memset(device, 0, sizeof(*device));
        device->cbSize = sizeof(*device);
        if (!SetupDiEnumDeviceInfo(set, *index, device))
            return false;
        memset(ids, 0, sizeof(ids));
        if (SetupDiGetDeviceRegistryPropertyW(set, device, SPDRP_HARDWAREID, NULL, (BYTE *)ids,
                                              sizeof(ids) - 2 * sizeof(ids[0]), NULL) &&
            has_our_id(ids, sizeof(ids) / sizeof(ids[0]))) {
            (*index)++;
            return true;
        }
    }
}

static void read_inf_name(HDEVINFO set, SP_DEVINFO_DATA *device, wchar_t *name, DWORD units)
{
    HKEY key = SetupDiOpenDevRegKey(set, device, DICS_FLAG_GLOBAL, 0, DIREG_DRV, KEY_QUERY_VALUE);
    DWORD size = (units - 1) * (DWORD)sizeof(*name), type = 0;

    memset(name, 0, units * sizeof(*name));
    if (key == INVALID_HANDLE_VALUE)
        return;
    if (RegQueryValueExW(key, L"InfPath", NULL, &type, (BYTE *)name, &size) != ERROR_SUCCESS || type != REG_SZ)
        name[0] = L'\0';
    RegCloseKey(key);
}

enum platter_result cli_devices_find(struct cli_devices *devices, struct platter_error *err)
{
    HDEVINFO set = root_devices();
    SP_DEVINFO_DATA device;
    DWORD index = 0;

    memset(devices, 0, sizeof(*devices));
    if (set == INVALID_HANDLE_VALUE)
        return setup_error(err, GetLastError(), "cannot look for the bus device");
    while (next_device(set, &index, &device)) {
        ULONG status = 0, problem = 0;

        if (devices->count++ > 0)
            continue;
        read_inf_name(set, &device, devices->inf, CLI_PATH_UNITS);
        if (CM_Get_DevNode_Status(&status, &problem, device.DevInst, 0) == CR_SUCCESS && (status & DN_HAS_PROBLEM))
            devices->problem = problem;
    }
    SetupDiDestroyDeviceInfoList(set);
    return PLATTER_OK;
}

/* Registers one device under Root\ with our hardware id. */
static enum platter_result make_device(const wchar_t *inf, struct platter_error *err)
{
    static const wchar_t ids[] = HARDWARE_ID L"\0"; /* REG_MULTI_SZ: two NULs at the end */
    enum platter_result result = PLATTER_OK;
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    wchar_t class_name[MAX_CLASS_NAME_LEN];
    GUID class;
    HDEVINFO set;

    if (!SetupDiGetINFClassW(inf, &class, class_name, MAX_CLASS_NAME_LEN, NULL))
        return setup_error(err, GetLastError(), "cannot read the INF");
    set = SetupDiCreateDeviceInfoList(&class, NULL);
    if (set == INVALID_HANDLE_VALUE)
        return setup_error(err, GetLastError(), "cannot make the bus device");
    if (!SetupDiCreateDeviceInfoW(set, L"PlatterBus", &class, NULL, NULL, DICD_GENERATE_ID, &device) ||
        !SetupDiSetDeviceRegistryPropertyW(set, &device, SPDRP_HARDWAREID, (const BYTE *)ids, sizeof(ids)) ||
        !SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set, &device))
        result = setup_error(err, GetLastError(), "cannot make the bus device");
    SetupDiDestroyDeviceInfoList(set);
    return result;
}

enum platter_result cli_device_install(const wchar_t *inf, bool *restart, struct platter_error *err)
{
    struct cli_devices devices;
    BOOL reboot = FALSE;
    bool made = false;
    enum platter_result result = cli_devices_find(&devices, err);

    if (result == PLATTER_OK && devices.count == 0) {
        result = make_device(inf, err);
        made = result == PLATTER_OK;
    }
    if (result != PLATTER_OK)
        return result;
    /* Wine says TRUE whatever happened; the caller looks for itself. */
    if (!UpdateDriverForPlugAndPlayDevicesW(NULL, HARDWARE_ID, inf, INSTALLFLAG_FORCE, &reboot)) {
        DWORD error = GetLastError();
        bool ignored = false;

        if (made)
            (void)cli_devices_remove(&ignored, NULL);
        return setup_error(err, error, "Windows did not install the driver");
    }
    *restart = *restart || reboot;
    return PLATTER_OK;
}

static bool remove_device(HDEVINFO set, SP_DEVINFO_DATA *device, bool *restart)
{
    SP_REMOVEDEVICE_PARAMS remove = {.ClassInstallHeader = {sizeof(SP_CLASSINSTALL_HEADER), DIF_REMOVE},
                                     .Scope = DI_REMOVEDEVICE_GLOBAL};
    SP_DEVINSTALL_PARAMS_W after = {.cbSize = sizeof(after)};

    /* Older Wine has no class install parameters for this, and needs none. */
    (void)SetupDiSetClassInstallParamsW(set, device, &remove.ClassInstallHeader, sizeof(remove));
    if (!SetupDiCallClassInstaller(DIF_REMOVE, set, device))
        return false;
    if (SetupDiGetDeviceInstallParamsW(set, device, &after) && (after.Flags & (DI_NEEDREBOOT | DI_NEEDRESTART)))
        *restart = true;
    return true;
}

enum platter_result cli_devices_remove(bool *restart, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    HDEVINFO set = root_devices();
    SP_DEVINFO_DATA device;
    DWORD index = 0;

    if (set == INVALID_HANDLE_VALUE)
        return setup_error(err, GetLastError(), "cannot look for the bus device");
    while (next_device(set, &index, &device)) {
        if (!remove_device(set, &device, restart) && result == PLATTER_OK)
            result = setup_error(err, GetLastError(), "Windows did not remove the bus device");
    }
    SetupDiDestroyDeviceInfoList(set);
    return result;
}

void cli_devices_forget(void)
{
    HDEVINFO set = SetupDiGetClassDevsW(NULL, L"" PLATTER_VOLUME_ENUMERATOR, NULL, DIGCF_ALLCLASSES);
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};

    if (set == INVALID_HANDLE_VALUE)
        return;
    for (DWORD index = 0; SetupDiEnumDeviceInfo(set, index, &device); index++) {
        ULONG status = 0, problem = 0;
        bool ignored = false;

        /* What is gone has no node any more; one that is there yet goes with its handle. */
        if (CM_Get_DevNode_Status(&status, &problem, device.DevInst, 0) != CR_SUCCESS || !(status & DN_STARTED))
            (void)remove_device(set, &device, &ignored);
    }
    SetupDiDestroyDeviceInfoList(set);
}

void cli_inf_forget(const wchar_t *name)
{
    /* Wine does not say which it was, and keeps the name. */
    (void)SetupUninstallOEMInfW(name[0] ? name : L"platter.inf", SUOI_FORCEDELETE, NULL);
}
