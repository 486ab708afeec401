/* SPDX-License-Identifier: MIT */
/* What programs call, and the end of a process. */
#include "internal.h"
#include <strings.h>

typedef struct _USER_CALL {
    PSIM_PROCESS Process;
} USER_CALL;

static USER_CALL Begin(PSIM_PROCESS process)
{
    USER_CALL call = {Sim.Current->Process};

    if (Sim.Current->Irql != PASSIVE_LEVEL)
        SimBug("a program runs at IRQL %u", Sim.Current->Irql);
    SimYield();
    SimUserReturn();
    Sim.Current->Process = process;
    Sim.Current->Depth++;
    return call;
}

static VOID End(USER_CALL call)
{
    Sim.Current->Process = call.Process;
    Sim.Current->Depth--;
    SimUserReturn();
    SimYield();
}

/* \\.\X and \\?\X are \??\X; NT names are taken as they are. */
static VOID NtName(const char *name, char *out, size_t bytes)
{
    if (!strncmp(name, "\\\\.\\", 4) || !strncmp(name, "\\\\?\\", 4))
        snprintf(out, bytes, "\\??\\%s", name + 4);
    else
        snprintf(out, bytes, "%s", name);
}

NTSTATUS SimOpenShare(PSIM_PROCESS Process, const char *Name, ACCESS_MASK Access, ULONG Share, HANDLE *Handle)
{
    PFILE_OBJECT file;
    char path[600];
    USER_CALL call;
    NTSTATUS status;

    *Handle = NULL;
    NtName(Name, path, sizeof(path));
    call = Begin(Process);
    status = SimFileOpen(Process, path, Access, Share, 0, FALSE, &file);
    if (NT_SUCCESS(status)) {
        ACCESS_MASK granted =
            Access & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL | MAXIMUM_ALLOWED);
        granted |= Access & (GENERIC_READ | GENERIC_ALL | MAXIMUM_ALLOWED) ? FILE_GENERIC_READ : 0;
        granted |= Access & (GENERIC_WRITE | GENERIC_ALL | MAXIMUM_ALLOWED) ? FILE_GENERIC_WRITE : 0;
        *Handle = SimHandleCreate(Process, file, granted, FALSE);
        SimObDereference(file);
    }
    End(call);
    return status;
}

NTSTATUS SimOpen(PSIM_PROCESS Process, const char *Name, ACCESS_MASK Access, HANDLE *Handle)
{
    return SimOpenShare(Process, Name, Access, FILE_SHARE_READ | FILE_SHARE_WRITE, Handle);
}

NTSTATUS SimClose(PSIM_PROCESS Process, HANDLE Handle)
{
    USER_CALL call = Begin(Process);
    NTSTATUS status = STATUS_INVALID_HANDLE;

    if (SimHandleGet(Process, Handle)) {
        SimHandleClose(Process, Handle);
        status = STATUS_SUCCESS;
    }
    End(call);
    return status;
}

NTSTATUS SimDuplicateHandle(PSIM_PROCESS From, HANDLE Handle, PSIM_PROCESS To, HANDLE *Duplicate)
{
    USER_CALL call = Begin(From);
    SIM_HANDLE *slot = SimHandleGet(From, Handle);

    if (slot)
        *Duplicate = SimHandleCreate(To, slot->Body, slot->Access, FALSE);
    End(call);
    return slot ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

/* The file of a handle with the rights it takes; a reference is taken. */
static NTSTATUS FileOf(PSIM_PROCESS process, HANDLE handle, ACCESS_MASK need, PFILE_OBJECT *file)
{
    SIM_HANDLE *slot = SimHandleGet(process, handle);

    if (!slot)
        return STATUS_INVALID_HANDLE;
    if (SimObFind(slot->Body)->Type != SimTypeFile)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (need & ~slot->Access)
        return STATUS_ACCESS_DENIED;
    *file = slot->Body;
    SimObReference(*file);
    return STATUS_SUCCESS;
}

static PSIM_IO Failed(NTSTATUS status)
{
    PSIM_IO io = SimFileIo(NULL);

    io->Result.Status = status;
    io->Result.Information = 0;
    SimEventSet(&io->Done);
    return io;
}

PSIM_IO SimIoctlStart(PSIM_PROCESS Process, HANDLE Handle, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes)
{
    USER_CALL call = Begin(Process);
    PFILE_OBJECT file;
    PSIM_IO io;
    /* "Defining I/O Control Codes" (WDK): the access bits of the code ask for rights of the handle. */
    ACCESS_MASK need = ((Code >> 14) & FILE_READ_ACCESS ? FILE_READ_DATA : 0) |
                       ((Code >> 14) & FILE_WRITE_ACCESS ? FILE_WRITE_DATA : 0);
    NTSTATUS status = FileOf(Process, Handle, need, &file);

    if (NT_SUCCESS(status)) {
        io = SimFileIo(file);
        SimFileIoctl(file, UserMode, Code, In, InBytes, Out, OutBytes, io);
        SimObDereference(file);
    } else {
        io = Failed(status);
    }
    End(call);
    return io;
}

static PSIM_IO Transfer(PSIM_PROCESS process, HANDLE handle, UCHAR major, ULONG64 offset, void *data, ULONG bytes)
{
    USER_CALL call = Begin(process);
    PFILE_OBJECT file;
    PSIM_IO io;
    NTSTATUS status = FileOf(process, handle, major == IRP_MJ_READ ? FILE_READ_DATA : FILE_WRITE_DATA, &file);

    if (NT_SUCCESS(status)) {
        io = SimFileTransfer(file, major, offset, data, bytes);
        SimObDereference(file);
    } else {
        io = Failed(status);
    }
    End(call);
    return io;
}

PSIM_IO SimReadStart(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, void *Data, ULONG Bytes)
{
    return Transfer(Process, Handle, IRP_MJ_READ, Offset, Data, Bytes);
}

PSIM_IO SimWriteStart(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, const void *Data, ULONG Bytes)
{
    return Transfer(Process, Handle, IRP_MJ_WRITE, Offset, (void *)(ULONG_PTR)Data, Bytes);
}

BOOLEAN SimIoDone(PSIM_IO Io)
{
    SimYield();
    return Io->Done.Header.SignalState != 0;
}

BOOLEAN SimIoWaitFor(PSIM_IO Io, ULONG Milliseconds)
{
    PVOID object = &Io->Done;
    NTSTATUS status =
        SimWaitObjects(1, &object, WaitAny, Sim.Now + 10000ull * Milliseconds + 1, "an I/O request, for a while");

    SimUserReturn();
    return status != STATUS_TIMEOUT;
}

NTSTATUS SimIoWait(PSIM_IO Io, ULONG_PTR *Information)
{
    NTSTATUS status;

    SimEventWait(&Io->Done, "an I/O request");
    SimUserReturn();
    status = Io->Result.Status;
    if (Information)
        *Information = Io->Result.Information;
    SimFileIoFree(Io);
    return status;
}

VOID SimIoCancel(PSIM_IO Io)
{
    USER_CALL call = Begin(Io->Process);

    if (Io->Irp)
        IoCancelIrp(Io->Irp);
    End(call);
}

VOID SimCancelAll(PSIM_PROCESS Process, HANDLE Handle)
{
    USER_CALL call = Begin(Process);
    PFILE_OBJECT file;

    if (NT_SUCCESS(FileOf(Process, Handle, 0, &file))) {
        SimProcessCancel(Process, file);
        SimObDereference(file);
    }
    End(call);
}

NTSTATUS SimIoctl(PSIM_PROCESS Process, HANDLE Handle, ULONG Code, const void *In, ULONG InBytes, void *Out,
                  ULONG OutBytes, ULONG_PTR *Information)
{
    return SimIoWait(SimIoctlStart(Process, Handle, Code, In, InBytes, Out, OutBytes), Information);
}

NTSTATUS SimRead(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, void *Data, ULONG Bytes, ULONG_PTR *Information)
{
    return SimIoWait(SimReadStart(Process, Handle, Offset, Data, Bytes), Information);
}

NTSTATUS SimWrite(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, const void *Data, ULONG Bytes,
                  ULONG_PTR *Information)
{
    return SimIoWait(SimWriteStart(Process, Handle, Offset, Data, Bytes), Information);
}

NTSTATUS SimFlush(PSIM_PROCESS Process, HANDLE Handle)
{
    return SimIoWait(Transfer(Process, Handle, IRP_MJ_FLUSH_BUFFERS, 0, NULL, 0), NULL);
}

PDEVICE_OBJECT SimDeviceOf(PSIM_PROCESS Process, HANDLE Handle)
{
    return SimFileOf(Process, Handle)->DeviceObject;
}

PFILE_OBJECT SimFileOf(PSIM_PROCESS Process, HANDLE Handle)
{
    return SimHandleGet(Process, Handle)->Body;
}

/*
 * The end of a process, in Windows' order: its threads are stopped, their requests cancelled and waited for, then its
 * handles are closed, CLEANUP and CLOSE, in the process's context.
 */
VOID SimProcessKill(PSIM_PROCESS Process)
{
    PSIM_PROCESS caller = Sim.Current->Process;
    ULONG64 begin = Sim.Now, pause = 10000;
    BOOLEAN alive;

    Process->Dead = TRUE;
    Sim.Current->Depth++;
    Sim.Current->Process = Process;
    do {
        alive = FALSE;
        for (ULONG i = 0; i < Sim.ThreadCount; i++) {
            PSIM_THREAD t = Sim.Threads[i];
            if (t->HomeProcess != Process || t->Service || t == Sim.Current)
                continue;
            t->Killed = alive = TRUE;
            if (t->State == SimBlocked && t->WaitWhy && !strcmp(t->WaitWhy, "SimSleep"))
                SimWake(t);
        }
        SimProcessCancel(Process, NULL);
        alive |= !SimProcessReap(Process);
        if (alive) {
            SimBlock("a killed process to end", Sim.Now + pause);
            pause = pause < 10000000 ? pause * 2 : pause;
        }
        if (Sim.Now - begin > 3600ull * 10000000)
            SimBug("killed process %s does not end: a request or a thread of it hangs", Process->Name);
    } while (alive);
    for (ULONG i = 0; i < Process->HandleRoom; i++)
        if (Process->Handles[i].Body)
            SimHandleClose(Process, (HANDLE)(ULONG_PTR)((i + 1) * 4));
    Process->Header.SignalState = 1;
    SimWakeWaiters(Process);
    Sim.Current->Process = caller;
    Sim.Current->Depth--;
}

/* ---- The same for drivers -------------------------------------------------------------------------------------------------------- */

NTSTATUS NTAPI ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                            PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                            ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
                            ULONG EaLength)
{
    PFILE_OBJECT file;
    char *path;
    NTSTATUS status;

    (void)AllocationSize;
    (void)FileAttributes;
    (void)CreateDisposition;
    (void)EaBuffer;
    (void)EaLength;
    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    SimCheckWaitAllowed(__func__, TRUE);
    path = SimNarrow(ObjectAttributes->ObjectName);
    Sim.Current->Depth++;
    status = SimFileOpen(Sim.Current->Process, path, DesiredAccess, ShareAccess, CreateOptions,
                         !(ObjectAttributes->Attributes & OBJ_FORCE_ACCESS_CHECK), &file);
    Sim.Current->Depth--;
    free(path);
    if (NT_SUCCESS(status)) {
        *FileHandle = SimHandleCreate(
            ObjectAttributes->Attributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process, file,
            DesiredAccess | (DesiredAccess & GENERIC_READ ? FILE_GENERIC_READ : 0) |
                (DesiredAccess & GENERIC_WRITE ? FILE_GENERIC_WRITE : 0),
            TRUE);
        SimObDereference(file);
    }
    IoStatusBlock->Status = status;
    IoStatusBlock->Information = NT_SUCCESS(status) ? FILE_OPENED : 0;
    return status;
}

NTSTATUS NTAPI ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                          PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    return ZwCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0, ShareAccess, FILE_OPEN,
                        OpenOptions, NULL, 0);
}

NTSTATUS NTAPI ZwDeviceIoControlFile(HANDLE DeviceHandle, HANDLE Event, PIO_APC_ROUTINE UserApcRoutine,
                                     PVOID UserApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode,
                                     PVOID InputBuffer, ULONG InputBufferSize, PVOID OutputBuffer,
                                     ULONG OutputBufferSize)
{
    PSIM_PROCESS process = SimHandleProcess(DeviceHandle);
    PFILE_OBJECT file;
    PSIM_IO io;
    NTSTATUS status;
    ACCESS_MASK need = ((IoControlCode >> 14) & FILE_READ_ACCESS ? FILE_READ_DATA : 0) |
                       ((IoControlCode >> 14) & FILE_WRITE_ACCESS ? FILE_WRITE_DATA : 0);

    SIM_ENTER(PASSIVE_LEVEL);
    if (UserApcRoutine || UserApcContext)
        SimBug("%s with an APC is not modelled", __func__);
    SimCheckWaitAllowed(__func__, TRUE);
    status = FileOf(process, DeviceHandle, need, &file);
    if (!NT_SUCCESS(status))
        return status;
    if (!(file->Flags & FO_SYNCHRONOUS_IO) || Event)
        SimBug("%s on a handle that was not opened for synchronous I/O is not modelled", __func__);
    if (SIM_FAULT()) {
        SimObDereference(file);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Sim.Current->Depth++;
    io = SimFileIo(file);
    SimFileIoctl(file, KernelMode, IoControlCode, InputBuffer, InputBufferSize, OutputBuffer, OutputBufferSize, io);
    SimObDereference(file);
    Sim.Current->Depth--;
    SimEventWait(&io->Done, "an ioctl of the driver's own");
    *IoStatusBlock = io->Result;
    status = io->Result.Status;
    SimFileIoFree(io);
    return status;
}

/* The caller waits for Event where IoCallDriver says pending; the I/O manager frees the IRP. */
PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                                         ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                         BOOLEAN InternalDeviceIoControl, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)
{
    ULONG bytes = InputBufferLength > OutputBufferLength ? InputBufferLength : OutputBufferLength;
    PIO_STACK_LOCATION next;
    PSIM_IRP facts;
    PIRP irp;

    SIM_ENTER(PASSIVE_LEVEL);
    if ((IoControlCode & 3) != METHOD_BUFFERED)
        SimBug("%s with a method that is not buffered is not modelled", __func__);
    if (SIM_FAULT())
        return NULL;
    irp = SimIrpAllocate(DeviceObject->StackSize, &facts);
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = IoControlCode;
    next->Parameters.DeviceIoControl.InputBufferLength = InputBufferLength;
    next->Parameters.DeviceIoControl.OutputBufferLength = OutputBufferLength;
    facts->UserEvent = Event;
    facts->UserIosb = IoStatusBlock;
    facts->InBytes = InputBufferLength;
    facts->OutBytes = OutputBufferLength;
    facts->BufferedBytes = bytes;
    if (bytes) {
        irp->AssociatedIrp.SystemBuffer = SimVisibleAllocate(bytes, 16);
        memset(irp->AssociatedIrp.SystemBuffer, SIM_IO_POISON, bytes);
        if (InputBufferLength)
            memcpy(irp->AssociatedIrp.SystemBuffer, InputBuffer, InputBufferLength);
    }
    irp->UserBuffer = OutputBuffer;
    irp->IoStatus.Status = (NTSTATUS)0xA5A5A5A5;
    return irp;
}
