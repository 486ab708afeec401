/* SPDX-License-Identifier: MIT */
/* Handle tables, processes, and the Ob* and Zw* routines on objects of any type. */
#include "internal.h"

/* A driver names a type by the variable or by what it points to (the DDK headers at hand declare it one level deep). */
static struct {
    PVOID Self;
    SIM_TYPE Type;
} TypeMarks[] = {
    {&TypeMarks[0], SimTypeFile},    {&TypeMarks[1], SimTypeEvent},  {&TypeMarks[2], SimTypeThread},
    {&TypeMarks[3], SimTypeProcess}, {&TypeMarks[4], SimTypeDevice}, {&TypeMarks[5], SimTypeToken},
};
POBJECT_TYPE *IoFileObjectType = (POBJECT_TYPE *)&TypeMarks[0];
POBJECT_TYPE *ExEventObjectType = (POBJECT_TYPE *)&TypeMarks[1];
POBJECT_TYPE *PsThreadType = (POBJECT_TYPE *)&TypeMarks[2];
POBJECT_TYPE *PsProcessType = (POBJECT_TYPE *)&TypeMarks[3];
extern POBJECT_TYPE IoDeviceObjectType;
POBJECT_TYPE IoDeviceObjectType = (POBJECT_TYPE)&TypeMarks[4];
POBJECT_TYPE *SeTokenObjectType = (POBJECT_TYPE *)&TypeMarks[5];

enum { HANDLES_MAX = 4096 }; /* of a process: who needs more leaks them */
static PSIM_PROCESS Processes;
static ULONG NextProcessId;

static BOOLEAN TypeFits(POBJECT_TYPE type, PSIM_OBJECT object)
{
    if (!type)
        return TRUE;
    for (ULONG i = 0; i < SIM_SIZE(TypeMarks); i++)
        if ((PVOID)type == (PVOID)&TypeMarks[i])
            return TypeMarks[i].Type == object->Type;
    SimBug("an object type that is none: %p", (void *)type);
}

PSIM_PROCESS SimHandleProcess(HANDLE Handle)
{
    return (LONG_PTR)Handle < 0 ? Sim.SystemProcess : Sim.Current->Process;
}

static ULONG Slot(HANDLE handle)
{
    return (ULONG)((ULONG_PTR)handle & 0x7fffffff) / 4 - 1;
}

HANDLE SimHandleCreate(PSIM_PROCESS Process, PVOID Body, ACCESS_MASK Access, BOOLEAN Kernel)
{
    PSIM_OBJECT object = SimObFind(Body);
    ULONG i;

    /* "OBJ_KERNEL_HANDLE" (WDK): without it the handle is the user's to use and to close. */
    if (Kernel && Process != Sim.SystemProcess)
        SimBug("the driver opens a handle in the table of user process %s", Process->Name);
    for (i = 0; i < Process->HandleRoom && Process->Handles[i].Body; i++)
        ;
    if (i == HANDLES_MAX)
        SimBug("process %s has no handle left", Process->Name);
    if (i == Process->HandleCapacity) {
        SIM_HANDLE *wider = calloc(i ? i * 2 : 8, sizeof(*wider));
        if (i)
            memcpy(wider, Process->Handles, i * sizeof(*wider));
        free(Process->Handles);
        Process->Handles = wider;
        Process->HandleCapacity = i ? i * 2 : 8;
    }
    if (i == Process->HandleRoom)
        Process->HandleRoom++;
    Process->Handles[i] = (SIM_HANDLE){Body, Access, Kernel};
    SimObReference(Body);
    object->Handles++;
    return (HANDLE)(ULONG_PTR)(Process == Sim.SystemProcess ? 0xffffffff80000000ULL + (i + 1) * 4 : (i + 1) * 4);
}

SIM_HANDLE *SimHandleGet(PSIM_PROCESS Process, HANDLE Handle)
{
    ULONG i = Slot(Handle);

    if (!Handle || ((LONG_PTR)Handle < 0) != (Process == Sim.SystemProcess) || i >= Process->HandleRoom ||
        !Process->Handles[i].Body)
        return NULL;
    return &Process->Handles[i];
}

VOID SimHandleClose(PSIM_PROCESS Process, HANDLE Handle)
{
    SIM_HANDLE *slot = SimHandleGet(Process, Handle);
    PVOID body = slot->Body;
    PSIM_OBJECT object = SimObFind(body);

    slot->Body = NULL;
    if (--object->Handles == 0 && object->LastHandle)
        object->LastHandle(body);
    SimObDereference(body);
}

NTSTATUS NTAPI ZwClose(HANDLE Handle)
{
    PSIM_PROCESS process = SimHandleProcess(Handle);

    SIM_ENTER(PASSIVE_LEVEL);
    if (!SimHandleGet(process, Handle))
        SimBug("ZwClose of %p, which is no handle here", Handle);
    SimHandleClose(process, Handle);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                         KPROCESSOR_MODE AccessMode, PVOID *Object,
                                         POBJECT_HANDLE_INFORMATION Information)
{
    SIM_HANDLE *slot;

    SIM_ENTER(PASSIVE_LEVEL);
    slot = SimHandleGet(SimHandleProcess(Handle), Handle);
    if (!slot)
        return STATUS_INVALID_HANDLE;
    if (!TypeFits(ObjectType, SimObFind(slot->Body)))
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (AccessMode == UserMode && (slot->Kernel || (DesiredAccess & ~slot->Access)))
        return STATUS_ACCESS_DENIED;
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Information)
        Information->GrantedAccess = slot->Access;
    SimObReference(slot->Body);
    *Object = slot->Body;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                                     ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                     PHANDLE Handle)
{
    PSIM_OBJECT object;

    (void)PassedAccessState;
    SIM_ENTER(PASSIVE_LEVEL);
    object = SimObFind(Object);
    if (!object)
        SimBug("ObOpenObjectByPointer of %p, which is no object", Object);
    if (!TypeFits(ObjectType, object))
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (AccessMode != KernelMode)
        SimBug("ObOpenObjectByPointer for user mode is not modelled");
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    *Handle = SimHandleCreate(HandleAttributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process, Object,
                              DesiredAccess, TRUE);
    return STATUS_SUCCESS;
}

LONG_PTR FASTCALL ObfReferenceObject(PVOID Object)
{
    SIM_ENTER(DISPATCH_LEVEL);
    SimObReference(Object);
    return SimObFind(Object)->References;
}

LONG_PTR FASTCALL ObfDereferenceObject(PVOID Object)
{
    LONG left;

    SIM_ENTER(DISPATCH_LEVEL);
    if (!SimObFind(Object))
        SimBug("ObDereferenceObject of %p, which is no object or is gone", Object);
    left = SimObFind(Object)->References - 1;
    SimObDereference(Object);
    return left;
}

NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode)
{
    (void)DesiredAccess;
    (void)AccessMode;
    SIM_ENTER(DISPATCH_LEVEL);
    if (!TypeFits(ObjectType, SimObFind(Object)))
        return STATUS_OBJECT_TYPE_MISMATCH;
    SimObReference(Object);
    return STATUS_SUCCESS;
}

/* "ZwSetSecurityObject" (WDK): WRITE_DAC for the DACL, WRITE_OWNER for owner, group and label, system access for the SACL. */
NTSTATUS NTAPI ZwSetSecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                                   PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    SIM_HANDLE *slot;
    ACCESS_MASK need = 0;

    SIM_ENTER(PASSIVE_LEVEL);
    slot = SimHandleGet(SimHandleProcess(Handle), Handle);
    if (!slot)
        return STATUS_INVALID_HANDLE;
    if (SecurityInformation & DACL_SECURITY_INFORMATION)
        need |= WRITE_DAC;
    if (SecurityInformation & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION))
        need |= WRITE_OWNER;
    if (SecurityInformation & SACL_SECURITY_INFORMATION)
        need |= ACCESS_SYSTEM_SECURITY;
    if (need & ~slot->Access)
        return STATUS_ACCESS_DENIED;
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    return SimSdMerge(&SimObFind(slot->Body)->Security, SecurityDescriptor, SecurityInformation);
}

NTSTATUS NTAPI ZwQuerySecurityObject(HANDLE Handle, SECURITY_INFORMATION SecurityInformation,
                                     PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Length, PULONG LengthNeeded)
{
    SIM_HANDLE *slot;
    PSECURITY_DESCRIPTOR held, part = NULL, copy;
    NTSTATUS status = STATUS_BUFFER_TOO_SMALL;

    SIM_ENTER(PASSIVE_LEVEL);
    slot = SimHandleGet(SimHandleProcess(Handle), Handle);
    if (!slot)
        return STATUS_INVALID_HANDLE;
    held = SimObFind(slot->Body)->Security;
    if (!held)
        return STATUS_NO_SECURITY_ON_OBJECT;
    SimSdMerge(&part, held, SecurityInformation);
    copy = SimSdCopy(part, LengthNeeded);
    free(part);
    if (Length >= *LengthNeeded) {
        memcpy(SecurityDescriptor, copy, *LengthNeeded);
        status = STATUS_SUCCESS;
    }
    free(copy);
    return status;
}

NTSTATUS NTAPI ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES Attributes)
{
    PSIM_OBJECT link;
    char *path;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    path = SimNarrow(Attributes->ObjectName);
    status = SimObLookup(Sim.Current->Process, path, TRUE, &link, NULL, 0);
    free(path);
    if (!NT_SUCCESS(status))
        return status;
    if (link->Type != SimTypeLink)
        return STATUS_OBJECT_TYPE_MISMATCH;
    *LinkHandle = SimHandleCreate(Attributes->Attributes & OBJ_KERNEL_HANDLE ? Sim.SystemProcess : Sim.Current->Process,
                                  link->Body, DesiredAccess, TRUE);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    SIM_HANDLE *slot;
    const char *target;
    size_t bytes;

    SIM_ENTER(PASSIVE_LEVEL);
    slot = SimHandleGet(SimHandleProcess(LinkHandle), LinkHandle);
    if (!slot || SimObFind(slot->Body)->Type != SimTypeLink)
        return STATUS_INVALID_HANDLE;
    target = SimObFind(slot->Body)->Target;
    bytes = strlen(target) * sizeof(WCHAR);
    if (ReturnedLength)
        *ReturnedLength = (ULONG)bytes;
    if (LinkTarget->MaximumLength < bytes)
        return STATUS_BUFFER_TOO_SMALL;
    for (size_t i = 0; target[i]; i++)
        LinkTarget->Buffer[i] = (WCHAR)(UCHAR)target[i];
    LinkTarget->Length = (USHORT)bytes;
    return STATUS_SUCCESS;
}

/* ---- Processes ------------------------------------------------------------------------------------------------------------- */

static VOID ProcessDestroy(PVOID body)
{
    (void)body; /* stays until SimStop, as tests may still name it */
}

static VOID TokenDestroy(PVOID body)
{
    free(body);
}

PSIM_PROCESS SimProcessNew(const char *Name, SIM_USER User)
{
    PSIM_PROCESS process = calloc(1, sizeof(*process));

    process->Header.Type = 3; /* ProcessObject */
    InitializeListHead(&process->Header.WaitListHead);
    process->Name = Name;
    process->Id = NextProcessId += 4;
    process->Token = SimTokenCreate(User);
    process->Next = Processes;
    Processes = process;
    SimObInsert(SimTypeToken, process->Token, TokenDestroy)->Foreign = FALSE;
    SimObInsert(SimTypeProcess, process, ProcessDestroy)->Foreign = FALSE;
    return process;
}

PSIM_PROCESS SimProcessCreate(const char *Name, SIM_USER User)
{
    return SimProcessNew(Name, User);
}

ULONG SimProcessId(PSIM_PROCESS Process)
{
    return Process->Id;
}

ULONG SimProcessHandles(PSIM_PROCESS Process)
{
    ULONG count = 0;

    for (ULONG i = 0; i < Process->HandleRoom; i++)
        count += Process->Handles[i].Body != NULL;
    return count;
}

VOID SimProcessFreeAll(VOID)
{
    while (Processes) {
        PSIM_PROCESS process = Processes;
        if (SimProcessHandles(process))
            SimBug("process %s has %u handles open at the end", process->Name, SimProcessHandles(process));
        if (SimObFind(process)->References != 1 || SimObFind(process->Token)->References != 1)
            SimBug("process %s or its token is still referenced at the end", process->Name);
        Processes = process->Next;
        SimObDereference(process->Token);
        SimObDereference(process);
        free(process->Handles);
        free(process);
    }
    NextProcessId = 0;
}
