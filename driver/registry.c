/* SPDX-License-Identifier: MIT */
#include "registry.h"

NTSTATUS
RegistryOpen(PUNICODE_STRING Path, ACCESS_MASK Access, PHANDLE Key)
{
    OBJECT_ATTRIBUTES attributes;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, Path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    status = ZwOpenKey(Key, Access, &attributes);
    return status == STATUS_OBJECT_PATH_NOT_FOUND ? STATUS_OBJECT_NAME_NOT_FOUND : status;
}

NTSTATUS
RegistryReadDword(HANDLE Key, PUNICODE_STRING Value, PULONG Data)
{
    union
    {
        KEY_VALUE_PARTIAL_INFORMATION Value;
        UCHAR Bytes[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    } answer;
    ULONG length;
    NTSTATUS status = ZwQueryValueKey(Key, Value, KeyValuePartialInformation, &answer, sizeof(answer), &length);

    if (status == STATUS_BUFFER_OVERFLOW || status == STATUS_BUFFER_TOO_SMALL)
        return STATUS_OBJECT_TYPE_MISMATCH; /* longer than any number */
    if (!NT_SUCCESS(status))
        return status;
    if (answer.Value.Type != REG_DWORD || answer.Value.DataLength != sizeof(*Data))
        return STATUS_OBJECT_TYPE_MISMATCH;
    RtlCopyMemory(Data, answer.Value.Data, sizeof(*Data));
    return STATUS_SUCCESS;
}
