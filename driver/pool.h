/* SPDX-License-Identifier: MIT */
/* Kernel memory: always zeroed, never executable where the system knows how, a tag for each subject so that a leak says whose it is. */
#ifndef PLATTER_POOL_H
#define PLATTER_POOL_H

#include "driver.h"

/* Shown by poolmon and !poolused as "Plt?". */
#define POOL_TAG(subject) ((ULONG)'P' | (ULONG)'l' << 8 | (ULONG)'t' << 16 | (ULONG)(subject) << 24)
#define POOL_SESSION POOL_TAG('S')
#define POOL_VOLUME POOL_TAG('V')
#define POOL_SECURITY POOL_TAG('A')
#define POOL_PNP POOL_TAG('P')
#define POOL_MOUNTMGR POOL_TAG('M')

/* Chooses pool and mappings: call first. NonPagedPoolNx is known from Windows 8 on. IRQL: PASSIVE_LEVEL. */
void PoolInitialize(void);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
PVOID PoolAllocate(_In_ SIZE_T Bytes, _In_ ULONG Tag);

/* What the PnP manager frees itself: ids, texts and relations in answers to its queries. */
_IRQL_requires_max_(APC_LEVEL)
_Must_inspect_result_
PVOID PoolAllocatePaged(_In_ SIZE_T Bytes, _In_ ULONG Tag);

/*
 * Where an MDL's locked pages lie in system space, mapped there if they are not yet: never to be executed, since they are
 * programs' memory. NULL: no room now.
 */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
PVOID PoolMap(_In_ PMDL Mdl);

/* NULL is allowed. */
_IRQL_requires_max_(DISPATCH_LEVEL)
void PoolFree(_In_opt_ PVOID Memory, _In_ ULONG Tag);

#endif
