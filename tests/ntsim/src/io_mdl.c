/* SPDX-License-Identifier: MIT */
/*
 * MDLs. A mapping is a copy of the caller's bytes in a block of its own, written back and freed when the IRP is done:
 * so ASan sees a driver that runs over its end or uses it too late. With SharedBuffers it is the caller's bytes.
 */
#include "internal.h"

typedef struct _MDL_FACTS {
    void *User;
    void *Copy;
    BOOLEAN Locked;  /* by the I/O manager: maps the user's bytes */
    BOOLEAN Foreign; /* by IoAllocateMdl of the driver */
} MDL_FACTS;

#define MDL_NO_EXECUTE 0x40000000u /* MdlMappingNoExecute */

static SIM_MAP Mdls;
static ULONG ForeignLive;

static PMDL NewMdl(void *va, ULONG bytes, BOOLEAN foreign)
{
    size_t size = sizeof(MDL) + ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, bytes) * sizeof(PFN_NUMBER);
    PMDL mdl = SimVisibleAllocate(size, 16);
    MDL_FACTS *facts = calloc(1, sizeof(*facts));

    MmInitializeMdl(mdl, va, bytes);
    facts->User = va;
    facts->Foreign = foreign;
    SimMapSet(&Mdls, mdl, facts);
    return mdl;
}

PMDL SimMdlCreate(void *User, ULONG Bytes, BOOLEAN DeviceReads)
{
    PMDL mdl = NewMdl(User, Bytes, FALSE);
    MDL_FACTS *facts = SimMapGet(&Mdls, mdl);

    facts->Locked = TRUE;
    mdl->MdlFlags |= MDL_PAGES_LOCKED | (DeviceReads ? 0 : MDL_WRITE_OPERATION);
    return mdl;
}

VOID SimMdlRelease(PMDL Mdl, BOOLEAN CopyOut)
{
    MDL_FACTS *facts = SimMapGet(&Mdls, Mdl);

    if (facts->Copy) {
        if (CopyOut)
            memcpy(facts->User, facts->Copy, Mdl->ByteCount);
        SimVisibleFree(facts->Copy);
    }
    SimMapSet(&Mdls, Mdl, NULL);
    free(facts);
    SimVisibleFree(Mdl);
}

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                                         PVOID BaseAddress, ULONG BugCheckOnFailure, ULONG Priority)
{
    MDL_FACTS *facts;

    (void)CacheType;
    (void)BaseAddress;
    (void)BugCheckOnFailure;
    SIM_ENTER(DISPATCH_LEVEL);
    /* "Code integrity checking" (WDK); the flag is for Windows 8 and later. */
    if (((Priority & MDL_NO_EXECUTE) != 0) == Sim.Options.Windows7)
        SimBug("%s %s MdlMappingNoExecute", __func__, Sim.Options.Windows7 ? "of a Windows 7 with" : "without");
    facts = SimMapGet(&Mdls, Mdl);
    if (!facts)
        SimBug("%s of MDL %p, which is freed or none", __func__, (void *)Mdl);
    if (AccessMode != KernelMode)
        SimBug("%s for user mode is not modelled", __func__);
    if (!(Mdl->MdlFlags & MDL_PAGES_LOCKED))
        SimBug("%s of pages that are not locked", __func__);
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)
        SimBug("%s of an MDL that is mapped already", __func__);
    if (SIM_FAULT())
        return NULL;
    if (Sim.Options.SharedBuffers) {
        Mdl->MappedSystemVa = facts->User;
    } else {
        facts->Copy = SimVisibleBlock(Mdl->ByteCount, 16);
        memcpy(facts->Copy, facts->User, Mdl->ByteCount);
        Mdl->MappedSystemVa = facts->Copy;
    }
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    return Mdl->MappedSystemVa;
}

PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp)
{
    PMDL mdl;

    (void)ChargeQuota;
    SIM_ENTER(DISPATCH_LEVEL);
    if (SIM_FAULT())
        return NULL;
    mdl = NewMdl(VirtualAddress, Length, TRUE);
    ForeignLive++;
    if (Irp && !SecondaryBuffer)
        Irp->MdlAddress = mdl;
    return mdl;
}

VOID NTAPI IoFreeMdl(PMDL Mdl)
{
    MDL_FACTS *facts;

    SIM_ENTER(DISPATCH_LEVEL);
    facts = SimMapGet(&Mdls, Mdl);
    if (!facts || !facts->Foreign)
        SimBug("IoFreeMdl of %p, which the driver has not allocated or has freed", (void *)Mdl);
    ForeignLive--;
    SimMapSet(&Mdls, Mdl, NULL);
    free(facts);
    SimVisibleFree(Mdl);
}

VOID NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl)
{
    MDL_FACTS *facts;

    SIM_ENTER(DISPATCH_LEVEL);
    facts = SimMapGet(&Mdls, Mdl);
    if (!facts)
        SimBug("%s of %p, which is no MDL", __func__, (void *)Mdl);
    Mdl->MappedSystemVa = facts->User;
    Mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

ULONG SimMdlLive(VOID)
{
    if (!ForeignLive && Mdls.Used == Mdls.Dead)
        SimMapClear(&Mdls);
    return ForeignLive;
}
