/* SPDX-License-Identifier: MIT */
/*
 * Pool. Each block is a block of malloc of exactly the asked size, so that ASan guards its edges; tag and type lie in a
 * map. Sources: "ExAllocatePoolWithTag", "ExFreePoolWithTag" (WDK).
 */
#include "internal.h"

typedef struct _POOL_FACTS {
    ULONG Tag;
    POOL_TYPE Type;
    SIZE_T Bytes;
    PVOID Caller;
} POOL_FACTS;

#define POOL_NX 512u /* NonPagedPoolNx */

static SIM_MAP Pool;

VOID SimPoolStart(VOID)
{
    memset(&Pool, 0, sizeof(Pool));
}

static PVOID Allocate(POOL_TYPE type, SIZE_T bytes, ULONG tag, PVOID caller)
{
    POOL_FACTS *facts = malloc(sizeof(*facts));
    /* Blocks of a page and more begin on one ("ExAllocatePoolWithTag"), others at 16 bytes. */
    PVOID block = SimVisibleBlock(bytes, bytes >= PAGE_SIZE ? PAGE_SIZE : 16);

    memset(block, SIM_POOL_POISON, bytes);
    *facts = (POOL_FACTS){.Tag = tag, .Type = type, .Bytes = bytes, .Caller = caller};
    SimMapSet(&Pool, block, facts);
    return block;
}

PVOID SimPoolAllocate(SIZE_T Bytes, ULONG Tag)
{
    return Allocate(PagedPool, Bytes, Tag, NULL);
}

BOOLEAN SimPoolOwns(const void *Block)
{
    return SimMapGet(&Pool, Block) != NULL;
}

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    SimEnter(__func__, (PoolType & 1) == PagedPool ? APC_LEVEL : DISPATCH_LEVEL);
    if (!NumberOfBytes)
        SimBug("%s of no bytes", __func__);
    if (!Tag)
        SimBug("%s with no tag", __func__);
    /* "Code integrity checking", "POOL_TYPE" (WDK). */
    if ((PoolType & 1) != PagedPool && ((PoolType & POOL_NX) != 0) == Sim.Options.Windows7)
        SimBug("%s of non-paged pool that %s", __func__,
               Sim.Options.Windows7 ? "Windows 7 does not know" : "can be executed");
    if (NumberOfBytes > (64u << 20) || SIM_FAULT())
        return NULL;
    return Allocate(PoolType, NumberOfBytes, Tag, __builtin_return_address(0));
}

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, 'enoN');
}

VOID NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    POOL_FACTS *facts = SimMapGet(&Pool, P);

    if (!facts)
        SimBug("%s of %p, which is no pool block or was freed already", __func__, P);
    SimEnter(__func__, (facts->Type & 1) == PagedPool ? APC_LEVEL : DISPATCH_LEVEL);
    if (Tag && facts->Tag != Tag)
        SimBug("%s with tag %.4s of a block with tag %.4s", __func__, (char *)&Tag, (char *)&facts->Tag);
    SimTimerMemoryFreed(P, facts->Bytes, "a pool block");
    for (ULONG i = 0; i < Sim.ThreadCount; i++)
        for (ULONG k = 0; k < Sim.Threads[i]->WaitCount; k++)
            if ((char *)Sim.Threads[i]->WaitObjects[k] >= (char *)P &&
                (char *)Sim.Threads[i]->WaitObjects[k] < (char *)P + facts->Bytes)
                SimBug("a pool block is freed while %s waits for an object in it", Sim.Threads[i]->Name);
    for (ULONG i = 0; i < Sim.Current->LockCount; i++)
        if ((char *)Sim.Current->Locks[i] >= (char *)P && (char *)Sim.Current->Locks[i] < (char *)P + facts->Bytes)
            SimBug("a pool block is freed with a spin lock in it held");
    SimMapSet(&Pool, P, NULL);
    free(facts);
    SimVisibleFree(P);
}

VOID NTAPI ExFreePool(PVOID P)
{
    ExFreePoolWithTag(P, 0);
}

ULONG SimPoolBlocks(VOID)
{
    return SimMapCount(&Pool);
}

/* At unload: what is left was leaked. */
VOID SimPoolStop(VOID)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;
    ULONG count = 0;

    while (SimMapNext(&Pool, &cursor, &key, &value)) {
        POOL_FACTS *facts = value;
        if (count++ < 10)
            fprintf(stderr, "# leaked: %zu bytes of pool, tag %.4s, allocated at %p, first bytes %02x %02x\n",
                    (size_t)facts->Bytes, (char *)&facts->Tag, facts->Caller, ((const UCHAR *)key)[0],
                    facts->Bytes > 1 ? ((const UCHAR *)key)[1] : 0);
    }
    if (count)
        SimBug("%u pool blocks leaked", count);
    SimMapClear(&Pool);
}

ULONG SimPoolTag(const void *Block)
{
    POOL_FACTS *facts = SimMapGet(&Pool, Block);

    return facts ? facts->Tag : 0;
}
