/* SPDX-License-Identifier: MIT */
/*
 * Cancel-safe lists of IRPs, one set a session. IoCsq* does not exist on Wine.
 *
 * A request is in one of three places: on Pending, on InFlight, or taken (by the one who fills or empties its buffer,
 * outside the lock). On a list it has a cancel routine; taken it has none and nobody else touches it. Whoever holds it
 * taken, and whoever cancels it, ends it with RequestComplete or puts it back. Nothing is allocated: all that is known
 * of a request lies in the IRP (request.h).
 *
 * A write that ends while it is with the provider (its deadline, a cancel) may be done yet. Until its answer has come no other
 * write of the session is handed out, or the old bytes could come over the new ones: a disk is reset before a write that
 * timed out is tried again, and this is what takes the reset's place.
 */
#ifndef PLATTER_QUEUE_H
#define PLATTER_QUEUE_H

#include "driver.h"

void QueueInitialize(_Inout_ PSESSION Session);

/*
 * Puts a taken request on Pending. Its deadline counts anew from here. If the volume is being removed or the IRP is
 * cancelled it is completed instead. The IRP is no longer the caller's.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
void QueuePut(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/*
 * Takes the oldest pending request that may go if its next piece is of at most Room bytes, or, with Cut, whatever it is.
 * NULL: nothing, or it does not fit.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
PIRP QueueTake(_Inout_ PSESSION Session, _In_ ULONG Room, _In_ BOOLEAN Cut);

/*
 * Puts a taken request on InFlight under a fresh id. 0: the volume is being removed or the IRP was cancelled; it is
 * completed. In both cases the IRP is no longer the caller's.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
ULONG QueueHandOut(_Inout_ PVOLUME Volume, _Inout_ PIRP Irp);

/* Takes the request in flight of this id; NULL: there is none, or it is being cancelled. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PIRP QueueTakeAnswered(_Inout_ PSESSION Session, _In_ ULONGLONG Id);

/* Completes all requests of the volume with Status; the volume is being removed, so none comes after. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void QueueDrain(_Inout_ PVOLUME Volume, _In_ NTSTATUS Status);

/* Moves the requests that are over their deadline to Expired. Lock of the session held by the caller. */
_IRQL_requires_(DISPATCH_LEVEL)
void QueueCollectExpired(_Inout_ PSESSION Session, _In_ ULONG Now, _Inout_ PLIST_ENTRY Expired);

/* Gives all requests their whole deadline anew. Lock of the session held by the caller. */
_IRQL_requires_(DISPATCH_LEVEL)
void QueueRenewDeadlines(_Inout_ PSESSION Session, _In_ ULONG Now);

typedef enum _QUEUE_WAIT
{
    QUEUE_WAITS, /* it waits with a reference on the session, or was cancelled and is completed: no longer the caller's */
    QUEUE_HAS_WORK, /* there is something that may be fetched; it is still the caller's */
    QUEUE_IS_DONE,  /* there is nothing to wait for: handle closed or all volumes gone; it is still the caller's */
} QUEUE_WAIT;

/* Leaves a TRANSACT waiting. */
_IRQL_requires_max_(DISPATCH_LEVEL)
QUEUE_WAIT QueueWait(_Inout_ PSESSION Session, _Inout_ PIRP Irp);

/* Takes a waiting TRANSACT, and its reference on the session with it; NULL: none. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PIRP QueueTakeWaiting(_Inout_ PSESSION Session);

/* Takes a waiting TRANSACT if a request is pending that may go; NULL: no such pair. */
_IRQL_requires_max_(DISPATCH_LEVEL)
PIRP QueueTakeWaitingForWork(_Inout_ PSESSION Session);

#endif
