/* SPDX-License-Identifier: MIT */
#include "pool.h"

/* NonPagedPoolNx of POOL_TYPE; ExAllocatePoolWithTag of Windows 7 does not know it. Source: "POOL_TYPE", WDK. */
#define POOL_TYPE_NONPAGED_NX ((POOL_TYPE)512)

void
PoolInitialize(void)
{
    RTL_OSVERSIONINFOW version;

    RtlZeroMemory(&version, sizeof(version));
    version.dwOSVersionInfoSize = sizeof(version);
    Platter.PoolType = NonPagedPool;
    if (NT_SUCCESS(RtlGetVersion(&version)) &&
        (version.dwMajorVersion > 6 || (version.dwMajorVersion == 6 && version.dwMinorVersion >= 2)))
        Platter.PoolType = POOL_TYPE_NONPAGED_NX;
}

static PVOID
AllocateZeroed(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    PVOID memory = ExAllocatePoolWithTag(Type, Bytes, Tag);

    if (memory != NULL)
        RtlZeroMemory(memory, Bytes);
    return memory;
}

PVOID
PoolAllocate(SIZE_T Bytes, ULONG Tag)
{
    return AllocateZeroed(Platter.PoolType, Bytes, Tag);
}

PVOID
PoolAllocatePaged(SIZE_T Bytes, ULONG Tag)
{
    return AllocateZeroed(PagedPool, Bytes, Tag);
}

void
PoolFree(PVOID Memory, ULONG Tag)
{
    if (Memory != NULL)
        ExFreePoolWithTag(Memory, Tag);
}
