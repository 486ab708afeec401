/* SPDX-License-Identifier: MIT */
/*
 * IRPs: allocation, the way down (IofCallDriver), the way up (IofCompleteRequest), cancelling; and the rules that
 * Driver Verifier checks. Sources: "Handling IRPs", "Completing IRPs", "Canceling IRPs" (WDK).
 */
#include "internal.h"

static SIM_MAP Irps; /* live IRP -> SIM_IRP */
static KSPIN_LOCK CancelLock;
static KIRQL CancelOldIrql;
static ULONG LiveIrps;

static VOID Release(PSIM_IRP facts)
{
    if (--facts->References == 0)
        free(facts);
}

PSIM_IRP SimIrp(PIRP Irp)
{
    PSIM_IRP facts = SimMapGet(&Irps, Irp);

    if (!facts)
        SimBug("IRP %p is freed or none", (void *)Irp);
    return facts;
}

PIRP SimIrpAllocate(CCHAR StackSize, PSIM_IRP *Facts)
{
    size_t bytes = IoSizeOfIrp(StackSize);
    PIRP irp = SimVisibleAllocate(bytes, 16);
    PSIM_IRP facts = calloc(1, sizeof(*facts));

    if (StackSize < 1 || StackSize > 60)
        SimBug("an IRP with %d stack locations", StackSize);
    IoInitializeIrp(irp, (USHORT)bytes, StackSize);
    facts->Irp = irp;
    facts->References = 1;
    SimMapSet(&Irps, irp, facts);
    LiveIrps++;
    if (Facts)
        *Facts = facts;
    return irp;
}

VOID SimIrpFree(PIRP Irp)
{
    PSIM_IRP facts = SimIrp(Irp);

    if (facts->Cancelling) { /* the I/O manager's list holds it while it is being cancelled */
        facts->FreeLater = TRUE;
        return;
    }
    SIM_ACQUIRE(facts); /* whoever completed it is done with it, be it that the canceller frees it */
    SimMapSet(&Irps, Irp, NULL);
    LiveIrps--;
    facts->Irp = NULL;
    Release(facts);
    SimVisibleFree(Irp);
}

VOID NTAPI IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)
{
    memset(Irp, 0, PacketSize);
    Irp->Type = IO_TYPE_IRP;
    Irp->Size = PacketSize;
    Irp->StackCount = StackSize;
    Irp->CurrentLocation = (CCHAR)(StackSize + 1);
    Irp->ApcEnvironment = 0;
    InitializeListHead(&Irp->ThreadListEntry);
    Irp->Tail.Overlay.CurrentStackLocation = (PIO_STACK_LOCATION)(Irp + 1) + StackSize;
}

PIRP NTAPI IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)
{
    PSIM_IRP facts;
    PIRP irp;

    (void)ChargeQuota;
    SIM_ENTER(DISPATCH_LEVEL);
    if (SIM_FAULT())
        return NULL;
    irp = SimIrpAllocate(StackSize, &facts);
    facts->DriverOwned = TRUE;
    return irp;
}

VOID NTAPI IoFreeIrp(PIRP Irp)
{
    SIM_ENTER(DISPATCH_LEVEL);
    if (!SimIrp(Irp)->DriverOwned)
        SimBug("IoFreeIrp of an IRP that the driver did not allocate");
    SimIrpFree(Irp);
}

VOID NTAPI IoReuseIrp(PIRP Irp, NTSTATUS Status)
{
    PSIM_IRP facts;

    SIM_ENTER(PASSIVE_LEVEL);
    facts = SimIrp(Irp);
    if (!facts->DriverOwned)
        SimBug("IoReuseIrp of an IRP that the driver did not allocate");
    IoInitializeIrp(Irp, Irp->Size, Irp->StackCount);
    Irp->IoStatus.Status = Status;
    facts->Completed = facts->Finished = FALSE;
}

/* ---- Down ----------------------------------------------------------------------------------------------------------------- */

static VOID CheckReturned(PSIM_IRP facts, ULONG location, NTSTATUS status, UCHAR major, UCHAR minor, const char *driver)
{
    if (facts->Marked[location]) {
        BOOLEAN marked = facts->Marked[location] == 2;
        if (status == STATUS_PENDING && !marked)
            SimBug("dispatch %02x.%02x of %s returned STATUS_PENDING, but the IRP was not marked pending", major, minor,
                   driver);
        if (status != STATUS_PENDING && marked)
            SimBug("dispatch %02x.%02x of %s marked the IRP pending, but returned %08x", major, minor, driver, status);
        if (status != STATUS_PENDING && !facts->DriverOwned && status != facts->FinalStatus)
            SimBug("dispatch %02x.%02x of %s returned %08x, but completed the IRP with %08x", major, minor, driver,
                   status, facts->FinalStatus);
        return;
    }
    if (status != STATUS_PENDING)
        SimBug("dispatch %02x.%02x of %s returned %08x without completing the IRP", major, minor, driver, status);
    if (facts->Irp) {
        PIO_STACK_LOCATION at = (PIO_STACK_LOCATION)(facts->Irp + 1) + location - 1;
        if (!(at->Control & SL_PENDING_RETURNED))
            SimBug("dispatch %02x.%02x of %s returned STATUS_PENDING and did not mark the IRP", major, minor, driver);
    }
}

NTSTATUS SimCallDriver(PDEVICE_OBJECT Device, PIRP Irp)
{
    PSIM_IRP facts = SimIrp(Irp);
    PSIM_DEVICE device = SimDevice(Device);
    PIO_STACK_LOCATION at;
    SIM_CALLOUT callout;
    ULONG location;
    UCHAR major, minor;
    NTSTATUS status;
    PDRIVER_OBJECT driver = Device->DriverObject;
    const char *name = device->Foreign ? "the driver" : "ntsim";

    if (facts->Completed)
        SimBug("IoCallDriver with an IRP that is completed");
    if (Irp->CancelRoutine)
        SimBug("IoCallDriver with a cancel routine set");
    if (--Irp->CurrentLocation <= 0)
        SimBug("no more IRP stack locations");
    location = (ULONG)Irp->CurrentLocation;
    at = --Irp->Tail.Overlay.CurrentStackLocation;
    at->DeviceObject = Device;
    major = at->MajorFunction;
    minor = at->MinorFunction;
    facts->Marked[location] = 0;
    facts->References++;
    SimObReference(driver);
    SimCallBegin(&callout, device->Foreign);
    status = driver->MajorFunction[major](Device, Irp);
    SimCallEnd(&callout, "dispatch %02x.%02x of %s", major, minor, name);
    SimObDereference(driver);
    CheckReturned(facts, location, status, major, minor, name);
    Release(facts);
    return status;
}

NTSTATUS FASTCALL IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    SIM_ENTER(DISPATCH_LEVEL);
    return SimCallDriver(DeviceObject, Irp);
}

NTSTATUS NTAPI PoCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    SIM_ENTER(DISPATCH_LEVEL);
    return SimCallDriver(DeviceObject, Irp);
}

VOID NTAPI PoStartNextPowerIrp(PIRP Irp)
{
    SIM_ENTER(DISPATCH_LEVEL);
    SimIrp(Irp);
}

POWER_STATE NTAPI PoSetPowerState(PDEVICE_OBJECT DeviceObject, POWER_STATE_TYPE Type, POWER_STATE State)
{
    (void)DeviceObject;
    (void)Type;
    SIM_ENTER(DISPATCH_LEVEL);
    return State;
}

/* ---- Up ------------------------------------------------------------------------------------------------------------------- */

VOID FASTCALL IofCompleteRequest(PIRP Irp, CCHAR PriorityBoost)
{
    PSIM_IRP facts;
    PSIM_THREAD me = Sim.Current;

    (void)PriorityBoost;
    SimEnter("IoCompleteRequest", DISPATCH_LEVEL);
    facts = SimMapGet(&Irps, Irp);
    if (!facts)
        SimBug("IoCompleteRequest of IRP %p, which is freed or none (completed twice?)", (void *)Irp);
    if (facts->Completed)
        SimBug("IoCompleteRequest of IRP %p a second time", (void *)Irp);
    if (Irp->CurrentLocation > Irp->StackCount)
        SimBug("IoCompleteRequest of an IRP that no driver was called with");
    if (Irp->CancelRoutine)
        SimBug("IoCompleteRequest with a cancel routine still set");
    if (Irp->IoStatus.Status == STATUS_PENDING || Irp->IoStatus.Status == (NTSTATUS)0xA5A5A5A5)
        SimBug("IoCompleteRequest with status %08x", Irp->IoStatus.Status);
    /* "IoCompleteRequest" (WDK): never with a spin lock held. */
    if (me->LockCount && !me->Depth)
        SimBug("IoCompleteRequest with a spin lock held");
    SimCheckOutput(facts, Irp);
    facts->Completed = TRUE;
    facts->FinalStatus = Irp->IoStatus.Status;
    facts->References++;
    SIM_RELEASE(facts);
    while (Irp->CurrentLocation <= Irp->StackCount) {
        ULONG location = (ULONG)Irp->CurrentLocation;
        PIO_STACK_LOCATION at = Irp->Tail.Overlay.CurrentStackLocation;
        PIO_STACK_LOCATION above = at + 1;
        BOOLEAN last = Irp->CurrentLocation == Irp->StackCount;
        PIO_COMPLETION_ROUTINE routine = at->CompletionRoutine;
        BOOLEAN wanted;

        facts->Marked[location] = at->Control & SL_PENDING_RETURNED ? 2 : 1;
        Irp->PendingReturned = (at->Control & SL_PENDING_RETURNED) != 0;
        wanted = NT_SUCCESS(Irp->IoStatus.Status) ? (at->Control & SL_INVOKE_ON_SUCCESS) != 0
                                                  : (at->Control & SL_INVOKE_ON_ERROR) != 0;
        wanted |= Irp->Cancel && (at->Control & SL_INVOKE_ON_CANCEL);
        Irp->CurrentLocation++;
        Irp->Tail.Overlay.CurrentStackLocation++;
        if (routine && wanted) {
            SIM_CALLOUT callout;
            NTSTATUS status;
            PVOID context = at->Context;
            PDEVICE_OBJECT device = last ? NULL : above->DeviceObject;
            at->CompletionRoutine = NULL;
            at->Control = 0;
            SimCallBegin(&callout, TRUE);
            facts->Completed = FALSE; /* the routine may own it again */
            status = routine(device, Irp, context);
            SimCallEnd(&callout, "a completion routine");
            if (status == STATUS_MORE_PROCESSING_REQUIRED) {
                Release(facts);
                return;
            }
            facts->Completed = TRUE;
            facts->FinalStatus = Irp->IoStatus.Status;
        } else {
            if (Irp->PendingReturned && !last)
                above->Control |= SL_PENDING_RETURNED;
            at->CompletionRoutine = NULL;
            at->Control = 0;
        }
    }
    if (facts->DriverOwned)
        SimBug("an IRP of IoAllocateIrp was completed past the driver that made it");
    facts->Finished = TRUE;
    SimIrpDone(facts, Irp);
    Release(facts);
    SimYield();
}

/* ---- Cancel ----------------------------------------------------------------------------------------------------------------- */

VOID NTAPI IoAcquireCancelSpinLock(PKIRQL Irql)
{
    SIM_ENTER(DISPATCH_LEVEL);
    *Irql = KeAcquireSpinLockRaiseToDpc(&CancelLock);
    CancelOldIrql = *Irql;
}

VOID NTAPI IoReleaseCancelSpinLock(KIRQL Irql)
{
    KeReleaseSpinLock(&CancelLock, Irql);
}

static BOOLEAN Cancel(PIRP irp, PSIM_IRP facts)
{
    PDRIVER_CANCEL routine;
    SIM_CALLOUT callout;
    PDEVICE_OBJECT device;
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    if (facts->Completed) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    irp->Cancel = TRUE;
    SIM_RELEASE(&irp->CancelRoutine);
    SIM_ACQUIRE(&irp->CancelRoutine); /* what the owner did before IoSetCancelRoutine */
    routine = (PDRIVER_CANCEL)InterlockedExchangePointer((PVOID volatile *)&irp->CancelRoutine, NULL);
    if (!routine) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    if (irp->CurrentLocation > irp->StackCount)
        SimBug("a cancel routine on an IRP that no driver owns");
    irp->CancelIrql = irql;
    device = irp->Tail.Overlay.CurrentStackLocation->DeviceObject;
    /* The routine is entered with the cancel lock and must release it: counted as the callout's own. */
    SimCallBegin(&callout, TRUE);
    callout.LockCount--;
    callout.Irql = irql;
    routine(device, irp);
    SimCallEnd(&callout, "a cancel routine");
    return TRUE;
}

BOOLEAN NTAPI IoCancelIrp(PIRP Irp)
{
    PSIM_IRP facts = SimIrp(Irp);
    BOOLEAN done;

    facts->Cancelling++;
    SIM_ENTER(DISPATCH_LEVEL);
    done = Cancel(Irp, facts);
    if (!--facts->Cancelling && facts->FreeLater)
        SimIrpFree(Irp);
    return done;
}

ULONG SimIrpLive(VOID)
{
    return LiveIrps;
}

ULONG SimIrpPending(PDEVICE_OBJECT Device)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;
    ULONG count = 0;

    while (SimMapNext(&Irps, &cursor, &key, &value)) {
        PIRP irp = (PIRP)key;
        PSIM_IRP facts = value;
        if (facts->Completed || irp->CurrentLocation > irp->StackCount)
            continue;
        if (Device ? irp->Tail.Overlay.CurrentStackLocation->DeviceObject == Device &&
                         irp->Tail.Overlay.CurrentStackLocation->MajorFunction != IRP_MJ_PNP
                   : SimDevice(irp->Tail.Overlay.CurrentStackLocation->DeviceObject)->Foreign)
            count++;
    }
    return count;
}

VOID SimIrpStop(VOID)
{
    size_t cursor = 0;
    const void *key;
    PVOID value;
    ULONG leaked = 0;

    while (SimMapNext(&Irps, &cursor, &key, &value))
        leaked += ((PSIM_IRP)value)->DriverOwned;
    if (leaked)
        SimBug("%u IRPs of the driver's own leaked", leaked);
    if (!LiveIrps)
        SimMapClear(&Irps);
    if (SimMdlLive())
        SimBug("%u MDLs leaked", SimMdlLive());
}
