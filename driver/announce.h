/* SPDX-License-Identifier: MIT */
/*
 * How a volume becomes known to the system and gets its letter. First the device (the PnP manager, if there is a bus
 * device), then the letter by one of three routes, each in a file of its own behind ANNOUNCER. Runs in the volume's
 * work item only.
 */
#ifndef PLATTER_ANNOUNCE_H
#define PLATTER_ANNOUNCE_H

#include "driver.h"

typedef struct _ANNOUNCER
{
    ULONG Route; /* enum platter_route */
    /* Makes the letter. STATUS_PENDING: wait for it (Check), at most GraceMs. */
    NTSTATUS (*Give)(_Inout_ PVOLUME Volume);
    /* While it is awaited: STATUS_PENDING again if it has not come and TimedOut is FALSE. */
    NTSTATUS (*Check)(_Inout_ PVOLUME Volume, _In_ BOOLEAN TimedOut);
    /* Takes back what Give made; also after a Give that failed. */
    void (*Take)(_Inout_ PVOLUME Volume);
    ULONG GraceMs;
} ANNOUNCER;

extern const ANNOUNCER AnnouncerPnp;
extern const ANNOUNCER AnnouncerExplicit;
extern const ANNOUNCER AnnouncerLink;

/* The routes this machine offers now, PLATTER_ROUTE_BITs, for HELLO. */
_IRQL_requires_max_(PASSIVE_LEVEL)
ULONG AnnounceRoutes(void);

/* The next step, if what it waited for has come. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void AnnounceStep(_Inout_ PVOLUME Volume);

/* The device is disabled, or about to be ejected: letter and interface go, and come again with the next START. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void AnnounceSuspend(_Inout_ PVOLUME Volume);

/* Takes letter and interface away, whatever there is of them. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void AnnounceWithdraw(_Inout_ PVOLUME Volume);

/* Nothing of a fresh unique id stays in the registry: by AnnounceWithdraw, and once more when nobody can add to it. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void AnnounceForget(_In_ PVOLUME Volume);

/* The volume's interface, which tells the Mount Manager and programs that it is there; only with a PnP device. */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS AnnounceInterface(_Inout_ PVOLUME Volume, _In_ BOOLEAN On);

/* The letter the Mount Manager or we gave; 0: none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
WCHAR VolumeLetter(_In_ PVOLUME Volume);
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeSetLetter(_Inout_ PVOLUME Volume, _In_ WCHAR Letter);

_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeSetRoute(_Inout_ PVOLUME Volume, _In_ ULONG Route);

/* STATUS_OBJECT_NAME_COLLISION if the machine's drive Letter is there already. */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS LetterCheckFree(_In_ WCHAR Letter);

/* Whether the machine's drive Letter leads to this volume: somebody may have given it to another. */
_IRQL_requires_max_(PASSIVE_LEVEL)
BOOLEAN LetterIsOurs(_In_ PVOLUME Volume, _In_ WCHAR Letter);

/* CREATE_POINT with the asked letter, or a letter of the Mount Manager's choice; announce_explicit.c, also for PnP. */
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS ExplicitLetter(_Inout_ PVOLUME Volume);
/* Takes the letter it has away, for another. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void ExplicitDropLetter(_Inout_ PVOLUME Volume);

#endif
