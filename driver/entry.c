/* SPDX-License-Identifier: MIT */
/* The entry point. Built without the stack protector, since it is what gives the protector its secret. */
#include "driver.h"
#include "guard.h"

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    GuardSeed();
    return DriverStart(DriverObject, RegistryPath);
}
