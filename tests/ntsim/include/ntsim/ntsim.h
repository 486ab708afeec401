/* SPDX-License-Identifier: MIT */
/*
 * The simulated NT executive, as its tests see it: the machine (start, stop, seed, faults), the user side that reads
 * like Win32, Plug and Play as the user and the hardware drive it, and the Mount Manager's and registry's settings.
 * The kernel side is the DDK's own headers. README.md says what is modelled and what cannot be shown.
 *
 * One thread of the simulation runs at a time and hands the machine on at simulated calls (and, with a seed, inside
 * the driver's code), chosen by a generator: one seed is one schedule. Time is simulated too; it jumps when nobody
 * can run, so that a deadline of 30 s costs nothing, and when nobody could ever run again the machine says who waits
 * for what. A broken rule ends the process with a text that names rule, thread and seed.
 */
#ifndef NTSIM_H
#define NTSIM_H

#include <ntifs.h>
#include <ntddk.h>

typedef struct _SIM_PROCESS SIM_PROCESS, *PSIM_PROCESS;
typedef struct _SIM_THREAD SIM_THREAD, *PSIM_THREAD;
typedef struct _SIM_DEVNODE SIM_DEVNODE, *PSIM_DEVNODE;
typedef struct _SIM_IO SIM_IO, *PSIM_IO;

/* ---- The machine ------------------------------------------------------------------------------------------------ */

typedef enum _SIM_MOUNT_MANAGER {
    SimMountManagerNormal,
    SimMountManagerAbsent,       /* \Device\MountPointManager does not exist */
    SimMountManagerNotSupported, /* opens, but everything but QUERY_POINTS is STATUS_NOT_SUPPORTED (Wine) */
} SIM_MOUNT_MANAGER;

typedef struct _SIM_OPTIONS {
    ULONG64 Seed;      /* 0: threads switch only where they wait; otherwise a schedule of its own */
    BOOLEAN TimeJumps; /* with a seed: timers may also expire while threads still run */
    BOOLEAN CallsOnly; /* with a seed: no switch inside the driver but at its calls; one schedule for every compiler */
    SIM_MOUNT_MANAGER MountManager;
    BOOLEAN NoAutoMount; /* as `mountvol /n` leaves a machine */
    BOOLEAN
    SurpriseRemovesAtOnce; /* REMOVE follows SURPRISE_REMOVAL with handles open (Wine); else after the last close */
    BOOLEAN SharedBuffers; /* direct I/O maps the caller's bytes themselves; else copies that die with the IRP */
    BOOLEAN Windows7; /* a kernel that knows neither NonPagedPoolNx nor MdlMappingNoExecute; else both are a duty */
    BOOLEAN Verbose;  /* show the driver's DbgPrint at once instead of with a failure only */
} SIM_OPTIONS, *PSIM_OPTIONS;

/* The environment's NTSIM_SEED overrides Seed where it is not 0. */
VOID SimStart(const SIM_OPTIONS *Options);
/* Every object, handle, pool block, thread and interface of the driver must be gone by then. */
VOID SimStop(VOID);
/* For messages: the test that runs now. */
VOID SimTestName(const char *Name);
/* Ends the process with the seed, the text, what every thread does and the driver's last words. */
VOID SimBug(const char *Format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define SIM_CHECK(condition) ((condition) ? (void)0 : SimBug("%s:%d: check failed: %s", __FILE__, __LINE__, #condition))

/* Runs until every system thread, work item and Plug and Play action has nothing to do. */
VOID SimSettle(VOID);
VOID SimSleep(ULONG Milliseconds); /* of simulated time */
/* The machine sleeps that long: its performance counter goes on, and nothing else. */
VOID SimMachineSleep(ULONG64 Milliseconds);
ULONG64 SimMilliseconds(VOID); /* simulated, since SimStart */
ULONG SimRandom(ULONG Bound);  /* below Bound; part of the schedule */
VOID SimYieldNow(VOID);
/*
 * Takes the processor from the next thread that calls the routine Where, or prints a line with Where in it, for so long: once.
 * Only where a thread can be preempted, at PASSIVE_LEVEL with no lock held. Up to four at a time, until SimStart.
 */
VOID SimStall(const char *Where, ULONG Milliseconds);
ULONG SimStalls(VOID); /* how many of them nobody has come to yet */
VOID SimStallClear(VOID);

/* The n-th call (from 1) that the driver makes from now and that may fail, fails; 0: none. Covers pool, IRPs, MDLs and
 * their mapping, work items, devices, links, interfaces, threads, opens, registry. */
VOID SimFaultArm(ULONG Nth);
BOOLEAN SimFaultFired(VOID); /* since SimFaultArm */
ULONG SimFaultCalls(VOID);   /* calls that could have failed since SimFaultArm */

/* Driver and service. The registry path is \Registry\Machine\System\CurrentControlSet\Services\<ServiceName>. */
NTSTATUS SimDriverLoad(PDRIVER_INITIALIZE Entry, const char *ServiceName, PDRIVER_OBJECT *Driver);
VOID SimDriverUnload(PDRIVER_OBJECT Driver);

VOID SimRegistrySetDword(const char *Key, const char *Value, ULONG Data);
VOID SimRegistrySetString(const char *Key, const char *Value, const char *Data);
VOID SimRegistrySetBinary(const char *Key, const char *Value, const void *Data, ULONG Bytes);
VOID SimRegistryDelete(const char *Key, const char *Value);

/* ---- Processes, tokens, threads ---------------------------------------------------------------------------------- */

typedef enum _SIM_USER {
    SimUserSystem,        /* S-1-5-18, session 0 */
    SimUserAdmin,         /* administrator, elevated */
    SimUserAdminFiltered, /* the same administrator's other token: Administrators deny-only; a logon session of its own */
    SimUserPlain,         /* ordinary interactive user */
    SimUserOther,         /* another ordinary interactive user, in session 2 */
    SimUserAnonymous,     /* S-1-5-7, network */
} SIM_USER;

PSIM_PROCESS SimProcessCreate(const char *Name, SIM_USER User);
/* Cancels its requests and waits for them, closes its handles, ends its threads. The structure stays until SimStop. */
VOID SimProcessKill(PSIM_PROCESS Process);
ULONG SimProcessId(PSIM_PROCESS Process);
ULONG SimProcessHandles(PSIM_PROCESS Process);

/* The calling thread acts as another user until SimRevert: ImpersonateLoggedOnUser. */
VOID SimImpersonate(SIM_USER User, SECURITY_IMPERSONATION_LEVEL Level);
VOID SimRevert(VOID);

PSIM_THREAD SimThreadCreate(PSIM_PROCESS Process, const char *Name, void (*Entry)(void *), void *Context);
VOID SimThreadJoin(PSIM_THREAD Thread);

/* ---- Files, as Win32 has them; names as CreateFile takes them (\\.\X:) or as NT does (\Device\X) ------------------- */

NTSTATUS SimOpen(PSIM_PROCESS Process, const char *Name, ACCESS_MASK Access, HANDLE *Handle);
NTSTATUS SimOpenShare(PSIM_PROCESS Process, const char *Name, ACCESS_MASK Access, ULONG Share, HANDLE *Handle);
NTSTATUS SimClose(PSIM_PROCESS Process, HANDLE Handle);
/* With the same rights; both handles are to be closed. */
NTSTATUS SimDuplicateHandle(PSIM_PROCESS From, HANDLE Handle, PSIM_PROCESS To, HANDLE *Duplicate);
NTSTATUS SimIoctl(PSIM_PROCESS Process, HANDLE Handle, ULONG Code, const void *In, ULONG InBytes, void *Out,
                  ULONG OutBytes, ULONG_PTR *Information);
NTSTATUS SimRead(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, void *Data, ULONG Bytes, ULONG_PTR *Information);
NTSTATUS SimWrite(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, const void *Data, ULONG Bytes,
                  ULONG_PTR *Information);
NTSTATUS SimFlush(PSIM_PROCESS Process, HANDLE Handle);

/* Overlapped. Buffers must live until the request is done. */
PSIM_IO SimIoctlStart(PSIM_PROCESS Process, HANDLE Handle, ULONG Code, const void *In, ULONG InBytes, void *Out,
                      ULONG OutBytes);
PSIM_IO SimReadStart(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, void *Data, ULONG Bytes);
PSIM_IO SimWriteStart(PSIM_PROCESS Process, HANDLE Handle, ULONG64 Offset, const void *Data, ULONG Bytes);
BOOLEAN SimIoDone(PSIM_IO Io);
NTSTATUS SimIoWait(PSIM_IO Io, ULONG_PTR *Information); /* waits, frees Io, gives the final status */
BOOLEAN SimIoWaitFor(PSIM_IO Io, ULONG Milliseconds);   /* TRUE: done by then; Io stays */
VOID SimIoCancel(PSIM_IO Io);                           /* CancelIoEx of this one */
VOID SimCancelAll(PSIM_PROCESS Process, HANDLE Handle); /* CancelIoEx of the handle */

/* An IRP that only kernel components send. Buffers are kernel memory; Minor is for PNP and POWER. */
typedef struct _SIM_KERNEL_REQUEST {
    UCHAR Major, Minor, StackFlags; /* StackFlags: SL_* */
    ULONG IrpFlags;                 /* IRP_PAGING_IO ... */
    ULONG64 Offset;
    void *Data;
    ULONG Bytes;
    ULONG LockedBytes; /* of the locked buffer, where a driver above has built it shorter than it says; 0: Bytes */
    ULONG Code;        /* of DEVICE_CONTROL, buffered; of QUERY_VOLUME_INFORMATION the class */
    PVOID Output;
    ULONG OutBytes;
    const IO_STACK_LOCATION *Stack; /* of PNP, POWER, SYSTEM_CONTROL: its Parameters; Information goes in and out */
    BOOLEAN Cancelled;              /* IoCancelIrp came before the driver had it */
} SIM_KERNEL_REQUEST;
NTSTATUS SimKernelRequest(PDEVICE_OBJECT Device, PFILE_OBJECT File, const SIM_KERNEL_REQUEST *Request,
                          ULONG_PTR *Information);
/* A handle's device and file object, for the above. */
PDEVICE_OBJECT SimDeviceOf(PSIM_PROCESS Process, HANDLE Handle);
PFILE_OBJECT SimFileOf(PSIM_PROCESS Process, HANDLE Handle);
PDEVICE_OBJECT SimDeviceByName(const char *Name); /* NULL: no such device; no reference is taken */

/* Object namespace: what a name leads to for this process ("" when it does not exist), as QueryDosDevice says. */
BOOLEAN SimLinkTarget(PSIM_PROCESS Process, const char *Link, char *Target, ULONG Bytes);
NTSTATUS SimDefineDosDevice(PSIM_PROCESS Process, const char *Name, const char *Target); /* NULL target: remove */
/* Does the device's security descriptor give the user this access? */
BOOLEAN SimDeviceGrants(PDEVICE_OBJECT Device, SIM_USER User, ACCESS_MASK Access);

/* ---- Plug and Play ------------------------------------------------------------------------------------------------ */

/* Root-enumerated device: AddDevice, START, bus relations. NULL with the status when AddDevice or START fails. */
PSIM_DEVNODE SimPnpAddRoot(PDRIVER_OBJECT Driver, const char *HardwareId, NTSTATUS *Status);
ULONG SimPnpChildren(PSIM_DEVNODE Parent);
PSIM_DEVNODE SimPnpChild(PSIM_DEVNODE Parent, ULONG Index); /* present ones, oldest first */
PSIM_DEVNODE SimPnpNodeOf(PDEVICE_OBJECT Device);           /* of a PDO by its device; NULL: none */
PDEVICE_OBJECT SimPnpPdo(PSIM_DEVNODE Node);
const char *SimPnpInstancePath(PSIM_DEVNODE Node); /* Enumerator\Device\Instance */
BOOLEAN SimPnpStarted(PSIM_DEVNODE Node);
const DEVICE_CAPABILITIES *SimPnpCapabilities(PSIM_DEVNODE Node);
const char *SimPnpText(PSIM_DEVNODE Node, DEVICE_TEXT_TYPE Type);
const char *SimPnpHardwareIds(PSIM_DEVNODE Node); /* ids separated by ';' */

/* CM_Query_And_Remove_SubTree and CM_Request_Device_Eject; refused: the veto's holder in Veto ("" : the driver). */
NTSTATUS SimPnpQueryRemove(PSIM_DEVNODE Node, char *Veto, ULONG VetoBytes);
NTSTATUS SimPnpEject(PSIM_DEVNODE Node, char *Veto, ULONG VetoBytes);
/* QUERY_REMOVE alone, and CANCEL_REMOVE; CANCEL may come without QUERY ("IRP_MN_CANCEL_REMOVE_DEVICE", WDK). */
NTSTATUS SimPnpSendQueryRemove(PSIM_DEVNODE Node);
NTSTATUS SimPnpSendCancelRemove(PSIM_DEVNODE Node);
NTSTATUS SimPnpSendQueryStop(PSIM_DEVNODE Node);
NTSTATUS SimPnpSendCancelStop(PSIM_DEVNODE Node);
NTSTATUS SimPnpSendStop(PSIM_DEVNODE Node);
NTSTATUS SimPnpSendStart(PSIM_DEVNODE Node);
/* The hardware went (root device: DIF_REMOVE): SURPRISE_REMOVAL, then REMOVE, children first. */
VOID SimPnpSurpriseRemove(PSIM_DEVNODE Node);
VOID SimPnpRemove(PSIM_DEVNODE Node); /* orderly: QUERY_REMOVE must succeed */
VOID SimPnpRescan(PSIM_DEVNODE Node);
NTSTATUS SimPnpUsage(PSIM_DEVNODE Node, DEVICE_USAGE_NOTIFICATION_TYPE Type, BOOLEAN InPath);
NTSTATUS SimPower(PSIM_DEVNODE Node, UCHAR Minor, POWER_STATE_TYPE Type, POWER_STATE State);
/* A user program that refuses removal of the device, as one with an open file does through its file system. */
VOID SimPnpSetVeto(PSIM_DEVNODE Node, const char *Holder);
/* The interfaces of a class that are enabled now, as symbolic link names; returns how many there are. */
ULONG SimPnpInterfaces(const GUID *Class, char (*Names)[260], ULONG Room);
/* A user's listener: called on arrival (TRUE) and removal. NULL: none. */
VOID SimPnpListen(void (*Listener)(const GUID *Class, const char *Link, BOOLEAN Arrival));

/* ---- Mount Manager ------------------------------------------------------------------------------------------------ */

/* As Win32 shows it: 0 when the volume has no letter. Device is the NT device name. */
char SimMountLetterOf(const char *Device);
BOOLEAN SimMountKnows(const char *Device);
ULONG SimMountVolumes(VOID);
/* MountedDevices: values now; one that remembers a letter (0: a "no letter" entry) for a unique id. */
ULONG SimMountStoreValues(VOID);
VOID SimMountRemember(char Letter, const void *UniqueId, USHORT Bytes);
BOOLEAN SimMountRemembers(char Letter);
VOID SimMountSetAutoMount(BOOLEAN Enabled);
/* What a volume was asked, as "560038 70048 ..." in order; cleared by reading. Tests hold it against the trace. */
const char *SimMountTrace(VOID);

#endif
