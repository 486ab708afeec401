/* SPDX-License-Identifier: MIT */
/*
 * A session is one open handle of the control device: what HELLO agreed, the volumes it owns, its request queues.
 *
 * References: one for the handle, one for each volume, one for each waiting TRANSACT (under Wine a handle may be closed
 * under one). The handle's end tears the session down; the last reference frees it.
 */
#ifndef PLATTER_SESSION_H
#define PLATTER_SESSION_H

#include "driver.h"
#include "security.h"

#define SESSION_BUCKETS 64u /* of the table of requests in flight; a power of two */

struct _SESSION
{
    volatile LONG References;
    LIST_ENTRY Link; /* Platter.Sessions; Platter.Lock */

    KSPIN_LOCK Lock;  /* everything below */
    BOOLEAN Accepted; /* HELLO agreed on the version */
    BOOLEAN Closed;   /* the handle is going away: nothing new is taken */
    BOOLEAN HadVolumes;
    ULONG LiveVolumes;
    GUID Container; /* unique id of the first volume; zero: none yet */
    CALLER Owner;   /* who said HELLO first; constant from then on, but for ProcessId: until the first volume */

    /* IRPs, linked by Tail.Overlay.ListEntry; queue.c */
    LIST_ENTRY Pending;                   /* requests no worker has fetched, oldest first */
    LIST_ENTRY InFlight[SESSION_BUCKETS]; /* requests with the provider, by id */
    LIST_ENTRY Waiting;                   /* TRANSACTs with nothing to fetch, oldest first */
    ULONG Requests;                       /* on Pending and InFlight */
    ULONG LastRequestId;
    ULONG AbandonedWrites; /* ended by their deadline or cancelled, and the provider may still do them */
};

/* A session with one reference, on Platter.Sessions. NULL: no memory. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
PSESSION SessionCreate(void);

_IRQL_requires_max_(DISPATCH_LEVEL)
void SessionReference(_Inout_ PSESSION Session);
_IRQL_requires_max_(DISPATCH_LEVEL)
void SessionDereference(_Inout_ PSESSION Session);

/*
 * The handle is going away: begins the removal of all its volumes and ends the waiting TRANSACTs. Called by CLEANUP
 * and again by CLOSE, since Wine sends no CLEANUP; does nothing the second time. Does not wait.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
void SessionTearDown(_Inout_ PSESSION Session);

/* Volumes of the session have gone, or the session: workers that wait come back to see LiveVolumes. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void SessionWakeAll(_Inout_ PSESSION Session);

/* The handles that are still open when the driver goes: only Wine forgets to send their CLOSE. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void SessionsForgetAll(void);

#endif
