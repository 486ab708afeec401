/* SPDX-License-Identifier: MIT */
#include "secure.h"
#include "pool.h"
#include "registry.h"
#include "sddl.h"
#include "text.h"
#include "trace.h"

#define KEY_CHARS 128u
#define DESCRIPTOR_BYTES_MAX 4096u /* of an override; ours are a few hundred */

static NTSTATUS
OpenClassKey(const GUID *Class, PHANDLE Key)
{
    WCHAR buffer[KEY_CHARS];
    UNICODE_STRING name;
    TEXT text;

    TextInitialize(&text, buffer, KEY_CHARS);
    TextAppendAscii(&text, "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\");
    TextAppendGuid(&text, Class);
    TextAppendAscii(&text, "\\Properties");
    name = TextString(&text);
    return RegistryOpen(&name, KEY_QUERY_VALUE, Key);
}

/* The administrator's descriptor for the class, to be freed; *Descriptor NULL: there is none. */
static NTSTATUS
ReadOverride(const GUID *Class, PSECURITY_DESCRIPTOR *Descriptor)
{
    UNICODE_STRING value = RTL_CONSTANT_STRING(L"Security");
    PKEY_VALUE_PARTIAL_INFORMATION data;
    ULONG bytes = (ULONG)sizeof(*data) + DESCRIPTOR_BYTES_MAX;
    ULONG length;
    HANDLE key;
    NTSTATUS status;

    *Descriptor = NULL;
    if (Class == NULL)
        return STATUS_SUCCESS;
    status = OpenClassKey(Class, &key);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND)
        return STATUS_SUCCESS;
    if (!NT_SUCCESS(status)) /* there may be one, which must not be passed over */
        return status;
    data = PoolAllocate(bytes, POOL_SECURITY);
    if (data == NULL)
    {
        status = STATUS_INSUFFICIENT_RESOURCES;
        goto CloseKey;
    }
    status = ZwQueryValueKey(key, &value, KeyValuePartialInformation, data, bytes, &length);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND)
    {
        status = STATUS_SUCCESS;
        goto FreeData;
    }
    if (!NT_SUCCESS(status))
        goto FreeData;
    /* A rule that cannot be read must not become "no rule". */
    if (data->Type != REG_BINARY || !SddlDescriptorIsValid(data->Data, data->DataLength))
    {
        status = STATUS_INVALID_SECURITY_DESCR;
        goto FreeData;
    }
    *Descriptor = PoolAllocate(data->DataLength, POOL_SECURITY);
    if (*Descriptor == NULL)
        status = STATUS_INSUFFICIENT_RESOURCES;
    else
        RtlCopyMemory(*Descriptor, data->Data, data->DataLength);
FreeData:
    PoolFree(data, POOL_SECURITY);
CloseKey:
    ZwClose(key);
    return status;
}

static NTSTATUS
Compile(PCUNICODE_STRING Sddl, PSECURITY_DESCRIPTOR *Descriptor)
{
    size_t length = SDDL_DESCRIPTOR_BYTES_MAX;
    PUCHAR buffer = PoolAllocate(length, POOL_SECURITY);
    SDDL_RESULT result;

    if (buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    result = SddlCompile((const uint16_t *)Sddl->Buffer, Sddl->Length / sizeof(WCHAR), buffer, &length);
    if (result != SDDL_OK)
    {
        TRACE_ERROR("security descriptor refused, reason %u\n", (ULONG)result);
        PoolFree(buffer, POOL_SECURITY);
        return STATUS_INVALID_PARAMETER;
    }
    *Descriptor = buffer;
    return STATUS_SUCCESS;
}

/* Which parts of the descriptor there are, and what it takes to set them. */
static SECURITY_INFORMATION
PartsOf(PSECURITY_DESCRIPTOR Descriptor, PACCESS_MASK Access)
{
    const SECURITY_DESCRIPTOR_RELATIVE *descriptor = Descriptor;
    SECURITY_INFORMATION parts = 0;

    *Access = 0;
    if (descriptor->Owner != 0)
        parts |= OWNER_SECURITY_INFORMATION;
    if (descriptor->Group != 0)
        parts |= GROUP_SECURITY_INFORMATION;
    if (parts != 0)
        *Access |= WRITE_OWNER;
    if ((descriptor->Control & SE_DACL_PRESENT) != 0)
    {
        parts |= DACL_SECURITY_INFORMATION;
        *Access |= WRITE_DAC;
    }
    /* A system ACL of ours holds a mandatory label; setting one takes WRITE_OWNER. Source: SECURITY_INFORMATION. */
    if ((descriptor->Control & SE_SACL_PRESENT) != 0)
    {
        parts |= LABEL_SECURITY_INFORMATION;
        *Access |= WRITE_OWNER;
    }
    return parts;
}

static NTSTATUS
Apply(PDEVICE_OBJECT Device, PSECURITY_DESCRIPTOR Descriptor)
{
    ACCESS_MASK access;
    SECURITY_INFORMATION parts = PartsOf(Descriptor, &access);
    HANDLE handle;
    NTSTATUS status = ObOpenObjectByPointer(Device, OBJ_KERNEL_HANDLE, NULL, access, NULL, KernelMode, &handle);

    if (!NT_SUCCESS(status))
        return status;
    status = ZwSetSecurityObject(handle, parts, Descriptor);
    ZwClose(handle);
    return status;
}

NTSTATUS
DeviceCreateSecure(ULONG ExtensionBytes,
                   PUNICODE_STRING Name,
                   DEVICE_TYPE Type,
                   ULONG Characteristics,
                   PCUNICODE_STRING Sddl,
                   const GUID *Class,
                   PDEVICE_OBJECT *Device)
{
    PSECURITY_DESCRIPTOR descriptor;
    NTSTATUS status = ReadOverride(Class, &descriptor);

    if (NT_SUCCESS(status) && descriptor == NULL)
        status = Compile(Sddl, &descriptor);
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateDevice(Platter.DriverObject, ExtensionBytes, Name, Type, Characteristics, FALSE, Device);
    if (!NT_SUCCESS(status))
        goto FreeDescriptor;
    status = Apply(*Device, descriptor);
    if (!NT_SUCCESS(status))
    {
        TRACE_ERROR("security of a device not set, %08x\n", (ULONG)status);
        IoDeleteDevice(*Device);
        *Device = NULL;
    }
FreeDescriptor:
    PoolFree(descriptor, POOL_SECURITY);
    return status;
}
