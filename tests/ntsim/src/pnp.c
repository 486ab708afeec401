/* SPDX-License-Identifier: MIT */
/*
 * The PnP manager: devices that come, and what they are asked. Order of the requests: nt-guest.md's trace of a real NT
 * kernel; rules: "Adding a PnP Device to a Running System", "Removing a Device" (WDK).
 */
#include "internal.h"

static PSIM_DEVNODE Nodes;
static ULONG Serial, RootDevices;
static PDRIVER_OBJECT PnpDriver;

PDRIVER_OBJECT SimPnpDriver(VOID)
{
    return PnpDriver;
}

/* ---- Requests to a device's stack -------------------------------------------------------------------------------------------- */

static NTSTATUS Send(PSIM_DEVNODE node, UCHAR minor, IO_STACK_LOCATION *parameters, ULONG_PTR *information)
{
    IO_STACK_LOCATION none;
    NTSTATUS status;

    memset(&none, 0, sizeof(none));
    if (!parameters)
        parameters = &none;
    parameters->MajorFunction = IRP_MJ_PNP;
    parameters->MinorFunction = minor;
    status = SimPnpIrp(node->Pdo, parameters, information);
    SimNote("ntsim: PnP %02x to %s: %08x\n", minor, node->Path, status);
    return status;
}

static BOOLEAN QueryId(PSIM_DEVNODE node, BUS_QUERY_ID_TYPE type, char *out, size_t bytes, BOOLEAN multi)
{
    IO_STACK_LOCATION at;
    ULONG_PTR answer = 0;
    size_t used = 0;
    WCHAR *id;

    memset(&at, 0, sizeof(at));
    at.Parameters.QueryId.IdType = type;
    out[0] = 0;
    if (!NT_SUCCESS(Send(node, IRP_MN_QUERY_ID, &at, &answer)) || !answer)
        return FALSE;
    id = (WCHAR *)answer;
    if (!SimPoolOwns(id))
        SimBug("IRP_MN_QUERY_ID answers with a string that is no pool block");
    for (WCHAR *c = id; c[0] || (multi && c != id && c[1]); c++) {
        /* "IRP_MN_QUERY_ID" (WDK): no character below 21h or above 7Fh, no comma. */
        if (c[0] && (c[0] <= 0x20 || c[0] > 0x7f || c[0] == ','))
            SimBug("IRP_MN_QUERY_ID type %d: character %x in the id", (int)type, c[0]);
        if (!c[0] && !multi)
            break;
        if (used + 1 < bytes)
            out[used++] = c[0] ? (char)c[0] : ';';
        if (used > 200)
            SimBug("IRP_MN_QUERY_ID type %d: the id is too long or not terminated", (int)type);
    }
    out[used] = 0;
    ExFreePoolWithTag(id, 0);
    return TRUE;
}

static VOID QueryCapabilities(PSIM_DEVNODE node)
{
    IO_STACK_LOCATION at;

    memset(&at, 0, sizeof(at));
    memset(&node->Capabilities, 0, sizeof(node->Capabilities));
    node->Capabilities.Size = sizeof(node->Capabilities);
    node->Capabilities.Version = 1;
    node->Capabilities.Address = node->Capabilities.UINumber = 0xffffffff;
    at.Parameters.DeviceCapabilities.Capabilities = &node->Capabilities;
    Send(node, IRP_MN_QUERY_CAPABILITIES, &at, NULL);
}

static VOID QueryText(PSIM_DEVNODE node, DEVICE_TEXT_TYPE type)
{
    IO_STACK_LOCATION at;
    ULONG_PTR answer = 0;
    UNICODE_STRING text;
    char *narrow;

    memset(&at, 0, sizeof(at));
    at.Parameters.QueryDeviceText.DeviceTextType = type;
    at.Parameters.QueryDeviceText.LocaleId = 0x409;
    node->Text[type][0] = 0;
    if (!NT_SUCCESS(Send(node, IRP_MN_QUERY_DEVICE_TEXT, &at, &answer)) || !answer)
        return;
    if (!SimPoolOwns((PVOID)answer))
        SimBug("IRP_MN_QUERY_DEVICE_TEXT answers with a string that is no pool block");
    RtlInitUnicodeString(&text, (PCWSTR)answer);
    narrow = SimNarrow(&text);
    snprintf(node->Text[type], sizeof(node->Text[type]), "%s", narrow);
    free(narrow);
    ExFreePoolWithTag((PVOID)answer, 0);
}

/* Answers that are optional and in pool. */
static VOID QueryBlock(PSIM_DEVNODE node, UCHAR minor)
{
    ULONG_PTR answer = 0;

    if (NT_SUCCESS(Send(node, minor, NULL, &answer)) && answer) {
        if (!SimPoolOwns((PVOID)answer))
            SimBug("PnP request %02x answers with %p, which is no pool block", minor, (PVOID)answer);
        ExFreePoolWithTag((PVOID)answer, 0);
    }
}

static NTSTATUS Rescan(PSIM_DEVNODE node, PVOID context);

static NTSTATUS Start(PSIM_DEVNODE node, PVOID context)
{
    IO_STACK_LOCATION at;
    NTSTATUS status;

    (void)context;
    memset(&at, 0, sizeof(at));
    status = Send(node, IRP_MN_START_DEVICE, &at, NULL);
    if (!NT_SUCCESS(status))
        return status;
    node->Started = TRUE;
    node->Removed = node->QueryRemoved = node->Stopped = FALSE;
    SimInterfacesStarted(node);
    QueryCapabilities(node);
    {
        ULONG_PTR state = 0;
        Send(node, IRP_MN_QUERY_PNP_DEVICE_STATE, NULL, &state);
    }
    Rescan(node, NULL);
    return STATUS_SUCCESS;
}

static VOID Enumerate(PSIM_DEVNODE node)
{
    char device[96], instance[96];

    if (!QueryId(node, BusQueryDeviceID, device, sizeof(device), FALSE)) {
        node->Failed = TRUE;
        return;
    }
    QueryCapabilities(node);
    if (!QueryId(node, BusQueryInstanceID, instance, sizeof(instance), FALSE) && node->Capabilities.UniqueID) {
        node->Failed = TRUE;
        return;
    }
    if (strchr(instance, '\\'))
        SimBug("the instance id %s has a backslash in it", instance);
    snprintf(node->Path, sizeof(node->Path), "%s\\%s", device, instance);
    for (PSIM_DEVNODE other = Nodes; other; other = other->Next)
        if (other != node && !other->Gone && !strcmp(other->Path, node->Path))
            SimBug("bugcheck CAh: two devices are called %s", node->Path);
    SimPnpRecord(node);
    QueryId(node, BusQueryHardwareIDs, node->HardwareIds, sizeof(node->HardwareIds), TRUE);
    QueryId(node, BusQueryCompatibleIDs, node->CompatibleIds, sizeof(node->CompatibleIds), TRUE);
    QueryText(node, DeviceTextDescription);
    QueryText(node, DeviceTextLocationInformation);
    QueryBlock(node, IRP_MN_QUERY_BUS_INFORMATION);
    QueryBlock(node, IRP_MN_QUERY_RESOURCES);
    QueryBlock(node, IRP_MN_QUERY_RESOURCE_REQUIREMENTS);
    QueryBlock(node, IRP_MN_FILTER_RESOURCE_REQUIREMENTS);
    if (!node->Capabilities.RawDeviceOK) {
        node->Failed = TRUE; /* no function driver is there for it */
        return;
    }
    if (!NT_SUCCESS(Start(node, NULL))) {
        /* "IRP_MN_START_DEVICE" (WDK): a device that fails to start is sent REMOVE. */
        node->Failed = TRUE;
        SimPnpRemoveNode(node);
    }
}

/* The bus driver's list, in pool, each device referenced for us. */
static PDEVICE_RELATIONS Relations(PSIM_DEVNODE node, DEVICE_RELATION_TYPE type, NTSTATUS *status)
{
    IO_STACK_LOCATION at;
    ULONG_PTR answer = 0;

    memset(&at, 0, sizeof(at));
    at.Parameters.QueryDeviceRelations.Type = type;
    *status = Send(node, IRP_MN_QUERY_DEVICE_RELATIONS, &at, &answer);
    if (!NT_SUCCESS(*status) || !answer)
        return NULL;
    if (!SimPoolOwns((PVOID)answer))
        SimBug("IRP_MN_QUERY_DEVICE_RELATIONS answers with %p, which is no pool block", (PVOID)answer);
    return (PDEVICE_RELATIONS)answer;
}

/* What has no device node may name no target: IoReportTargetDeviceChangeAsynchronous, to which the Mount Manager hands the
 * answer with each change of a name, stops for what is no PDO (0xCA, 2). Seen on an NT kernel, tests/guest. */
static VOID NoTarget(PDEVICE_OBJECT device)
{
    ULONG_PTR answer = 0;
    IO_STACK_LOCATION at;

    memset(&at, 0, sizeof(at));
    at.MajorFunction = IRP_MJ_PNP;
    at.MinorFunction = IRP_MN_QUERY_DEVICE_RELATIONS;
    at.Parameters.QueryDeviceRelations.Type = TargetDeviceRelation;
    if (NT_SUCCESS(SimPnpIrp(device, &at, &answer)) && answer)
        SimBug("TargetDeviceRelation is answered by a device that the PnP manager does not know");
}

/* As the Mount Manager does when it registers for a volume's target device notifications. */
VOID SimPnpTarget(PDEVICE_OBJECT Device)
{
    PSIM_DEVNODE node = SimDevice(Device)->Node;
    PDEVICE_RELATIONS relations;
    PDEVICE_OBJECT pdo;
    NTSTATUS status;

    if (!node) {
        NoTarget(Device);
        return;
    }
    if (node->Surprised)
        return;
    pdo = node->Pdo;
    relations = Relations(node, TargetDeviceRelation, &status);
    if (!relations && (status == STATUS_INSUFFICIENT_RESOURCES || !node->Started))
        return; /* no memory for the answer, or it went meanwhile: it does without the notification */
    if (!relations || relations->Count != 1 || relations->Objects[0] != pdo)
        SimBug("TargetDeviceRelation of %s is not answered with its PDO", node->Path);
    SimObDereference(relations->Objects[0]);
    ExFreePoolWithTag(relations, 0);
}

static NTSTATUS Rescan(PSIM_DEVNODE node, PVOID context)
{
    PDEVICE_RELATIONS relations;
    NTSTATUS status;

    (void)context;
    if (!node->Started || node->Gone)
        return STATUS_SUCCESS;
    relations = Relations(node, BusRelations, &status);
    if (!relations)
        return STATUS_UNSUCCESSFUL; /* the children stay as they are */
    for (PSIM_DEVNODE child = Nodes; child; child = child->Next)
        if (child->Parent == node && !child->Gone && !child->RemovePending)
            child->Missing = TRUE;
    for (ULONG i = 0; i < relations->Count; i++) {
        PDEVICE_OBJECT pdo = relations->Objects[i];
        PSIM_DEVICE facts = SimDevice(pdo);
        PSIM_DEVNODE child = facts->Node;
        if (child) {
            if (!child->Missing)
                SimBug("device relations name %s twice, or again after it was missing", child->Path);
            child->Missing = FALSE;
            SimObDereference(pdo); /* we have one already */
            continue;
        }
        if (pdo->Flags & DO_DEVICE_INITIALIZING)
            SimBug("a PDO is reported with DO_DEVICE_INITIALIZING set");
        child = calloc(1, sizeof(*child));
        child->Parent = node;
        child->Pdo = pdo;
        child->Present = TRUE;
        child->Serial = ++Serial;
        facts->Node = child;
        child->Next = Nodes;
        Nodes = child;
    }
    ExFreePoolWithTag(relations, 0);
    for (PSIM_DEVNODE child = Nodes; child; child = child->Next)
        if (child->Parent == node && child->Missing && !child->Gone)
            SimPnpMissing(child);
    for (ULONG number = 1; number <= Serial; number++)
        for (PSIM_DEVNODE child = Nodes; child; child = child->Next)
            if (child->Serial == number && child->Parent == node && child->Present && !child->Path[0] && !child->Failed)
                Enumerate(child);
    return STATUS_SUCCESS;
}

VOID NTAPI IoInvalidateDeviceRelations(PDEVICE_OBJECT DeviceObject, DEVICE_RELATION_TYPE Type)
{
    PSIM_DEVICE facts;

    SIM_ENTER(DISPATCH_LEVEL);
    facts = SimDevice(DeviceObject);
    if (!facts->Node)
        SimBug("IoInvalidateDeviceRelations of a device that is no PDO");
    if (Type == BusRelations)
        SimPnpDoLater(Rescan, facts->Node, NULL);
}

/* ---- Root devices --------------------------------------------------------------------------------------------------------------- */

static NTSTATUS NTAPI RootDispatch(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = irp->IoStatus.Status;

    (void)device;
    if (at->MajorFunction == IRP_MJ_POWER)
        status = STATUS_SUCCESS;
    else if (at->MajorFunction != IRP_MJ_PNP)
        status = STATUS_INVALID_DEVICE_REQUEST;
    else
        switch (at->MinorFunction) {
        case IRP_MN_START_DEVICE:
        case IRP_MN_STOP_DEVICE:
        case IRP_MN_QUERY_STOP_DEVICE:
        case IRP_MN_CANCEL_STOP_DEVICE:
        case IRP_MN_QUERY_REMOVE_DEVICE:
        case IRP_MN_CANCEL_REMOVE_DEVICE:
        case IRP_MN_REMOVE_DEVICE:
        case IRP_MN_SURPRISE_REMOVAL:
        case IRP_MN_QUERY_CAPABILITIES:
            status = STATUS_SUCCESS;
            break;
        default:
            break;
        }
    if (status == (NTSTATUS)0xA5A5A5A5)
        status = STATUS_NOT_SUPPORTED;
    irp->IoStatus.Status = status;
    /* Any of the drivers below may take its time: with a seed, some requests come back by another thread. */
    if (Sim.Options.Seed && at->MajorFunction == IRP_MJ_PNP && SimRandom(2)) {
        IoMarkIrpPending(irp);
        SimWorkQueue(SimPnpCompleteLater, irp);
        return STATUS_PENDING;
    }
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

VOID SimPnpCompleteLater(PVOID Irp)
{
    IofCompleteRequest(Irp, IO_NO_INCREMENT);
}

typedef struct _ROOT {
    PDRIVER_OBJECT Driver;
    const char *HardwareId;
    PSIM_DEVNODE Node;
} ROOT;

static NTSTATUS AddRoot(PSIM_DEVNODE none, PVOID context)
{
    ROOT *root = context;
    PSIM_DEVNODE node = calloc(1, sizeof(*node));
    PDEVICE_OBJECT pdo;
    SIM_CALLOUT callout;
    NTSTATUS status;

    (void)none;
    SimDeviceCreate(PnpDriver, 0, NULL, FILE_DEVICE_CONTROLLER, 0, FALSE, &pdo);
    pdo->Flags = (pdo->Flags & ~DO_DEVICE_INITIALIZING) | DO_BUS_ENUMERATED_DEVICE;
    SimObFind(pdo)->Foreign = FALSE;
    snprintf(node->Path, sizeof(node->Path), "%s\\%04u", root->HardwareId, RootDevices++ % 10000);
    snprintf(node->HardwareIds, sizeof(node->HardwareIds), "%s", root->HardwareId);
    node->Pdo = pdo;
    node->Driver = root->Driver;
    node->Present = TRUE;
    node->Serial = ++Serial;
    node->Next = Nodes;
    Nodes = node;
    SimDevice(pdo)->Node = node;
    SimObReference(pdo);
    SimCallBegin(&callout, TRUE);
    status = root->Driver->DriverExtension->AddDevice(root->Driver, pdo);
    SimCallEnd(&callout, "AddDevice");
    if (NT_SUCCESS(status)) {
        for (PDEVICE_OBJECT d = pdo->AttachedDevice; d; d = d->AttachedDevice)
            if (d->Flags & DO_DEVICE_INITIALIZING)
                SimBug("AddDevice left DO_DEVICE_INITIALIZING set");
        status = Start(node, NULL);
        if (!NT_SUCCESS(status))
            SimPnpRemoveNode(node);
    } else if (pdo->AttachedDevice) {
        SimBug("AddDevice failed (%08x) and left a device attached", status);
    }
    if (!NT_SUCCESS(status))
        SimPnpForgetRoot(node);
    root->Node = NT_SUCCESS(status) ? node : NULL;
    return status;
}

VOID SimPnpForgetRoot(PSIM_DEVNODE Node)
{
    PDEVICE_OBJECT pdo = Node->Pdo;

    if (pdo->AttachedDevice)
        SimBug("a root device goes with a device attached to it");
    SimDevice(pdo)->Node = NULL;
    Node->Pdo = NULL;
    Node->Gone = TRUE;
    Node->Present = FALSE;
    SimObDereference(pdo);
    IoDeleteDevice(pdo);
}

PSIM_DEVNODE SimPnpAddRoot(PDRIVER_OBJECT Driver, const char *HardwareId, NTSTATUS *Status)
{
    ROOT root = {Driver, HardwareId, NULL};
    NTSTATUS status = SimPnpDo(AddRoot, NULL, &root);

    if (Status)
        *Status = status;
    return root.Node;
}

/* ---- What the rest and the tests ask ----------------------------------------------------------------------------------------------- */

PSIM_DEVNODE SimPnpFirst(VOID)
{
    return Nodes;
}

NTSTATUS SimPnpSend(PSIM_DEVNODE Node, UCHAR Minor, IO_STACK_LOCATION *Parameters)
{
    return Send(Node, Minor, Parameters, NULL);
}

VOID SimPnpRescan(PSIM_DEVNODE Node)
{
    SimPnpDo(Rescan, Node, NULL);
}

NTSTATUS SimPnpSendStart(PSIM_DEVNODE Node)
{
    return SimPnpDo(Start, Node, NULL);
}

VOID SimPnpStart(VOID)
{
    Serial = RootDevices = 0;
    PnpDriver = SimDriverCreate("PnpManager", RootDispatch);
    SimPnpActionsStart();
}

VOID SimPnpStop(VOID)
{
    while (Nodes) {
        PSIM_DEVNODE node = Nodes;
        if (!node->Gone)
            SimBug("device %s is still there at the end", node->Path);
        Nodes = node->Next;
        free(node);
    }
    SimPnpActionsStop();
    SimObDereference(PnpDriver);
}
