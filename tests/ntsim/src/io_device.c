/* SPDX-License-Identifier: MIT */
/* Driver and device objects, device stacks. */
#include "internal.h"
#include <ntsim/observe.h>

static SIM_MAP Foreign; /* drivers under test */

static NTSTATUS NTAPI Refuse(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static VOID DriverDestroy(PVOID body)
{
    PDRIVER_OBJECT driver = body;

    free(driver->DriverName.Buffer);
    free(driver->DriverExtension->ServiceKeyName.Buffer);
    free(driver->DriverExtension);
    free(driver);
}

static PDRIVER_OBJECT NewDriver(const char *name)
{
    PDRIVER_OBJECT driver = SimGuarded(sizeof(*driver));
    char path[128];

    driver->Type = IO_TYPE_DRIVER;
    driver->Size = sizeof(*driver);
    driver->DriverExtension = SimGuarded(sizeof(*driver->DriverExtension));
    driver->DriverExtension->DriverObject = driver;
    SimWiden(name, &driver->DriverExtension->ServiceKeyName);
    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = Refuse;
    snprintf(path, sizeof(path), "\\Driver\\%s", name);
    SimWiden(path, &driver->DriverName);
    SimObName(SimObInsert(SimTypeDriver, driver, DriverDestroy), path);
    return driver;
}

PDRIVER_OBJECT SimDriverCreate(const char *Name, PDRIVER_DISPATCH Dispatch)
{
    PDRIVER_OBJECT driver = NewDriver(Name);

    for (ULONG i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = Dispatch;
    return driver;
}

BOOLEAN SimDriverForeign(PDRIVER_OBJECT Driver)
{
    return SimMapGet(&Foreign, Driver) != NULL;
}

NTSTATUS SimDriverLoad(PDRIVER_INITIALIZE Entry, const char *ServiceName, PDRIVER_OBJECT *Driver)
{
    PDRIVER_OBJECT driver = NewDriver(ServiceName);
    PSIM_PROCESS caller = Sim.Current->Process;
    UNICODE_STRING registry;
    SIM_CALLOUT callout;
    char path[200];
    NTSTATUS status;

    snprintf(path, sizeof(path), "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\%s", ServiceName);
    SimWiden(path, &registry);
    SimMapSet(&Foreign, driver, driver);
    /* Drivers are loaded by a thread of the System process. */
    Sim.Current->Process = Sim.SystemProcess;
    SimCallBegin(&callout, TRUE);
    driver->DriverInit = Entry;
    status = Entry(driver, &registry);
    SimCallEnd(&callout, "DriverEntry");
    Sim.Current->Process = caller;
    /* The string is the caller's only for the call: "DRIVER_INITIALIZE" (WDK). */
    memset(registry.Buffer, SIM_IO_POISON, registry.MaximumLength);
    free(registry.Buffer);
    if (!NT_SUCCESS(status)) {
        if (driver->DeviceObject)
            SimBug("DriverEntry failed (%08x) and left a device object", status);
        SimMapSet(&Foreign, driver, NULL);
        SimObDereference(driver);
        SimObReport();
        SimPoolStop();
        *Driver = NULL;
        return status;
    }
    for (PDEVICE_OBJECT d = driver->DeviceObject; d; d = d->NextDevice)
        d->Flags &= ~DO_DEVICE_INITIALIZING; /* the I/O manager does this after DriverEntry, and only then */
    *Driver = driver;
    return status;
}

VOID SimDriverUnload(PDRIVER_OBJECT Driver)
{
    PSIM_PROCESS caller = Sim.Current->Process;
    SIM_CALLOUT callout;

    if (!Driver->DriverUnload)
        SimBug("the driver has no unload routine");
    for (PDEVICE_OBJECT d = Driver->DeviceObject; d; d = d->NextDevice)
        if (SimDevice(d)->Opens || SimDevice(d)->Node)
            SimBug("the test unloads the driver while a device is open or known to PnP");
    Sim.Current->Process = Sim.SystemProcess;
    SimCallBegin(&callout, TRUE);
    Driver->DriverUnload(Driver);
    SimCallEnd(&callout, "DriverUnload");
    Sim.Current->Process = caller;
    if (Driver->DeviceObject)
        SimBug("DriverUnload left a device object (type %x)", Driver->DeviceObject->DeviceType);
    if (SimIrpPending(NULL))
        SimBug("DriverUnload left %u IRPs uncompleted", SimIrpPending(NULL));
    /* A routine of the driver that still runs now would run in freed code. */
    for (ULONG i = 0; i < Sim.ThreadCount; i++)
        if (Sim.Threads[i] != Sim.Current && !Sim.Threads[i]->Service && !Sim.Threads[i]->UserMode)
            SimBug("%s still runs after DriverUnload", Sim.Threads[i]->Name);
    if (!SimWorkIdle())
        SimBug("a work item still runs after DriverUnload");
    SimMapSet(&Foreign, Driver, NULL);
    SimObDereference(Driver);
    SimObReport();
    SimPoolStop();
    SimIrpStop();
}

/* ---- Devices ----------------------------------------------------------------------------------------------------------- */

PSIM_DEVICE SimDevice(PDEVICE_OBJECT Device)
{
    PSIM_OBJECT object = SimObFind(Device);

    if (!object || object->Type != SimTypeDevice)
        SimBug("%p is no device object or is gone", (void *)Device);
    return (PSIM_DEVICE)Device->DeviceObjectExtension;
}

static VOID DeviceDestroy(PVOID body)
{
    PDEVICE_OBJECT device = body;
    PSIM_DEVICE facts = (PSIM_DEVICE)device->DeviceObjectExtension;

    if (!facts->Deleted)
        SimBug("the last reference of device %p went before IoDeleteDevice", body);
    if (device->DeviceExtension) {
        SimTimerMemoryFreed(device->DeviceExtension, device->Size - sizeof(*device), "a device extension");
        SimRemoveLockMemoryFreed(device->DeviceExtension, device->Size - sizeof(*device));
    }
    if (facts->Node)
        SimPnpDeviceDeleted(facts->Node);
    free(facts);
    free(device->Vpb);
    SimVisibleFree(device->DeviceExtension);
    SimVisibleFree(device);
}

/* ---- What lies above a volume ---- */

static KSPIN_LOCK VpbLock;

VOID NTAPI IoAcquireVpbSpinLock(PKIRQL Irql)
{
    SIM_ENTER(DISPATCH_LEVEL);
    *Irql = KeAcquireSpinLockRaiseToDpc(&VpbLock);
}

VOID NTAPI IoReleaseVpbSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&VpbLock, Irql);
}

VOID SimVolumeFileSystem(PDEVICE_OBJECT Device, USHORT Flags)
{
    if (!Device->Vpb)
        Device->Vpb = SimGuarded(sizeof(*Device->Vpb));
    Device->Vpb->Flags = Flags;
}

VOID SimVolumeFiles(PDEVICE_OBJECT Device, ULONG Count)
{
    Device->Vpb->ReferenceCount = Count;
}

NTSTATUS SimDeviceCreate(PDRIVER_OBJECT Driver, ULONG ExtensionBytes, const char *Name, DEVICE_TYPE Type,
                         ULONG Characteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *Device)
{
    PDEVICE_OBJECT device = SimVisibleAllocate(sizeof(*device), 16);
    PSIM_DEVICE facts = calloc(1, sizeof(*facts));
    PSIM_OBJECT object;

    device->Type = IO_TYPE_DEVICE;
    device->Size = (USHORT)(sizeof(*device) + ExtensionBytes);
    device->DriverObject = Driver;
    device->DeviceType = Type;
    device->Characteristics = Characteristics;
    device->StackSize = 1;
    device->SectorSize = Type == FILE_DEVICE_CD_ROM ? 2048 : Type == FILE_DEVICE_DISK ? 512 : 0;
    device->Flags = DO_DEVICE_INITIALIZING | (Exclusive ? DO_EXCLUSIVE : 0) | (Name ? DO_DEVICE_HAS_NAME : 0);
    device->DeviceExtension = ExtensionBytes ? SimVisibleAllocate(ExtensionBytes, 16) : NULL;
    device->DeviceObjectExtension = (PVOID)facts;
    facts->Body = device;
    facts->Foreign = SimDriverForeign(Driver);
    object = SimObInsert(SimTypeDevice, device, DeviceDestroy);
    object->Foreign = facts->Foreign;
    if (Name) {
        NTSTATUS status = SimObName(object, Name);
        if (!NT_SUCCESS(status)) {
            facts->Deleted = TRUE;
            SimObDereference(device);
            return status;
        }
    }
    device->NextDevice = Driver->DeviceObject;
    Driver->DeviceObject = device;
    *Device = device;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
                              DEVICE_TYPE DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive,
                              PDEVICE_OBJECT *DeviceObject)
{
    static ULONG automatic;
    char text[32], *name = NULL;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (DeviceCharacteristics & FILE_AUTOGENERATED_DEVICE_NAME) {
        snprintf(text, sizeof(text), "\\Device\\%08x", ++automatic);
        name = strdup(text);
    } else if (DeviceName && DeviceName->Length) {
        name = SimNarrow(DeviceName);
    }
    status = SimDeviceCreate(DriverObject, DeviceExtensionSize, name, DeviceType, DeviceCharacteristics, Exclusive,
                             DeviceObject);
    free(name);
    Sim.Current->Creating = NT_SUCCESS(status) ? *DeviceObject : NULL;
    return status;
}

VOID NTAPI IoDeleteDevice(PDEVICE_OBJECT DeviceObject)
{
    PSIM_DEVICE facts;
    PDEVICE_OBJECT *link;

    SIM_ENTER(PASSIVE_LEVEL);
    facts = SimDevice(DeviceObject);
    if (facts->Deleted)
        SimBug("IoDeleteDevice of a device that is deleted already");
    if (DeviceObject->AttachedDevice)
        SimBug("IoDeleteDevice of a device with another attached to it");
    /* "Removing a Device in a Bus Driver" (WDK): a PDO that the PnP manager knows goes in its IRP_MN_REMOVE_DEVICE. */
    if (facts->Node && !SimPnpRemoving(facts->Node))
        SimBug("IoDeleteDevice of a PDO that the PnP manager knows, outside its IRP_MN_REMOVE_DEVICE (%s)",
               facts->Node->Path);
    /* With handles open the object lives on, and their requests end with them ("IoDeleteDevice", WDK). */
    if (!facts->Opens && SimIrpPending(DeviceObject))
        SimBug("IoDeleteDevice with %u IRPs of the device uncompleted", SimIrpPending(DeviceObject));
    facts->Deleted = TRUE;
    if (Sim.Current->Creating == DeviceObject)
        Sim.Current->Creating = NULL;
    for (link = &DeviceObject->DriverObject->DeviceObject; *link != DeviceObject; link = &(*link)->NextDevice)
        ;
    *link = DeviceObject->NextDevice;
    SimObUnname(SimObFind(DeviceObject));
    SIM_RELEASE(DeviceObject);
    SimObDereference(DeviceObject);
}

PDEVICE_OBJECT SimDeviceByName(const char *Name)
{
    PSIM_OBJECT object;

    if (!NT_SUCCESS(SimObLookup(Sim.SystemProcess, Name, FALSE, &object, NULL, 0)) || object->Type != SimTypeDevice)
        return NULL;
    return object->Body;
}

static PDEVICE_OBJECT Top(PDEVICE_OBJECT device)
{
    while (device->AttachedDevice)
        device = device->AttachedDevice;
    return device;
}

PDEVICE_OBJECT NTAPI IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject)
{
    PDEVICE_OBJECT top;

    SIM_ENTER(DISPATCH_LEVEL);
    SimDevice(DeviceObject);
    top = Top(DeviceObject);
    SimObReference(top);
    return top;
}

PDEVICE_OBJECT NTAPI IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)
{
    PDEVICE_OBJECT top;

    SIM_ENTER(DISPATCH_LEVEL);
    SimDevice(SourceDevice);
    SimDevice(TargetDevice);
    if (SIM_FAULT())
        return NULL;
    top = Top(TargetDevice);
    top->AttachedDevice = SourceDevice;
    SourceDevice->StackSize = (CCHAR)(top->StackSize + 1);
    SourceDevice->AlignmentRequirement = top->AlignmentRequirement;
    return top;
}

VOID NTAPI IoDetachDevice(PDEVICE_OBJECT TargetDevice)
{
    SIM_ENTER(PASSIVE_LEVEL);
    SimDevice(TargetDevice);
    if (!TargetDevice->AttachedDevice)
        SimBug("IoDetachDevice of a device that nothing is attached to");
    TargetDevice->AttachedDevice = NULL;
}

NTSTATUS NTAPI IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject,
                                        PDEVICE_OBJECT *DeviceObject)
{
    char *path;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    path = SimNarrow(ObjectName);
    status =
        SimFileOpen(Sim.Current->Process, path, DesiredAccess, FILE_SHARE_READ | FILE_SHARE_WRITE, 0, TRUE, FileObject);
    free(path);
    if (!NT_SUCCESS(status))
        return status;
    /* The handle it opened by is closed again: CLEANUP comes now, CLOSE with the last reference. */
    SimFileCleanup(*FileObject);
    *DeviceObject = Top((*FileObject)->DeviceObject);
    return STATUS_SUCCESS;
}

VOID SimDeviceOpened(PDEVICE_OBJECT Device, LONG Change)
{
    PSIM_DEVICE facts = SimDevice(Device);

    facts->Opens += Change;
    Device->ReferenceCount += Change;
    if (!facts->Opens)
        SimPnpDeviceClosed(Device);
}

VOID SimIoStart(VOID)
{
    memset(&Foreign, 0, sizeof(Foreign));
}

VOID SimIoStop(VOID)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;

    while (SimMapNext(&Foreign, &cursor, &key, &value))
        SimBug("a driver is still loaded at the end");
    SimMapClear(&Foreign);
}
