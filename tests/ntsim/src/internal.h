/* SPDX-License-Identifier: MIT */
/* What the parts of the simulator know of each other. Everything here runs under the baton: one thread at a time. */
#ifndef NTSIM_INTERNAL_H
#define NTSIM_INTERNAL_H

#include "ntsim/ntsim.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ntsim/raw.h"

#define SIM_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define SIM_POOL_POISON 0xCD /* fresh pool */
#ifndef SIM_BUG_ABORTS
#define SIM_BUG_ABORTS 0
#endif
#define SIM_IO_POISON 0xA5 /* the part of a system buffer that the caller did not fill */

/* Synchronisation that ThreadSanitizer cannot see by itself, as the simulator is built without it (tsan preset). */
#ifdef SIM_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define SIM_ACQUIRE(address) __tsan_acquire((void *)(address))
#define SIM_RELEASE(address) __tsan_release((void *)(address))
#else
#define SIM_ACQUIRE(address) ((void)(address))
#define SIM_RELEASE(address) ((void)(address))
#endif

/* ---- host.c -------------------------------------------------------------------------------------------------------- */

typedef struct _SIM_HOST SIM_HOST, *PSIM_HOST;
PSIM_HOST SimHostMain(VOID);                      /* of the thread that called SimStart */
PSIM_HOST SimHostOf(PSIM_THREAD Thread);          /* a free one, which will call SimThreadRun */
VOID SimHostSwitch(PSIM_HOST From, PSIM_HOST To); /* returns when From is given the baton again */

/* ---- sched.c ------------------------------------------------------------------------------------------------------- */

typedef enum _SIM_THREAD_STATE { SimReady, SimBlocked, SimDone } SIM_THREAD_STATE;

struct _SIM_THREAD {
    DISPATCHER_HEADER Header; /* first: a PKTHREAD is waited for */
    const char *Name;
    SIM_THREAD_STATE State;
    PSIM_HOST Host;
    void (*Entry)(void *);
    void *Context;
    PSIM_PROCESS Process, HomeProcess;
    struct _SIM_TOKEN *Impersonation;
    BOOLEAN Service;  /* of the simulator: may wait for ever */
    BOOLEAN Killed;   /* ends at the next return to user mode */
    BOOLEAN UserMode; /* was made by SimThreadCreate */
    jmp_buf Exit;
    LONG References;
    /* Processor */
    KIRQL Irql;
    ULONG Depth; /* >0: the simulator's own code runs; no faults are planted there */
    PKSPIN_LOCK Locks[8];
    ULONG LockCount;
    ULONG Critical;     /* KeEnterCriticalRegion */
    const char *NoWait; /* a rule that forbids waiting now */
    PVOID Creating;     /* a device of its own that others do not see yet */
    ULONG Mutexes;      /* fast mutexes, resources and such held */
    /* Wait */
    const char *WaitWhy;
    PVOID *WaitObjects;
    ULONG WaitCount;
    WAIT_TYPE WaitType;
    ULONG64 WaitUntil; /* 0: for ever */
    NTSTATUS WaitStatus;
};

typedef struct _SIM_STATE {
    SIM_OPTIONS Options;
    BOOLEAN Running;
    PSIM_THREAD Current, Main;
    PSIM_THREAD Threads[512];
    ULONG ThreadCount;
    ULONG64 Random;
    ULONG Turn;
    ULONG SwitchMean; /* yield points between switches; 0: never */
    LONG SwitchIn;
    ULONG64 Now;   /* 100 ns since SimStart */
    ULONG64 Slept; /* 100 ns; SimMachineSleep */
    ULONG FaultAt, FaultSeen;
    BOOLEAN FaultFired;
    const char *TestName;
    PSIM_PROCESS SystemProcess;
} SIM_STATE;
extern SIM_STATE Sim;

VOID SimSchedStart(VOID);
VOID SimSchedStop(VOID);
VOID SimSchedSeed(VOID); /* the schedule that Sim.Options.Seed stands for begins */
PSIM_THREAD SimThreadStart(PSIM_PROCESS Process, const char *Name, BOOLEAN Service, void (*Entry)(void *),
                           void *Context);
PSIM_HOST SimThreadRun(PSIM_THREAD Thread);    /* from its beginning to its end; returns who is next */
VOID SimBlock(const char *Why, ULONG64 Until); /* until SimWake or the time; 0: for ever */
VOID SimWake(PSIM_THREAD Thread);
VOID SimYield(VOID);
VOID SimThreadExit(VOID) __attribute__((noreturn));
VOID SimThreadRelease(PSIM_THREAD Thread);
VOID SimDescribeThreads(VOID);
VOID SimUserReturn(VOID);   /* ends the thread here when it was killed */
ULONG64 SimNextTimer(VOID); /* ke_timer.c: absolute, 0: none */
VOID SimFireTimers(VOID);
/* Memory of the driver goes: nothing of the kernel's may lie in it any more. */
VOID SimTimerMemoryFreed(const void *Block, SIZE_T Bytes, const char *What);
VOID SimRemoveLockMemoryFreed(const void *Block, SIZE_T Bytes);

/* ---- check.c ------------------------------------------------------------------------------------------------------- */

/* Start of each routine the driver may call: the IRQL rule, a switch, and whether a planted fault hits. */
VOID SimEnter(const char *Routine, KIRQL MaxIrql);
BOOLEAN SimFault(const char *Routine);
VOID SimStallHere(const char *Text);
#define SIM_ENTER(max) SimEnter(__func__, (max))
#define SIM_FAULT() SimFault(__func__)
VOID SimLog(const char *Text, size_t Bytes);
VOID SimNote(const char *Format, ...) __attribute__((format(printf, 1, 2)));
/* Calls out into the driver, and what must hold when it comes back. */
typedef struct _SIM_CALLOUT {
    ULONG Depth, LockCount, Critical, Mutexes;
    KIRQL Irql;
} SIM_CALLOUT;
VOID SimCallBegin(SIM_CALLOUT *Callout, BOOLEAN Foreign);
/* What it was, for a message: a format. */
VOID SimCallEnd(const SIM_CALLOUT *Callout, const char *What, ...) __attribute__((format(printf, 2, 3)));
VOID SimCheckWaitAllowed(const char *Routine, BOOLEAN Blocking);

/* ---- map.c: facts about an address, kept outside the block so that ASan sees its edges ------------------------------ */

typedef struct _SIM_MAP {
    struct _SIM_MAP_SLOT *Slots;
    size_t Room, Used, Dead;
} SIM_MAP;
PVOID SimMapGet(const SIM_MAP *Map, const void *Key);
VOID SimMapSet(SIM_MAP *Map, const void *Key, PVOID Value); /* Value NULL: removes */
BOOLEAN SimMapNext(const SIM_MAP *Map, size_t *Cursor, const void **Key, PVOID *Value);
ULONG SimMapCount(const SIM_MAP *Map);
VOID SimMapClear(SIM_MAP *Map);

/* ---- ke*.c, ex*.c ---------------------------------------------------------------------------------------------------- */

VOID SimWakeWaiters(PVOID Object); /* after its state changed: satisfies whom it can */
NTSTATUS SimWaitObjects(ULONG Count, PVOID *Objects, WAIT_TYPE Type, ULONG64 Until, const char *Why);
VOID SimEventInit(PRKEVENT Event, EVENT_TYPE Type);
VOID SimEventSet(PRKEVENT Event);
VOID SimEventWait(PRKEVENT Event, const char *Why);
VOID SimTimerStart(VOID);
VOID SimTimerStop(VOID);
ULONG SimTimersSet(VOID);
VOID SimPoolStart(VOID);
VOID SimPoolStop(VOID);
PVOID SimPoolAllocate(SIZE_T Bytes, ULONG Tag); /* for the driver to free */
BOOLEAN SimPoolOwns(const void *Block);
ULONG SimPoolTag(const void *Block);
VOID SimWorkStart(VOID);
VOID SimWorkStop(VOID);
VOID SimWorkQueue(VOID (*Routine)(PVOID), PVOID Context); /* by a worker thread of the system */
BOOLEAN SimWorkIdle(VOID);

/* What winnt.h has and the DDK headers at hand have not. */
#define SECURITY_MAX_SID_SIZE 68
#define SE_GROUP_MANDATORY 0x00000001u
#define SE_GROUP_ENABLED_BY_DEFAULT 0x00000002u
#define SE_GROUP_ENABLED 0x00000004u
#define SE_GROUP_OWNER 0x00000008u
#define SE_GROUP_USE_FOR_DENY_ONLY 0x00000010u
#define SE_GROUP_INTEGRITY 0x00000020u
#define SE_GROUP_INTEGRITY_ENABLED 0x00000040u
#define SE_GROUP_LOGON_ID 0xC0000000u
enum { SimElevationDefault = 1, SimElevationFull, SimElevationLimited }; /* TOKEN_ELEVATION_TYPE */

/* ---- se*.c ------------------------------------------------------------------------------------------------------------- */

typedef struct _SIM_GROUP {
    UCHAR Sid[SECURITY_MAX_SID_SIZE];
    ULONG Attributes;
} SIM_GROUP;
typedef struct _SIM_TOKEN {
    SIM_USER Kind;
    UCHAR User[SECURITY_MAX_SID_SIZE];
    SIM_GROUP Groups[12];
    ULONG GroupCount;
    ULONG Integrity; /* RID: 0x1000 low, 0x2000 medium ... */
    LUID LogonId;
    ULONG Session;
    ULONG Elevation;
    BOOLEAN Impersonates;
    ULONG Level; /* SECURITY_IMPERSONATION_LEVEL */
} SIM_TOKEN, *PSIM_TOKEN;
PSIM_TOKEN SimTokenCreate(SIM_USER Kind);
PSIM_TOKEN SimEffectiveToken(PSIM_PROCESS Process);
/* Grants what Desired asks of the self-relative or absolute descriptor (NULL: everything). */
NTSTATUS SimAccessCheck(PSECURITY_DESCRIPTOR Sd, PSIM_TOKEN Token, ACCESS_MASK Desired, PGENERIC_MAPPING Mapping,
                        ACCESS_MASK *Granted);
PSECURITY_DESCRIPTOR SimSdCopy(PSECURITY_DESCRIPTOR Sd, ULONG *Bytes); /* self-relative, malloc'd */
NTSTATUS SimSdMerge(PSECURITY_DESCRIPTOR *Held, PSECURITY_DESCRIPTOR New, SECURITY_INFORMATION Which);
BOOLEAN SimSdValid(PSECURITY_DESCRIPTOR Sd);
extern GENERIC_MAPPING SimFileMapping;

/* ---- ob*.c ------------------------------------------------------------------------------------------------------------- */

typedef enum _SIM_TYPE {
    SimTypeDirectory = 1,
    SimTypeLink,
    SimTypeDevice,
    SimTypeDriver,
    SimTypeFile,
    SimTypeProcess,
    SimTypeThread,
    SimTypeToken,
    SimTypeEvent,
    SimTypeKey,
} SIM_TYPE;
typedef struct _SIM_OBJECT {
    SIM_TYPE Type;
    PVOID Body;
    LONG References; /* with one for all handles together */
    LONG Handles;
    char *Name;                                   /* in Parent; NULL: none */
    struct _SIM_OBJECT *Parent, *Next, *Children; /* of a directory */
    char *Target;                                 /* of a link */
    PSECURITY_DESCRIPTOR Security;
    BOOLEAN Foreign; /* made by the driver: must be gone at unload */
    void (*Destroy)(PVOID Body);
    void (*LastHandle)(PVOID Body);
} SIM_OBJECT, *PSIM_OBJECT;

VOID SimObStart(VOID);
VOID SimObStop(VOID);
PSIM_OBJECT SimObInsert(SIM_TYPE Type, PVOID Body, void (*Destroy)(PVOID));
PSIM_OBJECT SimObFind(const void *Body); /* NULL: no object */
VOID SimObReference(PVOID Body);
VOID SimObDereference(PVOID Body);
NTSTATUS SimObName(PSIM_OBJECT Object, const char *Path);
VOID SimObUnname(PSIM_OBJECT Object);
/* Follows links; *Rest is what follows a device's name ("" or "\..."). Process NULL: the system's view. */
NTSTATUS SimObLookup(PSIM_PROCESS Process, const char *Path, BOOLEAN OpenLink, PSIM_OBJECT *Object, char *Rest,
                     size_t RestBytes);
NTSTATUS SimObMakeDirectory(const char *Path);
NTSTATUS SimObMakeLink(PSIM_PROCESS Process, const char *Path, const char *Target, BOOLEAN Foreign);
NTSTATUS SimObDeleteLink(PSIM_PROCESS Process, const char *Path);
char *SimNarrow(const UNICODE_STRING *String);           /* malloc'd; a unit over 0x7e becomes '?' */
VOID SimWiden(const char *Text, UNICODE_STRING *String); /* malloc'd buffer, NUL-terminated */
VOID SimObReport(VOID);
VOID SimObCount(ULONG *Objects, ULONG *Handles); /* but processes and their tokens, which stay until SimStop */

typedef struct _SIM_HANDLE {
    PVOID Body;
    ACCESS_MASK Access;
    BOOLEAN Kernel;
} SIM_HANDLE;
struct _SIM_PROCESS {
    DISPATCHER_HEADER Header;
    const char *Name;
    ULONG Id;
    PSIM_TOKEN Token;
    SIM_HANDLE *Handles;
    ULONG HandleRoom, HandleCapacity; /* slots ever used, and there */
    BOOLEAN Dead;
    PSIM_PROCESS Next;
};
HANDLE SimHandleCreate(PSIM_PROCESS Process, PVOID Body, ACCESS_MASK Access, BOOLEAN Kernel);
SIM_HANDLE *SimHandleGet(PSIM_PROCESS Process, HANDLE Handle);
VOID SimHandleClose(PSIM_PROCESS Process, HANDLE Handle);
PSIM_PROCESS SimProcessNew(const char *Name, SIM_USER User);
VOID SimProcessFreeAll(VOID);
PSIM_PROCESS SimHandleProcess(HANDLE Handle); /* kernel handles live with System */

/* ---- io*.c ------------------------------------------------------------------------------------------------------------- */

typedef struct _SIM_DEVICE {
    DEVICE_OBJECT *Body;
    PSIM_DEVNODE Node; /* of a PDO that was reported */
    BOOLEAN Foreign, Deleted;
    LONG Opens;
} SIM_DEVICE, *PSIM_DEVICE;
VOID SimIoStart(VOID);
VOID SimIoStop(VOID);
PSIM_DEVICE SimDevice(PDEVICE_OBJECT Device); /* must be a device */
BOOLEAN SimDriverForeign(PDRIVER_OBJECT Driver);
PDRIVER_OBJECT SimDriverCreate(const char *Name, PDRIVER_DISPATCH Dispatch); /* one of the simulator's own */
NTSTATUS SimDeviceCreate(PDRIVER_OBJECT Driver, ULONG ExtensionBytes, const char *Name, DEVICE_TYPE Type,
                         ULONG Characteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *Device);
VOID SimDeviceOpened(PDEVICE_OBJECT Device, LONG Change);

struct _SIM_IO {
    PIRP Irp; /* NULL once done */
    PSIM_PROCESS Process;
    PSIM_THREAD Thread;
    PFILE_OBJECT File;
    KEVENT Done;
    IO_STATUS_BLOCK Result;
    PVOID UserOut;
    ULONG OutBytes;
    BOOLEAN CopyOut;
    BOOLEAN Detached; /* nobody will wait: freed at completion */
    struct _SIM_IO *Next, *Previous;
};
/* Facts about one IRP that must outlive it. */
typedef struct _SIM_IRP {
    PIRP Irp;             /* NULL: freed */
    BOOLEAN Completed;    /* the walk up the stack has begun and was not stopped */
    BOOLEAN Finished;     /* no stack location is left */
    BOOLEAN DriverOwned;  /* by IoAllocateIrp: freed by IoFreeIrp */
    UCHAR Marked[64];     /* by location: 1 not marked, 2 marked pending, as completion found it */
    NTSTATUS FinalStatus; /* as first completed */
    LONG References;
    LONG Cancelling;
    BOOLEAN FreeLater;
    PSIM_IO Io;
    PKEVENT UserEvent;
    PIO_STATUS_BLOCK UserIosb;
    ULONG BufferedBytes, InBytes, OutBytes;
    BOOLEAN Synchronous; /* the sender waits for the event and frees it */
} SIM_IRP, *PSIM_IRP;
PSIM_IRP SimIrp(PIRP Irp); /* must be a live IRP */
PIRP SimIrpAllocate(CCHAR StackSize, PSIM_IRP *Facts);
VOID SimIrpFree(PIRP Irp);
NTSTATUS SimCallDriver(PDEVICE_OBJECT Device, PIRP Irp);
VOID SimIrpDone(PSIM_IRP Facts, PIRP Irp); /* final stage for what the I/O manager made */
NTSTATUS SimSendIoctl(PDEVICE_OBJECT Device, PFILE_OBJECT File, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes, ULONG_PTR *Information);
NTSTATUS SimPnpIrp(PDEVICE_OBJECT Device, IO_STACK_LOCATION *Parameters, ULONG_PTR *Information);
VOID SimCheckOutput(PSIM_IRP Facts, PIRP Irp);
NTSTATUS SimFileOpen(PSIM_PROCESS Process, const char *Path, ACCESS_MASK Access, ULONG Share, ULONG Options,
                     BOOLEAN KernelMode, PFILE_OBJECT *File);
/* What the I/O manager asks of a program that opens a device, or Rest below it; Granted: what goes to the driver. */
NTSTATUS SimOpenCheck(PSIM_OBJECT Device, const char *Rest, PSIM_TOKEN Token, ACCESS_MASK Access, ACCESS_MASK *Granted);
NTSTATUS SimFileIoctl(PFILE_OBJECT File, KPROCESSOR_MODE Mode, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes, PSIM_IO Io);
VOID SimFileCleanup(PVOID File);
PSIM_IO SimFileTransfer(PFILE_OBJECT File, UCHAR Major, ULONG64 Offset, void *Data, ULONG Bytes);
PSIM_IO SimFileIo(PFILE_OBJECT File);
VOID SimFileIoFree(PSIM_IO Io);
BOOLEAN SimProcessReap(PSIM_PROCESS Process); /* frees what its dead threads left; FALSE: some is still pending */
VOID SimFileStop(VOID);
VOID SimProcessCancel(PSIM_PROCESS Process, PFILE_OBJECT File); /* File NULL: all */
VOID SimIrpStop(VOID);
VOID SimErrorLogStart(VOID);
VOID SimErrorLogStop(VOID);
ULONG SimIrpPending(PDEVICE_OBJECT Device);
ULONG SimIrpLive(VOID);
ULONG SimRequestsLive(VOID); /* begun by programs and not given back */
VOID SimMdlLock(PMDL Mdl, void *User, BOOLEAN CopyIn);
VOID SimMdlRelease(PMDL Mdl, BOOLEAN CopyOut);
PMDL SimMdlCreate(void *User, ULONG Bytes, BOOLEAN DeviceReads);
ULONG SimMdlLive(VOID);

/* ---- registry, pnp, mount manager ---------------------------------------------------------------------------------------- */

VOID SimCmStart(VOID);
VOID SimCmStop(VOID);
VOID SimPnpStart(VOID);
VOID SimPnpStop(VOID);
VOID SimPnpActionsStart(VOID);
VOID SimPnpActionsStop(VOID); /* when all that was asked is done */
BOOLEAN SimPnpIdle(VOID);
BOOLEAN SimPnpRemoving(PSIM_DEVNODE Node);
VOID SimPnpDeviceClosed(PDEVICE_OBJECT Device); /* last handle on its stack went */
VOID SimPnpDeviceDeleted(PSIM_DEVNODE Node);
PSIM_DEVNODE SimPnpFirst(VOID);                                                                /* newest first */
NTSTATUS SimPnpDo(NTSTATUS (*Routine)(PSIM_DEVNODE, PVOID), PSIM_DEVNODE Node, PVOID Context); /* by the PnP thread */
VOID SimPnpDoLater(NTSTATUS (*Routine)(PSIM_DEVNODE, PVOID), PSIM_DEVNODE Node, PVOID Context);
NTSTATUS SimPnpSend(PSIM_DEVNODE Node, UCHAR Minor, IO_STACK_LOCATION *Parameters);
VOID SimPnpRemoveNode(PSIM_DEVNODE Node);
VOID SimPnpMissing(PSIM_DEVNODE Node);
VOID SimPnpForgetRoot(PSIM_DEVNODE Node);
VOID SimPnpRecord(PSIM_DEVNODE Node);
VOID SimPnpCompleteLater(PVOID Irp);
VOID SimPnpTarget(PDEVICE_OBJECT Device);
VOID SimInterfacesOff(PSIM_DEVNODE Node);
VOID SimInterfacesStarted(PSIM_DEVNODE Node);
VOID SimInterfacesStop(VOID);
VOID SimMountStart(VOID);
VOID SimMountStoreStart(VOID);
VOID SimMountStoreStop(VOID);
VOID SimMountStop(VOID);
VOID SimMountArrival(const char *Link);
VOID SimMountDeparture(const char *Link);
PDRIVER_OBJECT SimPnpDriver(VOID);

struct _SIM_DEVNODE {
    PSIM_DEVNODE Parent, Next; /* Next: in the list of all */
    PDEVICE_OBJECT Pdo;
    PDRIVER_OBJECT Driver; /* NULL: raw */
    char Path[200], HardwareIds[300], CompatibleIds[200], Text[2][128];
    DEVICE_CAPABILITIES Capabilities;
    BOOLEAN Started, Present, Missing, QueryRemoved, Surprised, Removed, Removing, Stopped, Failed;
    BOOLEAN RemovePending; /* waits for the last handle */
    BOOLEAN Gone;          /* nothing is left of it but this record */
    char Veto[64];
    ULONG Serial;
};

#endif
