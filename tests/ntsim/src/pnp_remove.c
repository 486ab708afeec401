/* SPDX-License-Identifier: MIT */
/* Removal in all its forms, power and usage. Source: "Removing a Device", "IRP_MN_REMOVE_DEVICE" and kin (WDK). */
#include "internal.h"

static BOOLEAN Alive(PSIM_DEVNODE node)
{
    return node->Pdo && !node->Gone;
}

/* Nothing of the PnP manager's holds the device any more. */
static VOID Forget(PSIM_DEVNODE node)
{
    PDEVICE_OBJECT pdo = node->Pdo;

    node->Gone = TRUE;
    node->Present = FALSE;
    if (!pdo)
        return;
    node->Pdo = NULL;
    SimDevice(pdo)->Node = NULL;
    SimObDereference(pdo);
}

VOID SimPnpDeviceDeleted(PSIM_DEVNODE Node)
{
    SimBug("PDO of %s is freed while the PnP manager holds it", Node->Path);
}

BOOLEAN SimPnpRemoving(PSIM_DEVNODE Node)
{
    /* A bus that goes takes its present children with it. */
    return Node->Removing || (Node->Parent && Node->Parent->Removing && Node->Removed);
}

VOID SimPnpRemoveNode(PSIM_DEVNODE Node)
{
    PDEVICE_OBJECT pdo = Node->Pdo;

    SimInterfacesOff(Node);
    Node->Removing = TRUE;
    if (SimPnpSend(Node, IRP_MN_REMOVE_DEVICE, NULL) != STATUS_SUCCESS)
        SimBug("IRP_MN_REMOVE_DEVICE of %s failed", Node->Path);
    Node->Removing = FALSE;
    Node->Removed = TRUE;
    Node->Started = Node->QueryRemoved = FALSE;
    if (!Node->Parent) {
        if (pdo->AttachedDevice)
            SimBug("IRP_MN_REMOVE_DEVICE of %s left a device attached", Node->Path);
        /* A removed bus has no children: their PDOs are its own to delete, now or when their last work is done. One
         * that was surprise-removed gets its REMOVE yet, with the last handle. */
        for (PSIM_DEVNODE child = SimPnpFirst(); child; child = child->Next)
            if (child->Parent == Node && Alive(child) && !child->RemovePending)
                Forget(child);
    } else if (!Node->Missing && SimDevice(pdo)->Deleted) {
        SimBug("PDO of %s was deleted on IRP_MN_REMOVE_DEVICE although the bus still reports it", Node->Path);
    }
}

static NTSTATUS FinishMissing(PSIM_DEVNODE node, PVOID context)
{
    (void)context;
    if (!Alive(node) || !node->RemovePending)
        return STATUS_SUCCESS;
    /* One that was not started hears no SURPRISE_REMOVAL, and its REMOVE at once. */
    if (node->Surprised && SimDevice(node->Pdo)->Opens && !Sim.Options.SurpriseRemovesAtOnce)
        return STATUS_SUCCESS;
    node->RemovePending = FALSE;
    SimPnpRemoveNode(node);
    if (!SimDevice(node->Pdo)->Deleted)
        SimNote("ntsim: PDO of %s is not deleted in its REMOVE\n", node->Path);
    Forget(node);
    return STATUS_SUCCESS;
}

/* The bus does not report it any more. */
VOID SimPnpMissing(PSIM_DEVNODE Node)
{
    Node->Present = FALSE;
    if (Node->RemovePending)
        return;
    if (Node->Started) {
        if (SimPnpSend(Node, IRP_MN_SURPRISE_REMOVAL, NULL) != STATUS_SUCCESS)
            SimBug("IRP_MN_SURPRISE_REMOVAL of %s failed", Node->Path);
        Node->Surprised = TRUE;
        SimInterfacesOff(Node);
    }
    /* After SURPRISE_REMOVAL the REMOVE waits for the last handle. */
    Node->RemovePending = TRUE;
    FinishMissing(Node, NULL);
}

VOID SimPnpDeviceClosed(PDEVICE_OBJECT Device)
{
    PSIM_DEVNODE node = SimDevice(Device)->Node;

    if (node && node->RemovePending)
        SimPnpDoLater(FinishMissing, node, NULL);
}

/* ---- Orderly removal -------------------------------------------------------------------------------------------------------------- */

typedef struct _VETO {
    char *Text;
    ULONG Bytes;
} VETO;

/* Asked before the driver: "If there are open handles to the device, the file system typically fails the query-remove request.
 * If not, [it] typically locks the volume" ("Handling an IRP_MN_QUERY_REMOVE_DEVICE Request", WDK). */
static BOOLEAN FileSystemAgrees(PSIM_DEVNODE node)
{
    PVPB vpb = node->Pdo->Vpb;

    if (!vpb || !(vpb->Flags & VPB_MOUNTED))
        return TRUE;
    if (vpb->ReferenceCount)
        return FALSE;
    vpb->Flags |= VPB_LOCKED;
    return TRUE;
}

static VOID CancelRemove(PSIM_DEVNODE node)
{
    if (node->Pdo->Vpb)
        node->Pdo->Vpb->Flags &= (USHORT)~VPB_LOCKED;
    SimPnpSend(node, IRP_MN_CANCEL_REMOVE_DEVICE, NULL);
}

static NTSTATUS QueryOne(PSIM_DEVNODE node, VETO *veto)
{
    NTSTATUS status;

    if (!node->Started)
        return STATUS_SUCCESS;
    if (node->Veto[0]) {
        snprintf(veto->Text, veto->Bytes, "%s", node->Veto);
        return STATUS_PLUGPLAY_QUERY_VETOED;
    }
    if (!FileSystemAgrees(node)) {
        snprintf(veto->Text, veto->Bytes, "%s", node->Path);
        return STATUS_PLUGPLAY_QUERY_VETOED;
    }
    status = SimPnpSend(node, IRP_MN_QUERY_REMOVE_DEVICE, NULL);
    if (!NT_SUCCESS(status)) {
        CancelRemove(node); /* also to those that refused */
        if (veto->Bytes)
            veto->Text[0] = 0;
        return STATUS_PLUGPLAY_QUERY_VETOED;
    }
    node->QueryRemoved = TRUE;
    return STATUS_SUCCESS;
}

static VOID CancelTree(PSIM_DEVNODE node)
{
    for (PSIM_DEVNODE n = SimPnpFirst(); n; n = n->Next)
        if ((n == node || n->Parent == node) && Alive(n) && n->QueryRemoved) {
            n->QueryRemoved = FALSE;
            CancelRemove(n);
        }
}

static NTSTATUS QueryTree(PSIM_DEVNODE node, VETO *veto)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (PSIM_DEVNODE child = SimPnpFirst(); child && NT_SUCCESS(status); child = child->Next)
        if (child->Parent == node && Alive(child))
            status = QueryOne(child, veto);
    if (NT_SUCCESS(status))
        status = QueryOne(node, veto);
    if (!NT_SUCCESS(status))
        CancelTree(node);
    return status;
}

static VOID RemoveTree(PSIM_DEVNODE node)
{
    for (PSIM_DEVNODE child = SimPnpFirst(); child; child = child->Next)
        if (child->Parent == node && Alive(child) && !child->Removed && !child->RemovePending)
            SimPnpRemoveNode(child);
    SimPnpRemoveNode(node);
    if (!node->Parent)
        SimPnpForgetRoot(node);
}

static NTSTATUS QueryRemove(PSIM_DEVNODE node, PVOID context)
{
    NTSTATUS status = QueryTree(node, context);

    if (NT_SUCCESS(status))
        RemoveTree(node);
    return status;
}

static NTSTATUS Eject(PSIM_DEVNODE node, PVOID context)
{
    NTSTATUS status;

    if (!node->Capabilities.EjectSupported)
        return STATUS_NOT_SUPPORTED;
    status = QueryTree(node, context);
    if (!NT_SUCCESS(status))
        return status;
    RemoveTree(node);
    status = SimPnpSend(node, IRP_MN_EJECT, NULL);
    return status;
}

NTSTATUS SimPnpQueryRemove(PSIM_DEVNODE Node, char *Veto, ULONG VetoBytes)
{
    VETO veto = {Veto, VetoBytes};

    return SimPnpDo(QueryRemove, Node, &veto);
}

NTSTATUS SimPnpEject(PSIM_DEVNODE Node, char *Veto, ULONG VetoBytes)
{
    VETO veto = {Veto, VetoBytes};
    NTSTATUS status = SimPnpDo(Eject, Node, &veto);

    /* "IRP_MN_EJECT" (WDK): afterwards the PnP manager asks the bus for its relations. */
    if (NT_SUCCESS(status) && Node->Parent)
        SimPnpRescan(Node->Parent);
    return status;
}

VOID SimPnpRemove(PSIM_DEVNODE Node)
{
    char veto[64] = "";
    NTSTATUS status = SimPnpQueryRemove(Node, veto, sizeof(veto));

    if (!NT_SUCCESS(status))
        SimBug("orderly removal of %s is refused (%s)", Node->Path, veto);
}

static NTSTATUS Surprise(PSIM_DEVNODE node, PVOID context)
{
    (void)context;
    for (PSIM_DEVNODE child = SimPnpFirst(); child; child = child->Next)
        if (child->Parent == node && Alive(child) && child->Started) {
            SimPnpSend(child, IRP_MN_SURPRISE_REMOVAL, NULL);
            child->Surprised = TRUE;
            SimInterfacesOff(child);
        }
    SimPnpSend(node, IRP_MN_SURPRISE_REMOVAL, NULL);
    node->Surprised = TRUE;
    SimInterfacesOff(node);
    RemoveTree(node);
    return STATUS_SUCCESS;
}

VOID SimPnpSurpriseRemove(PSIM_DEVNODE Node)
{
    SimPnpDo(Surprise, Node, NULL);
}

/* ---- Single requests ------------------------------------------------------------------------------------------------------------------ */

static NTSTATUS SendMinor(PSIM_DEVNODE node, PVOID context)
{
    UCHAR minor = (UCHAR)(ULONG_PTR)context;
    NTSTATUS status = SimPnpSend(node, minor, NULL);

    if (minor == IRP_MN_QUERY_REMOVE_DEVICE && NT_SUCCESS(status))
        node->QueryRemoved = TRUE;
    if (minor == IRP_MN_CANCEL_REMOVE_DEVICE)
        node->QueryRemoved = FALSE;
    if (minor == IRP_MN_STOP_DEVICE)
        node->Started = FALSE;
    return status;
}

NTSTATUS SimPnpSendQueryRemove(PSIM_DEVNODE Node)
{
    return SimPnpDo(SendMinor, Node, (PVOID)IRP_MN_QUERY_REMOVE_DEVICE);
}

NTSTATUS SimPnpSendCancelRemove(PSIM_DEVNODE Node)
{
    return SimPnpDo(SendMinor, Node, (PVOID)IRP_MN_CANCEL_REMOVE_DEVICE);
}

NTSTATUS SimPnpSendQueryStop(PSIM_DEVNODE Node)
{
    return SimPnpDo(SendMinor, Node, (PVOID)IRP_MN_QUERY_STOP_DEVICE);
}

NTSTATUS SimPnpSendCancelStop(PSIM_DEVNODE Node)
{
    return SimPnpDo(SendMinor, Node, (PVOID)IRP_MN_CANCEL_STOP_DEVICE);
}

NTSTATUS SimPnpSendStop(PSIM_DEVNODE Node)
{
    return SimPnpDo(SendMinor, Node, (PVOID)IRP_MN_STOP_DEVICE);
}

typedef struct _USAGE {
    DEVICE_USAGE_NOTIFICATION_TYPE Type;
    BOOLEAN InPath;
} USAGE;

static NTSTATUS Usage(PSIM_DEVNODE node, PVOID context)
{
    USAGE *usage = context;
    IO_STACK_LOCATION at;

    memset(&at, 0, sizeof(at));
    at.Parameters.UsageNotification.Type = usage->Type;
    at.Parameters.UsageNotification.InPath = usage->InPath;
    return SimPnpSend(node, IRP_MN_DEVICE_USAGE_NOTIFICATION, &at);
}

NTSTATUS SimPnpUsage(PSIM_DEVNODE Node, DEVICE_USAGE_NOTIFICATION_TYPE Type, BOOLEAN InPath)
{
    USAGE usage = {Type, InPath};

    return SimPnpDo(Usage, Node, &usage);
}

typedef struct _POWER {
    UCHAR Minor;
    POWER_STATE_TYPE Type;
    POWER_STATE State;
} POWER;

/* Set-power requests must not fail ("IRP_MN_SET_POWER", WDK). */
static NTSTATUS Power(PSIM_DEVNODE node, PVOID context)
{
    POWER *power = context;
    IO_STACK_LOCATION at;
    NTSTATUS status;

    memset(&at, 0, sizeof(at));
    at.MajorFunction = IRP_MJ_POWER;
    at.MinorFunction = power->Minor;
    at.Parameters.Power.Type = power->Type;
    at.Parameters.Power.State = power->State;
    status = SimPnpIrp(node->Pdo, &at, NULL);
    if (power->Minor == IRP_MN_SET_POWER && !NT_SUCCESS(status) && status != STATUS_NOT_SUPPORTED)
        SimBug("IRP_MN_SET_POWER of %s failed with %08x", node->Path, status);
    return status;
}

NTSTATUS SimPower(PSIM_DEVNODE Node, UCHAR Minor, POWER_STATE_TYPE Type, POWER_STATE State)
{
    POWER power = {Minor, Type, State};

    return SimPnpDo(Power, Node, &power);
}

/* ---- Questions of the tests ------------------------------------------------------------------------------------------------------------ */

ULONG SimPnpChildren(PSIM_DEVNODE Parent)
{
    ULONG count = 0;

    for (PSIM_DEVNODE n = SimPnpFirst(); n; n = n->Next)
        count += n->Parent == Parent && n->Present;
    return count;
}

PSIM_DEVNODE SimPnpChild(PSIM_DEVNODE Parent, ULONG Index)
{
    ULONG total = SimPnpChildren(Parent);

    /* The list is newest first. */
    for (PSIM_DEVNODE n = SimPnpFirst(); n; n = n->Next)
        if (n->Parent == Parent && n->Present && --total == Index)
            return n;
    return NULL;
}

PSIM_DEVNODE SimPnpNodeOf(PDEVICE_OBJECT Device)
{
    return SimDevice(Device)->Node;
}

PDEVICE_OBJECT SimPnpPdo(PSIM_DEVNODE Node)
{
    return Node->Pdo;
}

const char *SimPnpInstancePath(PSIM_DEVNODE Node)
{
    return Node->Path;
}

BOOLEAN SimPnpStarted(PSIM_DEVNODE Node)
{
    return Node->Started;
}

const DEVICE_CAPABILITIES *SimPnpCapabilities(PSIM_DEVNODE Node)
{
    return &Node->Capabilities;
}

const char *SimPnpText(PSIM_DEVNODE Node, DEVICE_TEXT_TYPE Type)
{
    return Node->Text[Type];
}

const char *SimPnpHardwareIds(PSIM_DEVNODE Node)
{
    return Node->HardwareIds;
}

VOID SimPnpSetVeto(PSIM_DEVNODE Node, const char *Holder)
{
    snprintf(Node->Veto, sizeof(Node->Veto), "%s", Holder ? Holder : "");
}
