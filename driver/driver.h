/* SPDX-License-Identifier: MIT */
/*
 * What every file of the driver sees: the DDK, the boundary, the driver's one global structure.
 *
 * Locks, always taken in this order, none held over a call out of the driver other than to Ke* and Ob* routines that
 * may be called at DISPATCH_LEVEL:
 *   1. Platter.Lock     lists of volumes and sessions, the bus, each volume's life (VOLUME: fields marked L)
 *   2. SESSION.Lock     a session's queues, its volumes' State (VOLUME: fields marked S)
 */
#ifndef PLATTER_DRIVER_H
#define PLATTER_DRIVER_H

#include <ntifs.h>
#include <ntdddisk.h>
#include <ntddstor.h>
#include <ntddvol.h>
#include <ntddcdrm.h>
#include <mountmgr.h>
#include <mountdev.h>
#include <platter/protocol.h>

/* Version of the driver, told by HELLO: major << 16 | minor << 8 | patch. Also in version.rc and platter.inf. */
#define DRIVER_VERSION 0x00000100u

typedef struct _VOLUME VOLUME, *PVOLUME;
typedef struct _SESSION SESSION, *PSESSION;
typedef struct _BUS BUS, *PBUS;

/* First field of every device extension: whose dispatch routine an IRP belongs to. */
typedef enum _DEVICE_KIND
{
    DEVICE_KIND_CONTROL = 1,
    DEVICE_KIND_BUS,
    DEVICE_KIND_VOLUME,
} DEVICE_KIND;

typedef struct _DEVICE_HEADER
{
    DEVICE_KIND Kind;
} DEVICE_HEADER, *PDEVICE_HEADER;

#define INSTANCE_ROUND 256u /* instance.h */
#define INSTANCE_MOST 2048u

typedef struct _DRIVER_GLOBALS
{
    PDRIVER_OBJECT DriverObject;
    POOL_TYPE PoolType; /* non-paged, not executable where the system knows how */
    ULONG MapPriority;  /* for MDLs; the same */

    KSPIN_LOCK Lock;
    LIST_ENTRY Volumes;  /* VOLUME.Link, ascending ids; those that are not gone */
    LIST_ENTRY Ended;    /* VOLUME.Link; gone, but not deleted yet */
    LIST_ENTRY Sessions; /* SESSION.Link */
    ULONG VolumeCount;   /* on Volumes */
    ULONG DeviceCount;   /* volume devices that exist, gone ones that still wait for their REMOVE included */
    ULONGLONG LastVolumeId;
    ULONG Instances[INSTANCE_MOST / 32u]; /* a bit for each number that a volume device has */
    ULONG LastInstance;
    PBUS Bus;                     /* NULL: no bus device, volumes are plain devices */
    ULONG BusDevices;             /* function devices that exist; PnP only, as the next */
    PDEVICE_OBJECT ControlDevice; /* written by PnP, DriverEntry and unload only, which the system serialises */

    KEVENT NoDevices;              /* signalled while DeviceCount is 0 */
    volatile LONG Answer;          /* what the Mount Manager said last; mountmgr.c */
    volatile LONG RelationsMissed; /* the PnP manager got no list of children and is to ask again */

    KTIMER Timer;
    KDPC TimerDpc;
    KEVENT TimerTurn;   /* whose turn it is to look at DeviceCount and TimerArmed and to set or cancel the timer */
    BOOLEAN TimerArmed; /* under TimerTurn */
    ULONG LastTick;     /* Lock; milliseconds: when the timer was set, or ran last */

    ULONGLONG LogWindow; /* Lock; ClockUptime: when the minute ends in which LogEntries were counted */
    ULONG LogEntries;    /* Lock; error_log.c */
} DRIVER_GLOBALS;

extern DRIVER_GLOBALS Platter;

/* driver.c: called by DriverEntry (entry.c) once the stack guard is seeded. */
NTSTATUS DriverStart(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

/* Completes an IRP that is the caller's alone. Returns Status, so that a dispatch routine can end with it. */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS CompleteIrp(_Inout_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information);

#endif
