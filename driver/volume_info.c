/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "session.h"
#include "volume.h"

/* What only the owner, administrators and SYSTEM are told: the rest is what everybody sees of a drive anyway. */
static void
Confide(PVOLUME Volume, struct platter_volume_info *Info)
{
    ULONG length = Volume->Owner.Valid ? RtlLengthSid(&Volume->Owner.Sid) : 0;

    RtlCopyMemory(Info->image_name, Volume->Shape.image_name, sizeof(Info->image_name));
    if (length > sizeof(Info->owner_sid))
        return;
    Info->owner_sid_length = length;
    RtlCopyMemory(Info->owner_sid, Volume->Owner.SidBytes, length);
}

void
VolumeInfo(PVOLUME Volume, BOOLEAN MayRemove, struct platter_volume_info *Info)
{
    ULONG i;
    KIRQL irql;

    RtlZeroMemory(Info, sizeof(*Info));
    Info->volume_id = Volume->Id;
    Info->length_bytes = Volume->Shape.length_bytes;
    Info->partition_offset = Volume->Shape.partition_offset;
    Info->mounted_at = Volume->MountedAt;
    Info->owner_process_id = Volume->Owner.ProcessId;
    Info->sector_size = Volume->Shape.sector_size;
    Info->flags = Volume->Shape.flags;
    Info->partition_number = Volume->Shape.partition_number;
    Info->may_remove = MayRemove ? 1 : 0;
    Info->open_handles = (ULONG)Volume->OpenHandles;
    Info->in_flight = (ULONG)Volume->InFlight;
    RtlCopyMemory(Info->unique_id, Volume->Shape.unique_id, sizeof(Info->unique_id));
    RtlCopyMemory(Info->device_name, Volume->NameBuffer, Volume->Name.Length);
    RtlCopyMemory(Info->label, Volume->Shape.label, sizeof(Info->label));
    if (MayRemove)
        Confide(Volume, Info);
    KeAcquireSpinLock(&Platter.Lock, &irql);
    for (i = 0; i < VOLUME_HOLDERS && Info->holder_process_id == 0; i++)
        Info->holder_process_id = Volume->Holders[i];
    Info->letter = Volume->Letter;
    Info->route = Volume->Letter != 0 ? Volume->Route : PLATTER_ROUTE_NONE;
    if (!Volume->Gone)
    { /* the session may be gone with it */
        KeAcquireSpinLockAtDpcLevel(&Volume->Session->Lock);
        Info->state = VolumeState(Volume);
        Info->read_bytes = Volume->ReadBytes;
        Info->written_bytes = Volume->WrittenBytes;
        Info->read_requests = Volume->ReadRequests;
        Info->write_requests = Volume->WriteRequests;
        Info->failed_requests = Volume->FailedRequests;
        Info->late_answers = Volume->LateAnswers;
        Info->idle_ms = Info->in_flight != 0 ? 0 : ClockUptime() - Volume->LastAnswer;
        KeReleaseSpinLockFromDpcLevel(&Volume->Session->Lock);
    }
    else
    {
        Info->state = PLATTER_STATE_REMOVING;
    }
    KeReleaseSpinLock(&Platter.Lock, irql);
}
