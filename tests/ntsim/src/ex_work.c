/* SPDX-License-Identifier: MIT */
/* System worker threads, I/O work items, system threads and GUIDs. */
#include "internal.h"

typedef struct _WORK {
    VOID (*Routine)(PVOID);
    PVOID Context;
    struct _WORK *Next;
} WORK;

/* Opaque to drivers. The reference on the device holds it, and through it the driver, until the routine has returned. */
struct _IO_WORKITEM {
    PDEVICE_OBJECT Device;
    PIO_WORKITEM_ROUTINE Routine;
    PIO_WORKITEM_ROUTINE_EX RoutineEx;
    PVOID Context;
    BOOLEAN Queued;
};

enum { WORKERS = 3 };
static WORK *First, **Last = &First;
static KEVENT Work;
static PSIM_THREAD Workers[WORKERS];
static ULONG Busy;
static BOOLEAN Stopping;
static SIM_MAP Items;

static VOID Worker(void *context)
{
    (void)context;
    for (;;) {
        WORK *work;
        SIM_CALLOUT callout;
        while (!First) {
            if (Stopping)
                return;
            SimEventWait(&Work, "work");
        }
        work = First;
        First = work->Next;
        if (!First)
            Last = &First;
        else
            SimEventSet(&Work);
        SIM_ACQUIRE(work);
        Busy++;
        SimCallBegin(&callout, FALSE);
        work->Routine(work->Context);
        SimCallEnd(&callout, "a work routine");
        Busy--;
        free(work);
        SimYield();
    }
}

VOID SimWorkQueue(VOID (*Routine)(PVOID), PVOID Context)
{
    WORK *work = calloc(1, sizeof(*work));

    work->Routine = Routine;
    work->Context = Context;
    SIM_RELEASE(work);
    *Last = work;
    Last = &work->Next;
    SimEventSet(&Work);
}

BOOLEAN SimWorkIdle(VOID)
{
    return !First && !Busy;
}

VOID SimWorkStart(VOID)
{
    Stopping = FALSE;
    Busy = 0;
    First = NULL;
    Last = &First;
    SimEventInit(&Work, SynchronizationEvent);
    for (ULONG i = 0; i < WORKERS; i++)
        Workers[i] = SimThreadStart(Sim.SystemProcess, "worker", TRUE, Worker, NULL);
}

VOID SimWorkStop(VOID)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;

    while (SimMapNext(&Items, &cursor, &key, &value))
        SimBug("a work item was not freed");
    SimMapClear(&Items);
    Stopping = TRUE;
    for (ULONG i = 0; i < WORKERS; i++) {
        for (ULONG k = 0; k < WORKERS; k++)
            SimEventSet(&Work);
        SimThreadJoin(Workers[i]);
    }
}

PIO_WORKITEM NTAPI IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM item;

    SIM_ENTER(DISPATCH_LEVEL);
    SimDevice(DeviceObject);
    if (SIM_FAULT())
        return NULL;
    item = calloc(1, sizeof(*item));
    item->Device = DeviceObject;
    SimMapSet(&Items, item, item);
    return item;
}

VOID NTAPI IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    SIM_ENTER(DISPATCH_LEVEL);
    if (!SimMapGet(&Items, IoWorkItem))
        SimBug("IoFreeWorkItem of %p, which is no work item or was freed", (void *)IoWorkItem);
    if (IoWorkItem->Queued)
        SimBug("IoFreeWorkItem of an item that is queued");
    SimMapSet(&Items, IoWorkItem, NULL);
    free(IoWorkItem);
}

static VOID RunItem(PVOID context)
{
    PIO_WORKITEM item = context;
    PDEVICE_OBJECT device = item->Device;
    SIM_CALLOUT callout;

    /* From here the item is the routine's own again: it may free or queue it. */
    item->Queued = FALSE;
    SimCallBegin(&callout, TRUE);
    if (item->RoutineEx)
        item->RoutineEx(device, item->Context, item);
    else
        item->Routine(device, item->Context);
    SimCallEnd(&callout, "a work item");
    SimObDereference(device);
}

static VOID QueueItem(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, PIO_WORKITEM_ROUTINE_EX ex, PVOID context)
{
    if (!SimMapGet(&Items, item))
        SimBug("IoQueueWorkItem of %p, which is no work item", (void *)item);
    if (item->Queued)
        SimBug("IoQueueWorkItem of an item that is queued already");
    item->Queued = TRUE;
    item->Routine = routine;
    item->RoutineEx = ex;
    item->Context = context;
    SimObReference(item->Device);
    SimWorkQueue(RunItem, item);
}

VOID NTAPI IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                           PVOID Context)
{
    (void)QueueType;
    SIM_ENTER(DISPATCH_LEVEL);
    QueueItem(IoWorkItem, WorkerRoutine, NULL, Context);
}

VOID NTAPI IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine, WORK_QUEUE_TYPE QueueType,
                             PVOID Context)
{
    (void)QueueType;
    SIM_ENTER(DISPATCH_LEVEL);
    QueueItem(IoWorkItem, NULL, WorkerRoutine, Context);
}

/* ---- System threads -------------------------------------------------------------------------------------------------- */

typedef struct _SYSTEM_START {
    PKSTART_ROUTINE Routine;
    PVOID Context;
} SYSTEM_START;

static VOID SystemThread(void *context)
{
    SYSTEM_START start = *(SYSTEM_START *)context;
    PSIM_THREAD me = Sim.Current;

    free(context);
    start.Routine(start.Context);
    if (me->Irql != PASSIVE_LEVEL)
        SimBug("a system thread returned at IRQL %u", me->Irql);
}

static VOID ThreadDestroy(PVOID body)
{
    SimThreadRelease(body);
}

NTSTATUS NTAPI PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext)
{
    SYSTEM_START *start;
    PSIM_THREAD thread;

    (void)ProcessHandle;
    (void)ClientId;
    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    start = malloc(sizeof(*start));
    *start = (SYSTEM_START){StartRoutine, StartContext};
    thread = SimThreadStart(Sim.SystemProcess, "system thread", FALSE, SystemThread, start);
    SimObInsert(SimTypeThread, thread, ThreadDestroy);
    *ThreadHandle =
        SimHandleCreate(ObjectAttributes && (ObjectAttributes->Attributes & OBJ_KERNEL_HANDLE) ? Sim.SystemProcess
                                                                                               : Sim.Current->Process,
                        thread, DesiredAccess, TRUE);
    SimObDereference(thread);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    (void)ExitStatus;
    SIM_ENTER(PASSIVE_LEVEL);
    SimThreadExit();
}

PEPROCESS NTAPI IoGetCurrentProcess(VOID)
{
    return (PEPROCESS)Sim.Current->Process;
}

HANDLE NTAPI PsGetCurrentProcessId(VOID)
{
    return (HANDLE)(ULONG_PTR)Sim.Current->Process->Id;
}

HANDLE NTAPI PsGetCurrentThreadId(VOID)
{
    return (HANDLE)Sim.Current;
}

HANDLE NTAPI PsGetProcessId(PEPROCESS Process)
{
    return (HANDLE)(ULONG_PTR)((PSIM_PROCESS)Process)->Id;
}

BOOLEAN NTAPI PsIsSystemThread(PETHREAD Thread)
{
    return ((PSIM_THREAD)Thread)->Process == Sim.SystemProcess;
}

PEPROCESS NTAPI IoGetRequestorProcess(PIRP Irp)
{
    PSIM_IRP facts = SimIrp(Irp);

    return facts->Io ? (PEPROCESS)facts->Io->Process : NULL;
}

ULONG NTAPI IoGetRequestorProcessId(PIRP Irp)
{
    PSIM_PROCESS process = (PSIM_PROCESS)IoGetRequestorProcess(Irp);

    return process ? process->Id : 0;
}

NTSTATUS NTAPI ExUuidCreate(UUID *Uuid)
{
    SIM_ENTER(PASSIVE_LEVEL);
    if (SIM_FAULT())
        return STATUS_RETRY;
    for (ULONG i = 0; i < sizeof(*Uuid); i++)
        ((UCHAR *)Uuid)[i] = (UCHAR)SimRandom(256);
    Uuid->Data3 = (USHORT)((Uuid->Data3 & 0xfff) | 0x4000);
    return STATUS_SUCCESS;
}

VOID NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    SimBug("bugcheck %xh (%llx, %llx, %llx, %llx)", BugCheckCode, (unsigned long long)P1, (unsigned long long)P2,
           (unsigned long long)P3, (unsigned long long)P4);
}

VOID NTAPI KeBugCheck(ULONG BugCheckCode)
{
    KeBugCheckEx(BugCheckCode, 0, 0, 0, 0);
}
