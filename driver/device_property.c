/* SPDX-License-Identifier: MIT */
#include "device_property.h"
#include "trace.h"
#include "volume.h"

#define PROPERTY_TYPE_EMPTY 0u     /* DEVPROP_TYPE_EMPTY, devpropdef.h */
#define PROPERTY_TYPE_STRING 0x12u /* DEVPROP_TYPE_STRING */

typedef struct _PROPERTY_KEY
{
    GUID Category;
    ULONG Id;
} PROPERTY_KEY;

typedef NTSTATUS(NTAPI *SET_PROPERTY)(
    PDEVICE_OBJECT Pdo, const PROPERTY_KEY *Key, ULONG Locale, ULONG Flags, ULONG Type, ULONG Size, PVOID Data);

/* DEVPKEY_Device_FriendlyName, devpkey.h */
static const PROPERTY_KEY FriendlyName = {
    {0xa45c254e, 0xdf1c, 0x4efd, {0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8, 0x50, 0xe0}}, 14};

void
DevicePropertySetName(PVOLUME Volume)
{
    /* By name: an NT 5.2 that lacks it loads the driver all the same. */
    UNICODE_STRING routine = RTL_CONSTANT_STRING(L"IoSetDevicePropertyData");
    PVOID address = MmGetSystemRoutineAddress(&routine);
    SET_PROPERTY set;
    ULONG chars = 0;
    NTSTATUS status;

    while (Volume->Shape.label[chars] != 0)
        chars++;
    if (address == NULL)
        return;
    RtlCopyMemory(&set, &address, sizeof(set)); /* C has no other way from a data pointer to a function's */
    /* Without a label the name goes that another volume of this instance had. "IoSetDevicePropertyData" (WDK): NULL deletes. */
    if (chars == 0)
        status = set(Volume->Device, &FriendlyName, 0, 0, PROPERTY_TYPE_EMPTY, 0, NULL);
    else
        status = set(Volume->Device, &FriendlyName, 0, 0, PROPERTY_TYPE_STRING, (chars + 1u) * (ULONG)sizeof(WCHAR),
                     Volume->Shape.label);
    TRACE_INFO("volume %u: named, %08x\n", (ULONG)Volume->Id, (ULONG)status);
}
