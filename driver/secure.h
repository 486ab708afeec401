/* SPDX-License-Identifier: MIT */
/* Our IoCreateDeviceSecure: the DDK's lies in a static library that open toolchains do not have. */
#ifndef PLATTER_SECURE_H
#define PLATTER_SECURE_H

#include "driver.h"

/*
 * Makes a named device whose security descriptor is Sddl (sddl.h), in place before anybody can open it:
 * DO_DEVICE_INITIALIZING is still set on return, and its creator clears it.
 *
 * With a class, an administrator's descriptor in the registry (Control\Class\{Class}\Properties, binary value
 * "Security", as SetupDiSetClassRegistryProperty writes it) takes the place of Sddl; one that is not valid fails.
 * Source: IoCreateDeviceSecure and "Setting Device Object Registry Properties After Installation", WDK.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS DeviceCreateSecure(_In_ ULONG ExtensionBytes,
                            _In_ PUNICODE_STRING Name,
                            _In_ DEVICE_TYPE Type,
                            _In_ ULONG Characteristics,
                            _In_ PCUNICODE_STRING Sddl,
                            _In_opt_ const GUID *Class,
                            _Out_ PDEVICE_OBJECT *Device);

#endif
