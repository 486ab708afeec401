/* SPDX-License-Identifier: MIT */
/* VOLUME_START: from CREATED over the probe read and the announcement to RUNNING. */
#ifndef PLATTER_VOLUME_START_H
#define PLATTER_VOLUME_START_H

#include "driver.h"

/* Dispatch of VOLUME_START: queues Irp as the probe read. Returns STATUS_PENDING, or a status and Irp is the caller's. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS VolumeStart(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/* The probe read has ended; instead of completing the IRP. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeProbed(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp, _In_ NTSTATUS Status);

/* Announcing is over: RUNNING, or on failure the volume is removed. Answers the IRP if it still waits. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void VolumeStarted(_Inout_ PVOLUME Volume, _In_ NTSTATUS Status);

#endif
