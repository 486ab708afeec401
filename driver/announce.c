/* SPDX-License-Identifier: MIT */
#include "announce.h"
#include "bus.h"
#include "deadline.h"
#include "device_property.h"
#include "mounted_devices.h"
#include "mountmgr.h"
#include "session.h"
#include "trace.h"
#include "volume.h"
#include "volume_start.h"

#define TWIN_POLL_MS 100u
#define TWIN_POLLS_MAX 300u
#define PNP_START_MS 30000u /* an NT that installs the child's null driver first takes seconds */

static const GUID MountedDeviceGuid = {
    0x53f5630d, 0xb6bf, 0x11d0, {0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}}; /* MOUNTDEV_MOUNTED_DEVICE_GUID */

WCHAR
VolumeLetter(PVOLUME Volume)
{
    WCHAR letter;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    letter = Volume->Letter;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return letter;
}

void
VolumeSetLetter(PVOLUME Volume, WCHAR Letter)
{
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Letter = Letter;
    KeReleaseSpinLock(&Platter.Lock, irql);
}

void
VolumeSetRoute(PVOLUME Volume, ULONG Route)
{
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Route = Route;
    KeReleaseSpinLock(&Platter.Lock, irql);
}

ULONG
AnnounceRoutes(void)
{
    if (!MountMgrPresent())
        return PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK);
    return PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT) | (BusPresent() ? PLATTER_ROUTE_BIT(PLATTER_ROUTE_PNP) : 0);
}

NTSTATUS
AnnounceInterface(PVOLUME Volume, BOOLEAN On)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (Volume->InterfaceOn == On)
        return status;
    if (Volume->InterfaceName.Buffer == NULL)
        status = IoRegisterDeviceInterface(Volume->Device, &MountedDeviceGuid, NULL, &Volume->InterfaceName);
    if (NT_SUCCESS(status))
    {
        Volume->InterfaceOn = On; /* before the call: the Mount Manager comes back from inside it */
        status = IoSetDeviceInterfaceState(&Volume->InterfaceName, On);
    }
    TRACE_INFO("volume %u: interface %u, %08x\n", (ULONG)Volume->Id, On, (ULONG)status);
    return status;
}

static BOOLEAN
PnpStarted(PVOLUME Volume)
{
    BOOLEAN started;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    started = Volume->PnpStarted;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return started;
}

static void
Finish(PVOLUME Volume, NTSTATUS Status)
{
    DeadlineSetStage(Volume, 0);
    Volume->Stage = ANNOUNCE_DONE;
    if (NT_SUCCESS(Status))
    {
        TRACE_INFO("volume %u: letter %u\n", (ULONG)Volume->Id, VolumeLetter(Volume));
        if (VolumeState(Volume) == PLATTER_STATE_STARTING)
            VolumeStarted(Volume, STATUS_SUCCESS);
    }
    else
    {
        VolumeStarted(Volume, Status);
    }
}

/* Disabled while it was announced, maybe enabled again: AnnounceSuspend, which is queued then, says how it goes on. */
static BOOLEAN
IsSuspended(PVOLUME Volume)
{
    BOOLEAN suspended;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    suspended = (BOOLEAN)(Volume->Reported && (!Volume->PnpStarted || (Volume->Work & VOLUME_WORK_SUSPEND) != 0));
    KeReleaseSpinLock(&Platter.Lock, irql);
    return suspended;
}

static void
Conclude(PVOLUME Volume, NTSTATUS Status)
{
    if (Status != STATUS_PENDING && (NT_SUCCESS(Status) || !IsSuspended(Volume)))
        Finish(Volume, Status);
}

/* The device is there; now its letter. */
static void
GiveLetter(PVOLUME Volume)
{
    BOOLEAN pnp = PnpStarted(Volume);
    NTSTATUS status;

    Volume->Stage = ANNOUNCE_LETTER;
    if (!MountMgrPresent())
        Volume->Announcer = &AnnouncerLink;
    else
        Volume->Announcer = pnp ? &AnnouncerPnp : &AnnouncerExplicit;
    VolumeSetRoute(Volume, Volume->Announcer->Route);
    if (pnp)
        DevicePropertySetName(Volume);
    DeadlineSetStage(Volume, Volume->Announcer->GraceMs);
    /* Not when it is enabled again: the Mount Manager, which hears in a thread of its own, may still have the old link. */
    status = Volume->Shape.letter != 0 && VolumeState(Volume) == PLATTER_STATE_STARTING
                 ? LetterCheckFree((WCHAR)Volume->Shape.letter)
                 : STATUS_SUCCESS;
    if (NT_SUCCESS(status) && pnp && Volume->Announcer != &AnnouncerPnp)
        status = AnnounceInterface(Volume, TRUE);
    if (NT_SUCCESS(status))
        status = Volume->Announcer->Give(Volume);
    Conclude(Volume, status);
}

static BOOLEAN
TimedOut(PVOLUME Volume)
{
    BOOLEAN out;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    out = Volume->StageTimedOut;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return out;
}

/*
 * A unique id is claimed by one volume at a time: the Mount Manager takes two of one id for the same volume.
 * STATUS_PENDING: who has it is on its way out.
 */
static NTSTATUS
ClaimId(PVOLUME Volume)
{
    NTSTATUS status = STATUS_SUCCESS;
    PLIST_ENTRY entry;
    KIRQL irql;

    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (entry = Platter.Volumes.Flink; entry != &Platter.Volumes && NT_SUCCESS(status); entry = entry->Flink)
    {
        PVOLUME other = CONTAINING_RECORD(entry, VOLUME, Link);
        SIZE_T length = sizeof(other->Shape.unique_id);

        if (other != Volume && other->Claimed &&
            RtlCompareMemory(other->Shape.unique_id, Volume->Shape.unique_id, length) == length)
            status = VolumeIsRemoving(other) ? STATUS_PENDING : STATUS_DUPLICATE_OBJECTID;
    }
    if (status == STATUS_SUCCESS)
        Volume->Claimed = TRUE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    return status;
}

static void
Begin(PVOLUME Volume)
{
    NTSTATUS status = ClaimId(Volume);
    KIRQL irql;

    if (status == STATUS_PENDING && ++Volume->TwinPolls < TWIN_POLLS_MAX)
    {
        DeadlineSetStage(Volume, TWIN_POLL_MS);
        return;
    }
    if (status != STATUS_SUCCESS)
    {
        Finish(Volume, status == STATUS_PENDING ? STATUS_IO_TIMEOUT : status);
        return;
    }
    if (!BusPresent())
    {
        GiveLetter(Volume);
        return;
    }
    Volume->Stage = ANNOUNCE_DEVICE;
    DeadlineSetStage(Volume, PNP_START_MS);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    Volume->Reported = TRUE;
    KeReleaseSpinLock(&Platter.Lock, irql);
    BusInvalidate();
}

void
AnnounceStep(PVOLUME Volume)
{
    if (VolumeIsRemoving(Volume)) /* the withdraw step comes after this one */
        return;
    switch (Volume->Stage)
    {
    case ANNOUNCE_NOT_BEGUN:
        if (VolumeState(Volume) == PLATTER_STATE_STARTING)
            Begin(Volume);
        break;
    case ANNOUNCE_DEVICE:
        if (PnpStarted(Volume))
            GiveLetter(Volume);
        else if (TimedOut(Volume))
            Finish(Volume, STATUS_IO_TIMEOUT);
        break;
    case ANNOUNCE_LETTER:
        Conclude(Volume, Volume->Announcer->Check(Volume, TimedOut(Volume)));
        break;
    case ANNOUNCE_DONE:
        /* Disabled and enabled again in the device manager. */
        if (PnpStarted(Volume) && !Volume->InterfaceOn)
            GiveLetter(Volume);
        break;
    }
}

void
AnnounceSuspend(PVOLUME Volume)
{
    /* The Mount Manager takes its letter away with the interface; a link of our own we take away. */
    if (Volume->Announcer == &AnnouncerLink)
        Volume->Announcer->Take(Volume);
    if (Volume->InterfaceName.Buffer != NULL)
        AnnounceInterface(Volume, FALSE);
    VolumeSetLetter(Volume, 0);
    if (Volume->Stage != ANNOUNCE_LETTER)
        return;
    /* Before it had its letter: enabled again it gets one; whose start somebody waits for has so long for it. */
    if (VolumeState(Volume) == PLATTER_STATE_STARTING)
    {
        Volume->Stage = ANNOUNCE_DEVICE;
        DeadlineSetStage(Volume, PNP_START_MS);
    }
    else
    {
        Volume->Stage = ANNOUNCE_DONE;
    }
}

void
AnnounceWithdraw(PVOLUME Volume)
{
    DeadlineSetStage(Volume, 0);
    if (Volume->Announcer != NULL)
        Volume->Announcer->Take(Volume);
    if (Volume->InterfaceName.Buffer != NULL)
        AnnounceInterface(Volume, FALSE);
    VolumeSetLetter(Volume, 0);
    Volume->Announcer = NULL;
    AnnounceForget(Volume);
}

void
AnnounceForget(PVOLUME Volume)
{
    if (Volume->Claimed && (Volume->Shape.flags & PLATTER_VOLUME_STABLE_ID) == 0 && MountMgrPresent())
        MountedDevicesForget(Volume->MountId, sizeof(Volume->MountId));
}
