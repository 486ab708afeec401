/* SPDX-License-Identifier: MIT */
/* Who is calling, by the tokens of the calling thread or process. Se* routines do not exist on Wine; Zw* ones do. */
#ifndef PLATTER_SECURITY_H
#define PLATTER_SECURITY_H

#include "driver.h"

#define SID_BYTES_MAX PLATTER_SID_BYTES

typedef struct _CALLER
{
    ULONG ProcessId;
    BOOLEAN Administrator; /* BUILTIN\Administrators is an enabled group of the token, or it is SYSTEM's */
    BOOLEAN Valid;
    union
    {
        SID Sid; /* the user */
        UCHAR SidBytes[SID_BYTES_MAX];
    };
} CALLER, *PCALLER;

/*
 * Fills Caller from the IRP's requestor; must run in its thread, before the IRP is queued. A thread that impersonates
 * counts as whom it impersonates, not below SecurityImpersonation. On failure Caller->Valid is FALSE, nobody's.
 */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS SecurityCaller(_In_ PIRP Irp, _Out_ PCALLER Caller);

/* By their SIDs; FALSE if one of them is nobody. */
BOOLEAN SecurityIsSameUser(_In_ const CALLER *One, _In_ const CALLER *Other);

/* Whether Caller may unmount what Owner mounted: the same user, an administrator, or SYSTEM. */
BOOLEAN SecurityMayRemove(_In_ const CALLER *Caller, _In_ const CALLER *Owner);

#endif
