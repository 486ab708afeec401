/* SPDX-License-Identifier: MIT */
/*
 * File objects and the I/O manager's side of a request: CREATE, CLEANUP with the last handle, CLOSE with the last
 * reference, buffers, completion, cancelling by file and by process.
 */
#include "internal.h"

static PSIM_IO First; /* every request that was begun and not given back */

static PDEVICE_OBJECT Top(PDEVICE_OBJECT device)
{
    while (device->AttachedDevice)
        device = device->AttachedDevice;
    return device;
}

static PSIM_IO NewIo(PFILE_OBJECT file)
{
    PSIM_IO io = calloc(1, sizeof(*io));

    io->Process = Sim.Current->Process;
    io->Thread = Sim.Current;
    io->Thread->References++;
    io->File = file;
    SimEventInit(&io->Done, NotificationEvent);
    io->Next = First;
    if (First)
        First->Previous = io;
    First = io;
    return io;
}

static VOID FreeIo(PSIM_IO io)
{
    *(io->Previous ? &io->Previous->Next : &First) = io->Next;
    if (io->Next)
        io->Next->Previous = io->Previous;
    SimThreadRelease(io->Thread);
    free(io);
}

static PIRP NewIrp(PDEVICE_OBJECT device, PFILE_OBJECT file, KPROCESSOR_MODE mode, UCHAR major, PSIM_IO io,
                   PIO_STACK_LOCATION *next)
{
    PSIM_IRP facts;
    PIRP irp = SimIrpAllocate(device->StackSize, &facts);

    irp->RequestorMode = mode;
    irp->Tail.Overlay.OriginalFileObject = file;
    irp->Tail.Overlay.Thread = (PETHREAD)Sim.Current;
    irp->IoStatus.Status = (NTSTATUS)0xA5A5A5A5;
    facts->Io = io;
    io->Irp = irp;
    if (file)
        SimObReference(file);
    *next = IoGetNextIrpStackLocation(irp);
    (*next)->MajorFunction = major;
    (*next)->FileObject = file;
    return irp;
}

/* Bytes that a driver says it returned must have been written by somebody: neither side's poison may be among them. */
static VOID CheckPoison(const UCHAR *data, size_t from, size_t to, const char *what)
{
    for (size_t run = 0; from < to; from++) {
        run = data[from] == SIM_IO_POISON || data[from] == SIM_POOL_POISON ? run + 1 : 0;
        if (run == 8)
            SimBug("%s returns kernel memory that was never written, at byte %zu of %zu", what, from - 7, to);
    }
}

VOID SimCheckOutput(PSIM_IRP Facts, PIRP Irp)
{
    PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(Irp);
    ULONG_PTR information = Irp->IoStatus.Information;

    if (NT_ERROR(Irp->IoStatus.Status))
        return;
    switch (at->MajorFunction) {
    case IRP_MJ_QUERY_VOLUME_INFORMATION:
        if (information > at->Parameters.QueryVolume.Length)
            SimBug("QUERY_VOLUME_INFORMATION: Information %zu is over the length %u", (size_t)information,
                   at->Parameters.QueryVolume.Length);
        CheckPoison(Irp->AssociatedIrp.SystemBuffer, 0, information, "QUERY_VOLUME_INFORMATION");
        break;
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        if (information > at->Parameters.DeviceIoControl.OutputBufferLength)
            SimBug("ioctl %08x: Information %zu is over the output buffer's %u",
                   at->Parameters.DeviceIoControl.IoControlCode, (size_t)information,
                   at->Parameters.DeviceIoControl.OutputBufferLength);
        if ((at->Parameters.DeviceIoControl.IoControlCode & 3) == METHOD_BUFFERED && information)
            CheckPoison(Irp->AssociatedIrp.SystemBuffer, Facts->InBytes < information ? Facts->InBytes : information,
                        information, "the ioctl");
        break;
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        if (information > at->Parameters.Read.Length)
            SimBug("read or write: Information %zu is over the length %u", (size_t)information,
                   at->Parameters.Read.Length);
        break;
    default:
        break;
    }
}

VOID SimIrpDone(PSIM_IRP Facts, PIRP Irp)
{
    PSIM_IO io = Facts->Io;
    PFILE_OBJECT file = Irp->Tail.Overlay.OriginalFileObject;

    if (Irp->MdlAddress)
        SimMdlRelease(Irp->MdlAddress, io && io->CopyOut);
    if (Facts->BufferedBytes) {
        if (!NT_ERROR(Irp->IoStatus.Status) && Irp->UserBuffer && Facts->OutBytes)
            memcpy(Irp->UserBuffer, Irp->AssociatedIrp.SystemBuffer,
                   Irp->IoStatus.Information < Facts->OutBytes ? Irp->IoStatus.Information : Facts->OutBytes);
        SimVisibleFree(Irp->AssociatedIrp.SystemBuffer);
    }
    if (Facts->UserIosb)
        *Facts->UserIosb = Irp->IoStatus;
    if (Facts->UserEvent)
        SimEventSet(Facts->UserEvent);
    if (io) {
        io->Result = Irp->IoStatus;
        io->Irp = NULL;
    }
    SimIrpFree(Irp);
    if (io && io->Detached)
        FreeIo(io);
    else if (io)
        SimEventSet(&io->Done);
    if (file)
        SimObDereference(file);
}

/* Waits for what SimCallDriver left pending, gives the final status and the SIM_IO back. */
static NTSTATUS Finish(PSIM_IO io, ULONG_PTR *information)
{
    NTSTATUS status;

    SimEventWait(&io->Done, "an I/O request");
    status = io->Result.Status;
    if (information)
        *information = io->Result.Information;
    FreeIo(io);
    return status;
}

NTSTATUS SimPnpIrp(PDEVICE_OBJECT Device, IO_STACK_LOCATION *Parameters, ULONG_PTR *Information)
{
    PSIM_IO io = NewIo(NULL);
    PDEVICE_OBJECT top = Top(Device);
    PIO_STACK_LOCATION next;
    PIRP irp = NewIrp(top, NULL, KernelMode, Parameters->MajorFunction, io, &next);

    /* "IRP_MN_xxx" (WDK): the PnP and the power manager set STATUS_NOT_SUPPORTED. */
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    irp->IoStatus.Information = Information ? *Information : 0;
    next->MinorFunction = Parameters->MinorFunction;
    next->Parameters = Parameters->Parameters;
    SimObReference(top);
    SimCallDriver(top, irp);
    SimObDereference(top);
    return Finish(io, Information);
}

/* ---- Files -------------------------------------------------------------------------------------------------------------------- */

static NTSTATUS Simple(PFILE_OBJECT file, UCHAR major)
{
    PSIM_IO io = NewIo(NULL);
    PDEVICE_OBJECT top = Top(file->DeviceObject);
    PIO_STACK_LOCATION next;
    PIRP irp = NewIrp(top, NULL, KernelMode, major, io, &next);

    next->FileObject = file;
    SimCallDriver(top, irp);
    return Finish(io, NULL);
}

VOID SimFileCleanup(PVOID File)
{
    PFILE_OBJECT file = File;

    Sim.Current->Depth++;
    SimNote("ntsim: CLEANUP by %s\n", Sim.Current->Process->Name);
    file->Flags |= FO_CLEANUP_COMPLETE;
    Simple(file, IRP_MJ_CLEANUP);
    Sim.Current->Depth--;
}

static VOID CloseFile(PVOID context)
{
    PFILE_OBJECT file = context;
    PDEVICE_OBJECT device = file->DeviceObject;

    if (Simple(file, IRP_MJ_CLOSE) != STATUS_SUCCESS)
        SimBug("IRP_MJ_CLOSE failed");
    free(file->FileName.Buffer);
    SimVisibleFree(file);
    SimDeviceOpened(device, -1);
    SimObDereference(device);
}

static VOID FileDestroy(PVOID body)
{
    PFILE_OBJECT file = body;

    if (!(file->Flags & FO_HANDLE_CREATED)) { /* CREATE failed */
        free(file->FileName.Buffer);
        SimVisibleFree(file);
        return;
    }
    /* Inside a driver's call the last reference goes later, in the requestor's thread: never CLOSE out of IoCompleteRequest. */
    if (!Sim.Current->Depth || Sim.Current->Irql > PASSIVE_LEVEL || Sim.Current->LockCount)
        SimWorkQueue(CloseFile, file);
    else
        CloseFile(file);
}

NTSTATUS SimFileOpen(PSIM_PROCESS Process, const char *Path, ACCESS_MASK Access, ULONG Share, ULONG Options,
                     BOOLEAN KernelMode_, PFILE_OBJECT *File)
{
    PSIM_OBJECT object;
    PDEVICE_OBJECT device, top;
    PSIM_DEVICE facts;
    PFILE_OBJECT file;
    PSIM_OBJECT fileobject;
    ACCESS_MASK granted = 0;
    ACCESS_STATE state;
    IO_SECURITY_CONTEXT security;
    PIO_STACK_LOCATION next;
    PSIM_IO io;
    PIRP irp;
    char rest[512];
    NTSTATUS status;

    status = SimObLookup(Process, Path, FALSE, &object, rest, sizeof(rest));
    if (!NT_SUCCESS(status))
        return status;
    if (object->Type != SimTypeDevice)
        return STATUS_OBJECT_TYPE_MISMATCH;
    device = object->Body;
    facts = SimDevice(device);
    SIM_ACQUIRE(&device->Flags);
    /* IopCheckDeviceAndDriver: initializing, not started, being removed. */
    if ((device->Flags & DO_DEVICE_INITIALIZING) || facts->Deleted ||
        (facts->Node &&
         (!facts->Node->Started || facts->Node->QueryRemoved || facts->Node->Surprised || facts->Node->Removed)))
        return STATUS_NO_SUCH_DEVICE;
    if ((device->Flags & DO_EXCLUSIVE) && facts->Opens)
        return STATUS_ACCESS_DENIED;
    status = KernelMode_ ? SimAccessCheck(NULL, NULL, Access, &SimFileMapping, &granted)
                         : SimOpenCheck(object, rest, SimEffectiveToken(Process), Access, &granted);
    if (!NT_SUCCESS(status))
        return status;

    file = SimVisibleAllocate(sizeof(*file), 16);
    file->Type = IO_TYPE_FILE;
    file->Size = sizeof(*file);
    file->DeviceObject = device;
    file->ReadAccess = (granted & FILE_READ_DATA) != 0;
    file->WriteAccess = (granted & FILE_WRITE_DATA) != 0;
    file->Flags = Options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) ? FO_SYNCHRONOUS_IO : 0;
    SimWiden(rest, &file->FileName);
    fileobject = SimObInsert(SimTypeFile, file, FileDestroy);
    fileobject->Foreign = FALSE;
    SimObReference(device);
    SimDeviceOpened(device, 1);

    memset(&state, 0, sizeof(state));
    memset(&security, 0, sizeof(security));
    state.OriginalDesiredAccess = Access;
    state.PreviouslyGrantedAccess = granted;
    state.SubjectSecurityContext.PrimaryToken = Process->Token;
    state.SubjectSecurityContext.ClientToken = Sim.Current->Impersonation;
    security.AccessState = &state;
    security.DesiredAccess = granted;
    security.FullCreateOptions = Options;
    top = Top(device);
    io = NewIo(file);
    irp = NewIrp(top, NULL, KernelMode_ ? KernelMode : UserMode, IRP_MJ_CREATE, io, &next);
    next->FileObject = file;
    next->Parameters.Create.SecurityContext = &security;
    next->Parameters.Create.Options = (FILE_OPEN << 24) | (Options & 0xffffff);
    next->Parameters.Create.ShareAccess = (USHORT)Share;
    SimCallDriver(top, irp);
    status = Finish(io, NULL);
    if (!NT_SUCCESS(status)) {
        SimObDereference(file);
        SimDeviceOpened(device, -1);
        SimObDereference(device);
        return status;
    }
    file->Flags |= FO_HANDLE_CREATED;
    fileobject->LastHandle = SimFileCleanup;
    *File = file;
    return STATUS_SUCCESS;
}

/* ---- Requests ------------------------------------------------------------------------------------------------------------------ */

static VOID Buffer(PIRP irp, const void *in, ULONG inbytes, ULONG bytes)
{
    PSIM_IRP facts = SimIrp(irp);
    UCHAR *buffer;

    facts->InBytes = inbytes;
    facts->BufferedBytes = bytes;
    if (!bytes)
        return;
    buffer = SimVisibleAllocate(bytes, 16);
    memset(buffer, SIM_IO_POISON, bytes);
    if (inbytes)
        memcpy(buffer, in, inbytes);
    irp->AssociatedIrp.SystemBuffer = buffer;
}

NTSTATUS SimFileIoctl(PFILE_OBJECT File, KPROCESSOR_MODE Mode, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes, PSIM_IO Io)
{
    PDEVICE_OBJECT top = Top(File->DeviceObject);
    PIO_STACK_LOCATION next;
    PIRP irp = NewIrp(top, File, Mode, IRP_MJ_DEVICE_CONTROL, Io, &next);

    next->Parameters.DeviceIoControl.IoControlCode = Code;
    next->Parameters.DeviceIoControl.InputBufferLength = InBytes;
    next->Parameters.DeviceIoControl.OutputBufferLength = OutBytes;
    irp->UserBuffer = Out;
    SimIrp(irp)->OutBytes = OutBytes;
    switch (Code & 3) {
    case METHOD_BUFFERED:
        Buffer(irp, In, InBytes, InBytes > OutBytes ? InBytes : OutBytes);
        break;
    case METHOD_IN_DIRECT:
    case METHOD_OUT_DIRECT:
        Buffer(irp, In, InBytes, InBytes);
        SimIrp(irp)->OutBytes = 0;
        if (OutBytes) {
            irp->MdlAddress = SimMdlCreate(Out, OutBytes, (Code & 3) == METHOD_IN_DIRECT);
            Io->CopyOut = TRUE;
        }
        break;
    default:
        next->Parameters.DeviceIoControl.Type3InputBuffer = (PVOID)In;
        break;
    }
    return SimCallDriver(top, irp);
}

PSIM_IO SimFileTransfer(PFILE_OBJECT File, UCHAR Major, ULONG64 Offset, void *Data, ULONG Bytes)
{
    PSIM_IO io = NewIo(File);
    PDEVICE_OBJECT top = Top(File->DeviceObject);
    PIO_STACK_LOCATION next;
    PIRP irp = NewIrp(top, File, UserMode, Major, io, &next);

    if (Major != IRP_MJ_FLUSH_BUFFERS) {
        next->Parameters.Read.Length = Bytes;
        next->Parameters.Read.ByteOffset.QuadPart = (LONGLONG)Offset;
        irp->UserBuffer = Data;
        if (Bytes && (top->Flags & DO_DIRECT_IO)) {
            irp->MdlAddress = SimMdlCreate(Data, Bytes, Major == IRP_MJ_WRITE);
            io->CopyOut = Major == IRP_MJ_READ;
        } else if (Bytes && (top->Flags & DO_BUFFERED_IO)) {
            Buffer(irp, Data, Major == IRP_MJ_WRITE ? Bytes : 0, Bytes);
            SimIrp(irp)->OutBytes = Major == IRP_MJ_READ ? Bytes : 0;
        }
    }
    SimCallDriver(top, irp);
    return io;
}

PSIM_IO SimFileIo(PFILE_OBJECT File)
{
    return NewIo(File);
}

VOID SimFileIoFree(PSIM_IO Io)
{
    FreeIo(Io);
}

static BOOLEAN IsManagers(UCHAR major)
{
    return major == IRP_MJ_PNP || major == IRP_MJ_POWER || major == IRP_MJ_SYSTEM_CONTROL;
}

NTSTATUS SimKernelRequest(PDEVICE_OBJECT Device, PFILE_OBJECT File, const SIM_KERNEL_REQUEST *Request,
                          ULONG_PTR *Information)
{
    PDEVICE_OBJECT top = Top(Device);
    PSIM_IO io = NewIo(File);
    PIO_STACK_LOCATION next;
    PIRP irp = NewIrp(top, File, KernelMode, Request->Major, io, &next);

    Sim.Current->Depth++;
    next->MinorFunction = Request->Minor;
    next->Flags = Request->StackFlags;
    irp->Flags = Request->IrpFlags;
    irp->Cancel = Request->Cancelled;
    if (IsManagers(Request->Major)) {
        irp->IoStatus.Status = STATUS_NOT_SUPPORTED; /* "IRP_MN_xxx" (WDK) */
        irp->IoStatus.Information = Information ? *Information : 0;
        if (Request->Stack)
            next->Parameters = Request->Stack->Parameters;
    } else if (Request->Major == IRP_MJ_QUERY_VOLUME_INFORMATION) {
        next->Parameters.QueryVolume.Length = Request->OutBytes;
        next->Parameters.QueryVolume.FsInformationClass = (FS_INFORMATION_CLASS)Request->Code;
        Buffer(irp, NULL, 0, Request->OutBytes);
        irp->UserBuffer = Request->Output;
        SimIrp(irp)->OutBytes = Request->OutBytes;
    } else if (Request->Major == IRP_MJ_DEVICE_CONTROL || Request->Major == IRP_MJ_INTERNAL_DEVICE_CONTROL) {
        next->Parameters.DeviceIoControl.IoControlCode = Request->Code;
        next->Parameters.DeviceIoControl.InputBufferLength = Request->Bytes;
        next->Parameters.DeviceIoControl.OutputBufferLength = Request->OutBytes;
        Buffer(irp, Request->Data, Request->Bytes,
               Request->Bytes > Request->OutBytes ? Request->Bytes : Request->OutBytes);
        irp->UserBuffer = Request->Output;
        SimIrp(irp)->OutBytes = Request->OutBytes;
    } else {
        next->Parameters.Read.Length = Request->Bytes;
        next->Parameters.Read.ByteOffset.QuadPart = (LONGLONG)Request->Offset;
        if (Request->Data && Request->Bytes) {
            irp->MdlAddress = SimMdlCreate(Request->Data, Request->LockedBytes ? Request->LockedBytes : Request->Bytes,
                                           Request->Major == IRP_MJ_WRITE);
            io->CopyOut = Request->Major == IRP_MJ_READ;
        }
    }
    SimCallDriver(top, irp);
    Sim.Current->Depth--;
    return Finish(io, Information);
}

NTSTATUS SimSendIoctl(PDEVICE_OBJECT Device, PFILE_OBJECT File, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes, ULONG_PTR *Information)
{
    SIM_KERNEL_REQUEST request = {.Major = IRP_MJ_DEVICE_CONTROL,
                                  .Code = Code,
                                  .Data = (void *)(ULONG_PTR)In,
                                  .Bytes = InBytes,
                                  .Output = Out,
                                  .OutBytes = OutBytes};

    return SimKernelRequest(Device, File, &request, Information);
}

static PSIM_IO NextPending(PSIM_PROCESS process, PFILE_OBJECT file)
{
    for (PSIM_IO io = First; io; io = io->Next)
        if (io->Irp && io->Process == process && (!file || io->File == file) && !io->Irp->Cancel)
            return io;
    return NULL;
}

VOID SimProcessCancel(PSIM_PROCESS Process, PFILE_OBJECT File)
{
    PSIM_IO io;

    while ((io = NextPending(Process, File)))
        IoCancelIrp(io->Irp);
}

/* Requests of threads that are gone; FALSE: some are still pending. */
BOOLEAN SimProcessReap(PSIM_PROCESS Process)
{
    for (PSIM_IO io = First, next; io; io = next) {
        next = io->Next;
        if (io->Process != Process)
            continue;
        if (io->Irp)
            return FALSE;
        if (io->Thread->State == SimDone) /* one that was killed may still be about to look at it */
            FreeIo(io);
    }
    return TRUE;
}

ULONG SimRequestsLive(VOID)
{
    ULONG count = 0;

    for (PSIM_IO io = First; io; io = io->Next)
        count++;
    return count;
}

VOID SimFileStop(VOID)
{
    if (First)
        SimBug("the test gave a request not back (SimIoWait)");
}
