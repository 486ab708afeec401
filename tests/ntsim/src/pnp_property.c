/* SPDX-License-Identifier: MIT */
/* What a device node is called and counted to: the friendly name a driver gives it, its container. */
#include "internal.h"
#include "cm.h"
#include <ntsim/observe.h>
#include <strings.h>

/* What the registry keeps (Enum) of every device that was ever there, also when it is gone. */
typedef struct _RECORD {
    char Path[sizeof(((PSIM_DEVNODE)0)->Path)];
    char Name[128];
    struct _RECORD *Next;
} RECORD;

/* DEVPKEY_Device_FriendlyName and DEVPROP_TYPE_STRING (devpkey.h, devpropdef.h). */
static const GUID FriendlyName = {0xa45c254e, 0xdf1c, 0x4efd, {0x80, 0x20, 0x67, 0xd1, 0x46, 0xa8, 0x50, 0xe0}};
enum { FRIENDLY_NAME = 14, TYPE_EMPTY = 0, TYPE_STRING = 0x12 };

static RECORD *Records;
static BOOLEAN Hidden;

static RECORD *RecordOf(PSIM_DEVNODE node)
{
    for (RECORD *record = Records; record; record = record->Next)
        if (!strcmp(record->Path, node->Path))
            return record;
    return NULL;
}

VOID SimPnpRecord(PSIM_DEVNODE Node)
{
    RECORD *record;

    if (RecordOf(Node))
        return;
    record = calloc(1, sizeof(*record));
    snprintf(record->Path, sizeof(record->Path), "%s", Node->Path);
    record->Next = Records;
    Records = record;
}

ULONG SimPnpRecords(VOID)
{
    ULONG count = 0;

    for (RECORD *record = Records; record; record = record->Next)
        count++;
    return count;
}

/* "IoSetDevicePropertyData" (WDK): PASSIVE_LEVEL, a PDO; strings with their NUL. */
static NTSTATUS NTAPI SetProperty(PDEVICE_OBJECT Pdo, const void *Key, ULONG Locale, ULONG Flags, ULONG Type,
                                  ULONG Size, PVOID Data)
{
    PSIM_DEVNODE node;
    UNICODE_STRING text;
    ULONG id;
    char *narrow;

    (void)Locale;
    (void)Flags;
    SIM_ENTER(PASSIVE_LEVEL);
    node = SimDevice(Pdo)->Node;
    if (!node || !node->Path[0])
        SimBug("IoSetDevicePropertyData of a device that the PnP manager does not know");
    memcpy(&id, (const UCHAR *)Key + sizeof(GUID), sizeof(id));
    if (memcmp(Key, &FriendlyName, sizeof(GUID)) || id != FRIENDLY_NAME || (Type != TYPE_STRING && Type != TYPE_EMPTY))
        SimBug("only the friendly name is modelled");
    if (Type == TYPE_EMPTY ? Size || Data : Size < 2 || Size % 2 || ((WCHAR *)Data)[Size / 2 - 1])
        SimBug("a friendly name without its NUL, or none with something");
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    RecordOf(node)->Name[0] = 0;
    if (Type == TYPE_EMPTY)
        return STATUS_SUCCESS;
    RtlInitUnicodeString(&text, Data);
    narrow = SimNarrow(&text);
    snprintf(RecordOf(node)->Name, sizeof(Records->Name), "%s", narrow);
    free(narrow);
    return STATUS_SUCCESS;
}

PVOID NTAPI MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    char *name;
    BOOLEAN known;

    SIM_ENTER(PASSIVE_LEVEL);
    name = SimNarrow(SystemRoutineName);
    known = !strcmp(name, "IoSetDevicePropertyData") && !Hidden;
    free(name);
    return known ? (PVOID)(ULONG_PTR)SetProperty : NULL;
}

const char *SimPnpFriendlyName(PSIM_DEVNODE Node)
{
    RECORD *record = RecordOf(Node);

    return record ? record->Name : "";
}

VOID SimPropertiesHide(BOOLEAN Hidden_)
{
    Hidden = Hidden_;
}

VOID SimPropertiesStop(VOID)
{
    while (Records) {
        RECORD *record = Records;
        Records = record->Next;
        free(record);
    }
    Hidden = FALSE;
}

static char Container[64];

static NTSTATUS AskContainer(PSIM_DEVNODE node, PVOID context)
{
    IO_STACK_LOCATION at;
    UNICODE_STRING text;
    ULONG_PTR answer = 0;
    char *narrow;
    NTSTATUS status;

    (void)context;
    Container[0] = 0;
    memset(&at, 0, sizeof(at));
    at.MajorFunction = IRP_MJ_PNP;
    at.MinorFunction = IRP_MN_QUERY_ID;
    at.Parameters.QueryId.IdType = BusQueryContainerID;
    status = SimPnpIrp(node->Pdo, &at, &answer);
    if (!NT_SUCCESS(status) || !answer)
        return status;
    RtlInitUnicodeString(&text, (PCWSTR)answer);
    narrow = SimNarrow(&text);
    snprintf(Container, sizeof(Container), "%s", narrow);
    free(narrow);
    ExFreePoolWithTag((PVOID)answer, 0);
    return STATUS_SUCCESS;
}

const char *SimPnpContainer(PSIM_DEVNODE Node)
{
    SimPnpDo(AskContainer, Node, NULL);
    return Container;
}
