/* SPDX-License-Identifier: MIT */
#include "control.h"
#include "announce.h"
#include "error_log.h"
#include "policy.h"
#include "secure.h"
#include "security.h"
#include "session.h"
#include "trace.h"
#include "transact.h"
#include "volume.h"
#include "volume_start.h"

/*
 * Interactive users may open it: mounting is for everybody. What touches another's volume is checked with each request.
 * An administrator can narrow this for the class in the registry (secure.h).
 */
#define CONTROL_SDDL L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGWGX;;;IU)(A;;GRGWGX;;;SU)"

/* Class of the control device only, for that override; no INF registers it. */
static const GUID ControlClassGuid = {0x5a3c6f1e, 0x2d0b, 0x4b7e, {0x8f, 0x54, 0x91, 0x0c, 0x63, 0x7d, 0xe4, 0xa8}};

static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\PlatterControl");
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Platter");

_Static_assert(sizeof(PLATTER_CONTROL_DEVICE_NAME) * sizeof(WCHAR) == sizeof(L"\\Device\\PlatterControl"), "same name");
_Static_assert(sizeof(PLATTER_CONTROL_LINK_NAME) * sizeof(WCHAR) == sizeof(L"\\DosDevices\\Platter"), "same name");

NTSTATUS
ControlCreate(void)
{
    UNICODE_STRING sddl = RTL_CONSTANT_STRING(CONTROL_SDDL);
    PDEVICE_OBJECT device;
    PDEVICE_HEADER header;
    NTSTATUS status;

    if (Platter.ControlDevice != NULL)
        return STATUS_SUCCESS;
    status = DeviceCreateSecure(sizeof(*header), &DeviceName, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, &sddl,
                                &ControlClassGuid, &device);
    if (!NT_SUCCESS(status))
        return status;
    header = device->DeviceExtension;
    header->Kind = DEVICE_KIND_CONTROL;
    status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (status == STATUS_OBJECT_NAME_COLLISION || status == STATUS_OBJECT_TYPE_MISMATCH)
    {
        /*
         * A link that leads nowhere: the device that it is for is ours and has just been made. Wine keeps it where the
         * driver's host has died, and then follows it (the second status).
         */
        IoDeleteSymbolicLink(&LinkName);
        status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    }
    if (!NT_SUCCESS(status))
    {
        IoDeleteDevice(device);
        return status;
    }
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    Platter.ControlDevice = device;
    return STATUS_SUCCESS;
}

void
ControlDelete(void)
{
    if (Platter.ControlDevice == NULL)
        return;
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Platter.ControlDevice);
    Platter.ControlDevice = NULL;
}

NTSTATUS
ControlOpen(PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PSESSION session;

    if (file->FileName.Length != 0)
        return CompleteIrp(Irp, STATUS_OBJECT_NAME_NOT_FOUND, 0);
    session = SessionCreate();
    if (session == NULL)
        return CompleteIrp(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    file->FsContext = session;
    return CompleteIrp(Irp, STATUS_SUCCESS, FILE_OPENED);
}

NTSTATUS
ControlCleanup(PIRP Irp)
{
    PSESSION session = IoGetCurrentIrpStackLocation(Irp)->FileObject->FsContext;

    if (session != NULL)
        SessionTearDown(session);
    return CompleteIrp(Irp, STATUS_SUCCESS, 0);
}

NTSTATUS
ControlClose(PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PSESSION session = file->FsContext;

    if (session != NULL)
    {
        SessionTearDown(session); /* Wine sends no CLEANUP */
        file->FsContext = NULL;
        SessionDereference(session);
    }
    return CompleteIrp(Irp, STATUS_SUCCESS, 0);
}

/* ---- Handlers: lengths are checked; they complete Irp or leave it pending, and return what dispatch returns ---- */

static NTSTATUS
Hello(PSESSION Session, PIRP Irp)
{
    const struct platter_hello_in in = *(const struct platter_hello_in *)Irp->AssociatedIrp.SystemBuffer;
    struct platter_hello_out *out = Irp->AssociatedIrp.SystemBuffer;
    BOOLEAN match = (BOOLEAN)(in.protocol_version == PLATTER_PROTOCOL_VERSION);
    POLICY policy;
    CALLER caller;
    KIRQL irql;
    NTSTATUS status;

    if (in.magic != PLATTER_HELLO_MAGIC || (match && (in.reserved[0] != 0 || in.reserved[1] != 0)))
        return CompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0);
    status = SecurityCaller(Irp, &caller);
    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, status, 0);
    KeAcquireSpinLock(&Session->Lock, &irql);
    if (match && !Session->Accepted)
    {
        Session->Owner = caller; /* the first to say it owns what is mounted through this handle */
        Session->Accepted = TRUE;
    }
    else if (match && !Session->HadVolumes)
    {
        /* A service opens it as its user and gives it to a process that serves: the volumes are that one's. */
        Session->Owner.ProcessId = caller.ProcessId;
    }
    if (Session->Accepted)
        caller = Session->Owner;
    KeReleaseSpinLock(&Session->Lock, irql);
    RtlZeroMemory(out, sizeof(*out));
    out->protocol_version = PLATTER_PROTOCOL_VERSION;
    out->accepted = match ? 1 : 0;
    out->driver_version = DRIVER_VERSION;
    out->routes = AnnounceRoutes();
    out->max_transfer = PLATTER_MAX_TRANSFER;
    out->max_batch = PLATTER_MAX_BATCH;
    PolicyRead(&policy);
    out->policy = PolicyBits(&policy, &caller);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    out->volumes = Platter.VolumeCount;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return CompleteIrp(Irp, STATUS_SUCCESS, sizeof(*out));
}

static NTSTATUS
List(PSESSION Session, PIRP Irp)
{
    ULONGLONG last = ((const struct platter_volume_list_in *)Irp->AssociatedIrp.SystemBuffer)->after_id;
    struct platter_volume_list_out *out = Irp->AssociatedIrp.SystemBuffer;
    struct platter_volume_info *infos = (struct platter_volume_info *)(out + 1);
    ULONG room =
        (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength - (ULONG)sizeof(*out)) /
        (ULONG)sizeof(*infos);
    ULONG count = 0;
    ULONG more = 0;
    PVOLUME volume;
    CALLER caller;
    NTSTATUS status = SecurityCaller(Irp, &caller);

    UNREFERENCED_PARAMETER(Session);
    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, status, 0);
    while ((volume = VolumeReferenceAfter(last)) != NULL)
    {
        if (count < room)
        {
            VolumeInfo(volume, SecurityMayRemove(&caller, &volume->Owner), &infos[count++]);
            last = volume->Id;
        }
        else
        {
            more = 1;
        }
        VolumeDereference(volume);
        if (more != 0)
            break;
    }
    out->count = count;
    out->more = more;
    return CompleteIrp(Irp, STATUS_SUCCESS, sizeof(*out) + count * sizeof(*infos));
}

static NTSTATUS
Create(PSESSION Session, PIRP Irp)
{
    const struct platter_volume_create_in *in = Irp->AssociatedIrp.SystemBuffer;
    struct platter_volume_create_out out;
    NTSTATUS status = PolicyCheckMount(&Session->Owner, (BOOLEAN)((in->flags & PLATTER_VOLUME_READ_ONLY) != 0));

    if (!NT_SUCCESS(status))
        ErrorLogMountRefused(IoGetCurrentIrpStackLocation(Irp)->DeviceObject, Session->Owner.ProcessId);
    else
        status = VolumeCreate(Session, in, &out);
    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, status, 0);
    RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, &out, sizeof(out));
    return CompleteIrp(Irp, STATUS_SUCCESS, sizeof(out));
}

static NTSTATUS
Start(PSESSION Session, PIRP Irp)
{
    const struct platter_volume_start_in *in = Irp->AssociatedIrp.SystemBuffer;
    PVOLUME volume;
    NTSTATUS status;

    if (in->flags != 0 || in->reserved != 0)
        return CompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0);
    volume = VolumeReferenceById(in->volume_id);
    if (volume == NULL)
        return CompleteIrp(Irp, STATUS_NOT_FOUND, 0);
    status = volume->Session == Session ? VolumeStart(volume, Irp) : STATUS_ACCESS_DENIED;
    VolumeDereference(volume);
    return status == STATUS_PENDING ? status : CompleteIrp(Irp, status, 0);
}

static NTSTATUS
Remove(PSESSION Session, PIRP Irp)
{
    const struct platter_volume_remove_in in =
        *(const struct platter_volume_remove_in *)Irp->AssociatedIrp.SystemBuffer;
    PVOLUME volume;
    CALLER caller;
    NTSTATUS status = SecurityCaller(Irp, &caller);

    UNREFERENCED_PARAMETER(Session);
    if (!NT_SUCCESS(status))
        return CompleteIrp(Irp, status, 0);
    if ((in.flags & ~(ULONG)PLATTER_REMOVE_FORCE) != 0 || in.reserved != 0)
        return CompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0);
    volume = VolumeReferenceById(in.volume_id);
    if (volume == NULL)
        return CompleteIrp(Irp, STATUS_NOT_FOUND, 0);
    if (!SecurityMayRemove(&caller, &volume->Owner))
        status = STATUS_ACCESS_DENIED;
    else if ((in.flags & PLATTER_REMOVE_FORCE) == 0 && volume->OpenHandles != 0 && !VolumeIsRemoving(volume))
        status = STATUS_DEVICE_BUSY;
    else
        status = VolumeAwaitGone(volume, Irp);
    if (status == STATUS_PENDING)
    {
        VolumeBeginRemove(volume); /* after the IRP waits, which may end within this call */
        VolumeDereference(volume);
        return STATUS_PENDING;
    }
    VolumeDereference(volume);
    return CompleteIrp(Irp, status, 0);
}

static const struct
{
    ULONG Code;
    ULONG InLength;  /* at least, bytes */
    ULONG OutLength; /* at least, bytes */
    BOOLEAN Exact;   /* the input is exactly InLength long */
    BOOLEAN First;   /* allowed before HELLO */
    NTSTATUS (*Handle)(PSESSION Session, PIRP Irp);
} Codes[] = {
    {PLATTER_IOCTL_TRANSACT, sizeof(struct platter_transact_in), 0, FALSE, FALSE, Transact},
    {PLATTER_IOCTL_HELLO, sizeof(struct platter_hello_in), sizeof(struct platter_hello_out), TRUE, TRUE, Hello},
    {PLATTER_IOCTL_VOLUME_LIST, sizeof(struct platter_volume_list_in), sizeof(struct platter_volume_list_out), TRUE,
     FALSE, List},
    {PLATTER_IOCTL_VOLUME_CREATE, sizeof(struct platter_volume_create_in), sizeof(struct platter_volume_create_out),
     TRUE, FALSE, Create},
    {PLATTER_IOCTL_VOLUME_START, sizeof(struct platter_volume_start_in), sizeof(struct platter_volume_info), TRUE,
     FALSE, Start},
    {PLATTER_IOCTL_VOLUME_REMOVE, sizeof(struct platter_volume_remove_in), 0, TRUE, FALSE, Remove},
};

NTSTATUS
ControlIoctl(PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    /* A driver's IRP may name no file object (IoBuildDeviceIoControlRequest). */
    PSESSION session = stack->FileObject != NULL ? stack->FileObject->FsContext : NULL;
    ULONG in = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG out = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG i;

    if (session == NULL)
        return CompleteIrp(Irp, STATUS_INVALID_HANDLE, 0);
    for (i = 0; i < RTL_NUMBER_OF(Codes); i++)
    {
        if (Codes[i].Code != stack->Parameters.DeviceIoControl.IoControlCode)
            continue;
        if (!Codes[i].First && !session->Accepted)
            return CompleteIrp(Irp, STATUS_REVISION_MISMATCH, 0);
        if (in < Codes[i].InLength || (Codes[i].Exact && in != Codes[i].InLength))
            return CompleteIrp(Irp, STATUS_INVALID_PARAMETER, 0);
        if (out < Codes[i].OutLength)
            return CompleteIrp(Irp, STATUS_BUFFER_TOO_SMALL, 0);
        return Codes[i].Handle(session, Irp);
    }
    return CompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
}
