/* SPDX-License-Identifier: MIT */
/*
 * eject.sys, for the tests in a guest: asks the PnP manager to eject a device as a driver does whose eject button was pressed.
 * That is IoRequestDeviceEject, and goes the way that CM_Request_Device_Eject goes: QUERY_REMOVE through the file system, EJECT.
 * The device is the value Device of its service's key; asked once, when it is loaded, which it notes there as Asked. Then it
 * fails, since not every NT unloads a driver that has made no device.
 */
#include <ntifs.h>

#define VALUE_BYTES 512u
#define TAG 0x6a456c50u /* PlEj */

DRIVER_INITIALIZE DriverEntry;

static NTSTATUS ReadName(HANDLE key, PKEY_VALUE_PARTIAL_INFORMATION value)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Device");
    ULONG length;
    NTSTATUS status = ZwQueryValueKey(key, &name, KeyValuePartialInformation, value, VALUE_BYTES, &length);

    if (NT_SUCCESS(status) && (value->Type != REG_SZ || value->DataLength < sizeof(WCHAR)))
        status = STATUS_OBJECT_TYPE_MISMATCH;
    return status;
}

static void NoteAsked(HANDLE key)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Asked");
    ULONG one = 1;

    (void)ZwSetValueKey(key, &name, 0, REG_DWORD, &one, sizeof(one));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PKEY_VALUE_PARTIAL_INFORMATION value = ExAllocatePoolWithTag(PagedPool, VALUE_BYTES, TAG);
    OBJECT_ATTRIBUTES attributes;
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    UNICODE_STRING name;
    HANDLE key;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(DriverObject);
    if (value == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    InitializeObjectAttributes(&attributes, RegistryPath, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    status = ZwOpenKey(&key, KEY_QUERY_VALUE | KEY_SET_VALUE, &attributes);
    if (!NT_SUCCESS(status))
        goto FreeValue;
    status = ReadName(key, value);
    if (!NT_SUCCESS(status))
        goto CloseKey;
    name.Buffer = (PWCHAR)(PVOID)value->Data;
    name.Length = (USHORT)(value->DataLength - sizeof(WCHAR)); /* without its NUL */
    name.MaximumLength = name.Length;
    /* For attributes: no file system is mounted for that, and none holds the handle against the removal. */
    status = IoGetDeviceObjectPointer(&name, FILE_READ_ATTRIBUTES, &file, &device);
    if (!NT_SUCCESS(status))
        goto CloseKey;
    device = file->DeviceObject; /* the named one: the lowest, so the PDO */
    ObReferenceObject(device);
    ObDereferenceObject(file);
    IoRequestDeviceEject(device);
    ObDereferenceObject(device);
    NoteAsked(key);
    status = STATUS_CANCELLED;
CloseKey:
    ZwClose(key);
FreeValue:
    ExFreePoolWithTag(value, TAG);
    return status;
}
