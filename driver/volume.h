/* SPDX-License-Identifier: MIT */
/*
 * A volume: the device object that stands for one mounted partition, and its life.
 *
 *   CREATED -> PROBING -> STARTING -> RUNNING -> REMOVING -> (gone) -> deleted
 *
 * VolumeBeginRemove may come in any state. All that is slow, asks the Mount Manager or the PnP manager, or deletes the
 * device is done by one work item of the volume, one step after the other, with no lock held.
 *
 * Fields marked C are constant once the device is visible, L belong to Platter.Lock, S to Session->Lock, W to the work
 * item, I are changed by interlocked operations.
 */
#ifndef PLATTER_VOLUME_H
#define PLATTER_VOLUME_H

#include "driver.h"
#include "security.h"

/* Steps for the work item; VOLUME.Work. */
#define VOLUME_WORK_ANNOUNCE                                                                                           \
    0x1u /* begin or go on announcing: probe passed, PnP has started, a letter came, time is up */
#define VOLUME_WORK_SUSPEND 0x2u  /* disabled in the device manager, or about to be ejected */
#define VOLUME_WORK_WITHDRAW 0x4u /* take the letter back, tell PnP that the device is gone */
#define VOLUME_WORK_DELETE 0x8u   /* last step: drain and delete the device */

/* How far announcing has come; written by the work item. */
typedef enum _ANNOUNCE_STAGE
{
    ANNOUNCE_NOT_BEGUN = 0,
    ANNOUNCE_DEVICE, /* child reported, the PnP manager's START is awaited */
    ANNOUNCE_LETTER, /* the Mount Manager was told, its letter is awaited */
    ANNOUNCE_DONE,
} ANNOUNCE_STAGE;

/*
 * The id by which the Mount Manager knows a volume: a prefix and the provider's unique_id. Whoever mounts chooses the latter, and
 * what is forgotten by it is forgotten with the kernel's rights; so it must be neither another driver's id (some have 16 bytes)
 * nor, if it is a fresh one, that of a volume whose letter is remembered.
 */
#define VOLUME_MOUNT_ID_FRESH "PlatterF"
#define VOLUME_MOUNT_ID_STABLE "PlatterS"
#define VOLUME_MOUNT_ID_PREFIX 8u
#define VOLUME_MOUNT_ID_BYTES (VOLUME_MOUNT_ID_PREFIX + 16u)

#define VOLUME_HOLDERS 4u /* who holds a volume is told of that many; counted are all */

struct _VOLUME
{
    DEVICE_HEADER Header;  /* C; first: this is the device extension */
    PDEVICE_OBJECT Device; /* C */
    PSESSION Session;      /* C; referenced until the device is deleted */
    CALLER Owner;          /* C; who mounted it */
    ULONGLONG Id;          /* C */
    ULONG Instance;        /* C; of the device node */
    ULONG DeadlineMs;      /* C */
    ULONGLONG MountedAt;   /* C */
    UNICODE_STRING Name;   /* C; in NameBuffer */
    WCHAR NameBuffer[PLATTER_DEVICE_NAME_CHARS];
    struct platter_volume_create_in Shape; /* C; as asked, checked */
    UCHAR MountId[VOLUME_MOUNT_ID_BYTES];  /* C */
    GUID Container;                        /* C; the first unique id of the session: one image, one container */
    PUCHAR ProbeBuffer;                    /* C; where the probe read's bytes go, PLATTER_MAX_SECTOR_SIZE */
    PIO_WORKITEM WorkItem;                 /* C */

    IO_REMOVE_LOCK RemoveLock; /* held by every request from dispatch to completion */

    LIST_ENTRY Link;       /* L; Platter.Volumes, and once gone Platter.Ended */
    ULONG Work;            /* L; VOLUME_WORK_* to do */
    BOOLEAN WorkActive;    /* L; the work item is queued or runs */
    BOOLEAN Claimed;       /* L; has its unique id for itself */
    BOOLEAN Reported;      /* L; belongs into the bus' relations */
    BOOLEAN Listed;        /* L; was in the last list of them that the PnP manager was given */
    BOOLEAN PnpKnown;      /* L; the PnP manager has seen it there: its REMOVE decides when it may be deleted */
    BOOLEAN PnpStarted;    /* L; between START and REMOVE */
    BOOLEAN PnpRemoved;    /* L; REMOVE came while it was present */
    BOOLEAN PnpSurprised;  /* L; SURPRISE_REMOVAL came */
    BOOLEAN Withdrawn;     /* L; the withdraw step is done */
    BOOLEAN Gone;          /* L; on Platter.Ended, known to nobody but who holds a handle */
    PIRP StartIrp;         /* L; VOLUME_START between probe and answer */
    LIST_ENTRY RemoveIrps; /* L; VOLUME_REMOVEs that wait, by Tail.Overlay.ListEntry */
    ULONG StageMs;         /* L; how long the stage may take */
    ULONG StageDeadline;   /* L; milliseconds; see Staged */
    BOOLEAN Staged;        /* L; StageDeadline counts */
    BOOLEAN StageTimedOut; /* L */
    WCHAR Letter;          /* L; that it has now, 0: none */
    ULONG Route;           /* L; enum platter_route, of the letter */

    volatile LONG State; /* I; enum platter_volume_state; REMOVING is for good */

    ANNOUNCE_STAGE Stage;               /* W */
    const struct _ANNOUNCER *Announcer; /* W; NULL: not announced */
    UNICODE_STRING InterfaceName;       /* W */
    BOOLEAN InterfaceOn;                /* W */
    ULONG TwinPolls;                    /* W; times it was looked whether the unique id is free */

    volatile LONG InFlight;        /* I; requests waiting or with the provider */
    volatile LONG OpenHandles;     /* I */
    ULONG Holders[VOLUME_HOLDERS]; /* L; processes with the sectors open, 0: a free place */
    volatile LONG LateLogged;      /* I; a late answer has been logged */
    volatile LONG MediaLocks;      /* I; MEDIA_REMOVAL prevents that stand */
    ULONGLONG ReadBytes, WrittenBytes, ReadRequests, WriteRequests, FailedRequests, LateAnswers; /* S */
    ULONGLONG LastAnswer; /* S; ClockUptime of the last answered request, or of the mount */
};

/* Also under another lock: who reads this after a lock that REMOVING's drain takes later is drained. */
static inline ULONG
VolumeState(_In_ const VOLUME *Volume)
{
    return (ULONG)__atomic_load_n(&Volume->State, __ATOMIC_ACQUIRE);
}

static inline BOOLEAN
VolumeIsRemoving(_In_ const VOLUME *Volume)
{
    return (BOOLEAN)(VolumeState(Volume) == PLATTER_STATE_REMOVING);
}

/* FALSE: the state is not From (any more); nothing is changed. */
static inline BOOLEAN
VolumeAdvance(_Inout_ PVOLUME Volume, _In_ ULONG From, _In_ ULONG To)
{
    return (BOOLEAN)(InterlockedCompareExchange(&Volume->State, (LONG)To, (LONG)From) == (LONG)From);
}

static inline PVOLUME
VolumeOfDevice(_In_ PDEVICE_OBJECT Device)
{
    return Device->DeviceExtension;
}

/* Keeps the memory, not the life. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeReference(_In_ PVOLUME Volume);
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeDereference(_In_ PVOLUME Volume);

/* The volume of this id that is not gone, referenced; NULL: none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PVOLUME VolumeReferenceById(_In_ ULONGLONG Id);
/* The first with an id above After, referenced; NULL: none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PVOLUME VolumeReferenceAfter(_In_ ULONGLONG After);
/* One of the session's that is not being removed yet, referenced; NULL: none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PVOLUME VolumeReferenceNextOf(_In_ PSESSION Session);

/* Makes the device, owned by Session. STATUS_INVALID_PARAMETER: In says something that cannot be. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS VolumeCreate(_Inout_ PSESSION Session,
                      _In_ const struct platter_volume_create_in *In,
                      _Out_ struct platter_volume_create_out *Out);

/* What is told about a volume; who mounted it, and from which image, only if MayRemove. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeInfo(_In_ PVOLUME Volume, _In_ BOOLEAN MayRemove, _Out_ struct platter_volume_info *Info);

/* Queues steps for the work item. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeQueueWork(_Inout_ PVOLUME Volume, _In_ ULONG Work);

/*
 * The volume takes no more requests; those it has end with STATUS_NO_SUCH_DEVICE; letter and device are taken away
 * by the work item. FALSE: it was so already. Never waits.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
BOOLEAN VolumeBeginRemove(_Inout_ PVOLUME Volume);

/* Something that decides about the end has changed (Withdrawn, PnpKnown, PnpSurprised): gone now? deleted now? */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeSettle(_Inout_ PVOLUME Volume);

/* The same by IRP_MN_REMOVE_DEVICE, which is the place to delete a PDO: done there unless the work item is at it. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void VolumeRemovedByPnp(_Inout_ PVOLUME Volume);

/* Pends a VOLUME_REMOVE until the volume is gone. Returns STATUS_PENDING, or the status Irp is to be completed with. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
NTSTATUS VolumeAwaitGone(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

#endif
