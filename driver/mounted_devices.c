/* SPDX-License-Identifier: MIT */
#include "mounted_devices.h"
#include "pool.h"
#include "registry.h"
#include "text.h"
#include "trace.h"

#define VALUE_BYTES 1024u /* a name of the Mount Manager's and an id of ours are far shorter; longer is another's */
#define VALUES_MAX (64u * 1024u) /* bounds the walk */

static UNICODE_STRING StoreKey = RTL_CONSTANT_STRING(L"\\Registry\\Machine\\SYSTEM\\MountedDevices");

static BOOLEAN
IsOf(const KEY_VALUE_FULL_INFORMATION *Value, const void *Id, ULONG IdBytes)
{
    return (BOOLEAN)(Value->Type == REG_BINARY && Value->DataLength == IdBytes &&
                     RtlCompareMemory((const UCHAR *)Value + Value->DataOffset, Id, IdBytes) == IdBytes);
}

void
MountedDevicesForget(const void *Id, ULONG IdBytes)
{
    PKEY_VALUE_FULL_INFORMATION value;
    UNICODE_STRING name;
    ULONG index = 0;
    ULONG seen;
    ULONG length;
    HANDLE key;
    NTSTATUS status = RegistryOpen(&StoreKey, KEY_QUERY_VALUE | KEY_SET_VALUE, &key);

    if (!NT_SUCCESS(status))
        return;
    value = PoolAllocatePaged(VALUE_BYTES, POOL_MOUNTMGR);
    if (value == NULL)
        goto CloseKey;
    for (seen = 0; seen < VALUES_MAX; seen++)
    {
        status = ZwEnumerateValueKey(key, index, KeyValueFullInformation, value, VALUE_BYTES, &length);
        if (NT_SUCCESS(status) && IsOf(value, Id, IdBytes))
        {
            name.Buffer = value->Name;
            name.Length = (USHORT)value->NameLength;
            name.MaximumLength = name.Length;
            status = ZwDeleteValueKey(key, &name);
            TRACE_INFO("value %u of MountedDevices taken out, %08x\n", index, (ULONG)status);
            if (NT_SUCCESS(status))
                continue; /* the next one has its index now */
        }
        else if (!NT_SUCCESS(status) && status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL)
        {
            break; /* STATUS_NO_MORE_ENTRIES, if all is well */
        }
        index++;
    }
    PoolFree(value, POOL_MOUNTMGR);
CloseKey:
    ZwClose(key);
}

void
MountedDevicesRemember(WCHAR Letter, const void *Id, ULONG IdBytes)
{
    WCHAR buffer[TEXT_LETTER_LINK_CHARS];
    UNICODE_STRING name = TextLetterLink(buffer, Letter);
    HANDLE key;
    NTSTATUS status = RegistryOpen(&StoreKey, KEY_SET_VALUE, &key);

    if (!NT_SUCCESS(status))
        return;
    status = ZwSetValueKey(key, &name, 0, REG_BINARY, (PVOID)(ULONG_PTR)Id, IdBytes);
    TRACE_INFO("letter %u noted in MountedDevices, %08x\n", Letter, (ULONG)status);
    ZwClose(key);
}
