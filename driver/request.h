/* SPDX-License-Identifier: MIT */
/*
 * A request is an IRP that the provider has to serve: read, write, flush, verify, discard, and the driver's own probe
 * read (the VOLUME_START IRP). What the driver must remember of it lies in the IRP, which is the driver's while it is
 * pending, so that no request can fail for want of memory:
 *
 *   DriverContext[0]  id under which it is with the provider
 *   DriverContext[1]  deadline, ClockMilliseconds
 *   DriverContext[2]  progress: bytes done, or for a discard ranges done
 *   DriverContext[3]  length of the piece that is out, bytes
 *
 * An IRP longer than one batch can carry goes out in pieces, one at a time. If a piece fails, the IRP fails with no
 * byte reported done, as a disk that fails in mid-transfer does.
 */
#ifndef PLATTER_REQUEST_H
#define PLATTER_REQUEST_H

#include "driver.h"

typedef struct _REQUEST
{
    ULONG Op;               /* enum platter_op */
    ULONG Flags;            /* enum platter_request_flag */
    ULONGLONG Offset;       /* of the next piece, bytes */
    ULONG Remaining;        /* bytes, of reads and writes */
    ULONGLONG DiscardBytes; /* of discards */
} REQUEST, *PREQUEST;

static inline ULONG
RequestId(_In_ PIRP Irp)
{
    return (ULONG)(ULONG_PTR)Irp->Tail.Overlay.DriverContext[0];
}

static inline void
RequestSetId(_Inout_ PIRP Irp, _In_ ULONG Id)
{
    Irp->Tail.Overlay.DriverContext[0] = (PVOID)(ULONG_PTR)Id;
}

static inline ULONG
RequestDeadline(_In_ PIRP Irp)
{
    return (ULONG)(ULONG_PTR)Irp->Tail.Overlay.DriverContext[1];
}

static inline void
RequestSetDeadline(_Inout_ PIRP Irp, _In_ ULONG Deadline)
{
    Irp->Tail.Overlay.DriverContext[1] = (PVOID)(ULONG_PTR)Deadline;
}

static inline ULONG
RequestProgress(_In_ PIRP Irp)
{
    return (ULONG)(ULONG_PTR)Irp->Tail.Overlay.DriverContext[2];
}

static inline void
RequestSetProgress(_Inout_ PIRP Irp, _In_ ULONG Progress)
{
    Irp->Tail.Overlay.DriverContext[2] = (PVOID)(ULONG_PTR)Progress;
}

static inline ULONG
RequestPiece(_In_ PIRP Irp)
{
    return (ULONG)(ULONG_PTR)Irp->Tail.Overlay.DriverContext[3];
}

static inline void
RequestSetPiece(_Inout_ PIRP Irp, _In_ ULONG Piece)
{
    Irp->Tail.Overlay.DriverContext[3] = (PVOID)(ULONG_PTR)Piece;
}

/* For a waiting TRANSACT, which is no request and uses the first place for its session. */
static inline PSESSION
RequestSession(_In_ PIRP Irp)
{
    return Irp->Tail.Overlay.DriverContext[0];
}

static inline void
RequestSetSession(_Inout_ PIRP Irp, _In_ PSESSION Session)
{
    Irp->Tail.Overlay.DriverContext[0] = Session;
}

/*
 * IRPs of the control device that are about a volume (START, REMOVE) remember it in a field of our own stack location
 * that METHOD_BUFFERED leaves unused.
 */
static inline void
RequestSetVolume(_Inout_ PIRP Irp, _In_ PVOLUME Volume)
{
    IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.Type3InputBuffer = Volume;
}

PVOLUME RequestVolume(_In_ PIRP Irp);

/* What is left of the request. */
void RequestDescribe(_In_ PIRP Irp, _Out_ PREQUEST Request);

/* Length of the next piece if at most Most bytes can go at once; 0 for what carries no data. */
ULONG RequestPieceLength(_In_ PIRP Irp, _In_ ULONG Most);

/*
 * Where the request's data lie in system space, at its progress; NULL and *Status STATUS_SUCCESS: it has no buffer
 * (verify); NULL and another *Status: they cannot be mapped now.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
PUCHAR RequestData(_In_ PIRP Irp, _Out_ NTSTATUS *Status);

/* Whether it changes what the volume holds: a write or a discard. */
BOOLEAN RequestWrites(_In_ PIRP Irp);

/* The piece that was out is done. TRUE: there is more to do. */
BOOLEAN RequestAdvance(_Inout_ PIRP Irp);

/* Ends a taken request: counts it, completes the IRP (or goes on with VOLUME_START), lets the volume go. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void RequestComplete(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information);

/*
 * Takes an IRP that passed its checks as a new request: the volume's remove lock is held for it from now on. Returns
 * STATUS_PENDING, always: the IRP is gone.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS RequestQueue(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/* Dispatch of READ and WRITE, of FLUSH_BUFFERS; the volume's remove lock is held and passes to the request. */
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS RequestReadWrite(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);
_IRQL_requires_max_(DISPATCH_LEVEL)
NTSTATUS RequestFlush(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/* STATUS_SUCCESS if [Offset, Offset + Length) is whole sectors inside the volume. */
NTSTATUS RequestCheckRange(_In_ PVOLUME Volume, _In_ LONGLONG Offset, _In_ ULONGLONG Length);

/* First range of a MANAGE_DATA_SET_ATTRIBUTES request that was checked, and how many. */
const DEVICE_DATA_SET_RANGE *RequestRanges(_In_ PIRP Irp, _Out_ PULONG Count);

#endif
