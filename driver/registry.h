/* SPDX-License-Identifier: MIT */
/* Reading the registry with bounds. */
#ifndef PLATTER_REGISTRY_H
#define PLATTER_REGISTRY_H

#include "driver.h"

/* STATUS_OBJECT_NAME_NOT_FOUND: there is no such key, whatever part of its path is missing. ZwClose it. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS RegistryOpen(_In_ PUNICODE_STRING Path, _In_ ACCESS_MASK Access, _Out_ PHANDLE Key);

/* STATUS_OBJECT_NAME_NOT_FOUND: no such value; STATUS_OBJECT_TYPE_MISMATCH: it is no REG_DWORD. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS RegistryReadDword(_In_ HANDLE Key, _In_ PUNICODE_STRING Value, _Out_ PULONG Data);

#endif
