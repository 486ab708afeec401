/* SPDX-License-Identifier: MIT */
#include "pool.h"

/* NonPagedPoolNx of POOL_TYPE; ExAllocatePoolWithTag of Windows 7 does not know it. Source: "POOL_TYPE", WDK. */
#define POOL_TYPE_NONPAGED_NX ((POOL_TYPE)512)

/* MdlMappingNoExecute, for Windows 8 and later. Source: MmGetSystemAddressForMdlSafe, "Code integrity checking", WDK. */
#define MDL_MAPPING_NO_EXECUTE 0x40000000u

void
PoolInitialize(void)
{
    RTL_OSVERSIONINFOW version;

    RtlZeroMemory(&version, sizeof(version));
    version.dwOSVersionInfoSize = sizeof(version);
    Platter.PoolType = NonPagedPool;
    Platter.MapPriority = NormalPagePriority;
    if (NT_SUCCESS(RtlGetVersion(&version)) &&
        (version.dwMajorVersion > 6 || (version.dwMajorVersion == 6 && version.dwMinorVersion >= 2)))
    {
        Platter.PoolType = POOL_TYPE_NONPAGED_NX;
        Platter.MapPriority |= MDL_MAPPING_NO_EXECUTE;
    }
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

PVOID
PoolMap(PMDL Mdl)
{
    return MmGetSystemAddressForMdlSafe(Mdl, (MM_PAGE_PRIORITY)Platter.MapPriority);
}

void
PoolFree(PVOID Memory, ULONG Tag)
{
    if (Memory != NULL)
        ExFreePoolWithTag(Memory, Tag);
}
