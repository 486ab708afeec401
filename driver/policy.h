/* SPDX-License-Identifier: MIT */
/*
 * What the machine's administrator allows. Each value is looked for under the policy key, then among the service's
 * parameters, which the INF writes; docs/policy.md has the table. A value that cannot be read or makes no sense has its
 * safe meaning, so that no mistake opens a door.
 */
#ifndef PLATTER_POLICY_H
#define PLATTER_POLICY_H

#include "driver.h"
#include "security.h"

typedef struct _POLICY
{
    BOOLEAN UsersMayMount; /* WhoMayMount: not only administrators and SYSTEM */
    BOOLEAN UsersMayWrite;
    BOOLEAN UnmountOnShutdown;
} POLICY, *PPOLICY;

/* Reads the registry anew: a change counts from the next mount on. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void PolicyRead(_Out_ PPOLICY Policy);

/* What of it binds the caller: enum platter_policy, for HELLO. */
ULONG PolicyBits(_In_ const POLICY *Policy, _In_ const CALLER *Caller);

/* STATUS_ACCESS_DISABLED_BY_POLICY_OTHER if the machine forbids Caller a mount, or a writable one. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS PolicyCheckMount(_In_ const CALLER *Caller, _In_ BOOLEAN ReadOnly);

#endif
