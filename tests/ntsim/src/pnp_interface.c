/* SPDX-License-Identifier: MIT */
/*
 * Device interfaces and who hears of them. The Mount Manager hears inside IoSetDeviceInterfaceState, as a real NT
 * kernel was seen to do (nt-guest.md); Windows tells it in a thread of its own, which half of the seeds do.
 */
#include "internal.h"
#include <strings.h>

typedef struct _SIM_INTERFACE {
    GUID Class;
    char Link[260]; /* \??\... */
    PSIM_DEVNODE Node;
    BOOLEAN Enabled, Untold; /* Untold: enabled while the device has not started yet */
    struct _SIM_INTERFACE *Next;
} SIM_INTERFACE;

static SIM_INTERFACE *Interfaces;
static void (*Listener)(const GUID *, const char *, BOOLEAN);
static const GUID MountedDevice = {0x53F5630D, 0xB6BF, 0x11D0, {0x94, 0xF2, 0x00, 0xA0, 0xC9, 0x1E, 0xFB, 0x8B}};

typedef struct _NEWS {
    char Link[260];
    BOOLEAN Arrival;
    struct _NEWS *Next;
} NEWS;
static NEWS *FirstNews, **LastNews = &FirstNews;
static BOOLEAN Telling;

/* One after the other, in the order they came. */
static VOID TellMountManager(PVOID context)
{
    NEWS *news;

    (void)context;
    if (Telling)
        return;
    Telling = TRUE;
    while ((news = FirstNews)) {
        FirstNews = news->Next;
        if (!FirstNews)
            LastNews = &FirstNews;
        if (news->Arrival)
            SimMountArrival(news->Link);
        else
            SimMountDeparture(news->Link);
        free(news);
    }
    Telling = FALSE;
}

static VOID Tell(SIM_INTERFACE *i, BOOLEAN arrival)
{
    SimNote("ntsim: interface %s %s\n", i->Link, arrival ? "arrives" : "leaves");
    if (Listener)
        Listener(&i->Class, i->Link, arrival);
    if (!memcmp(&i->Class, &MountedDevice, sizeof(GUID))) {
        NEWS *news = calloc(1, sizeof(*news));
        snprintf(news->Link, sizeof(news->Link), "%s", i->Link);
        news->Arrival = arrival;
        *LastNews = news;
        LastNews = &news->Next;
        if (Sim.Options.Seed % 2)
            SimWorkQueue(TellMountManager, NULL);
        else
            TellMountManager(NULL);
    }
}

static NTSTATUS Switch(SIM_INTERFACE *i, BOOLEAN enable)
{
    char path[300], target[128];
    PSIM_OBJECT device;
    NTSTATUS status = STATUS_SUCCESS;

    if (i->Enabled == enable)
        return enable ? STATUS_OBJECT_NAME_EXISTS : STATUS_OBJECT_NAME_NOT_FOUND;
    snprintf(path, sizeof(path), "\\GLOBAL??\\%s", i->Link + 4);
    if (enable) {
        device = SimObFind(i->Node->Pdo);
        if (!device->Name)
            SimBug("an interface is enabled on a PDO without a name");
        snprintf(target, sizeof(target), "\\Device\\%s", device->Name);
        status = SimObMakeLink(NULL, path, target, FALSE);
    } else {
        status = SimObDeleteLink(NULL, path);
    }
    if (NT_SUCCESS(status)) {
        BOOLEAN untold = i->Untold;
        i->Enabled = enable;
        /* "IoSetDeviceInterfaceState" (WDK): nobody hears of an arrival before START_DEVICE has completed. */
        i->Untold = enable && !i->Node->Started;
        if (!i->Untold && !untold)
            Tell(i, enable);
    }
    return status;
}

VOID SimInterfacesStarted(PSIM_DEVNODE Node)
{
    for (SIM_INTERFACE *i = Interfaces; i; i = i->Next)
        if (i->Node == Node && i->Untold) {
            i->Untold = FALSE;
            Tell(i, TRUE);
        }
}

NTSTATUS NTAPI IoRegisterDeviceInterface(PDEVICE_OBJECT PhysicalDeviceObject, CONST GUID *InterfaceClassGuid,
                                         PUNICODE_STRING ReferenceString, PUNICODE_STRING SymbolicLinkName)
{
    PSIM_DEVNODE node;
    SIM_INTERFACE *i;
    char link[260];
    size_t used;

    SIM_ENTER(PASSIVE_LEVEL);
    node = SimDevice(PhysicalDeviceObject)->Node;
    if (ReferenceString)
        SimBug("interfaces with a reference string are not modelled");
    if (!node || !node->Path[0])
        return STATUS_INVALID_DEVICE_REQUEST;
    if (SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    used = (size_t)snprintf(link, sizeof(link), "\\??\\%s", node->Path);
    for (char *c = link + 4; *c; c++)
        if (*c == '\\')
            *c = '#';
    snprintf(link + used, sizeof(link) - used, "#{%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}",
             InterfaceClassGuid->Data1, InterfaceClassGuid->Data2, InterfaceClassGuid->Data3,
             InterfaceClassGuid->Data4[0], InterfaceClassGuid->Data4[1], InterfaceClassGuid->Data4[2],
             InterfaceClassGuid->Data4[3], InterfaceClassGuid->Data4[4], InterfaceClassGuid->Data4[5],
             InterfaceClassGuid->Data4[6], InterfaceClassGuid->Data4[7]);
    for (i = Interfaces; i && strcasecmp(i->Link, link); i = i->Next)
        ;
    if (!i) {
        i = calloc(1, sizeof(*i));
        snprintf(i->Link, sizeof(i->Link), "%s", link);
        i->Class = *InterfaceClassGuid;
        i->Next = Interfaces;
        Interfaces = i;
    }
    i->Node = node;
    used = strlen(link);
    SymbolicLinkName->Buffer = SimPoolAllocate((used + 1) * sizeof(WCHAR), 'fIoI');
    for (size_t k = 0; k <= used; k++)
        SymbolicLinkName->Buffer[k] = (WCHAR)(UCHAR)link[k];
    SymbolicLinkName->Length = (USHORT)(used * sizeof(WCHAR));
    SymbolicLinkName->MaximumLength = (USHORT)((used + 1) * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI IoSetDeviceInterfaceState(PUNICODE_STRING SymbolicLinkName, BOOLEAN Enable)
{
    char *link;
    SIM_INTERFACE *i;
    NTSTATUS status;

    SIM_ENTER(PASSIVE_LEVEL);
    SimCheckWaitAllowed(__func__, TRUE);
    if (Enable && SIM_FAULT())
        return STATUS_INSUFFICIENT_RESOURCES;
    link = SimNarrow(SymbolicLinkName);
    for (i = Interfaces; i && strcasecmp(i->Link, link); i = i->Next)
        ;
    free(link);
    if (!i)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    Sim.Current->Depth++;
    status = i->Node->Gone && Enable ? STATUS_INVALID_DEVICE_REQUEST : Switch(i, Enable);
    Sim.Current->Depth--;
    return status;
}

/* A device that goes takes its interfaces with it, disabled or not by its driver. */
VOID SimInterfacesOff(PSIM_DEVNODE Node)
{
    for (SIM_INTERFACE *i = Interfaces; i; i = i->Next)
        if (i->Node == Node && i->Enabled)
            Switch(i, FALSE);
}

ULONG SimPnpInterfaces(const GUID *Class, char (*Names)[260], ULONG Room)
{
    ULONG count = 0;

    for (SIM_INTERFACE *i = Interfaces; i; i = i->Next)
        if (i->Enabled && !memcmp(&i->Class, Class, sizeof(GUID))) {
            if (count < Room)
                snprintf(Names[count], sizeof(Names[count]), "%s", i->Link);
            count++;
        }
    return count;
}

VOID SimPnpListen(void (*Listener_)(const GUID *Class, const char *Link, BOOLEAN Arrival))
{
    Listener = Listener_;
}

VOID SimInterfacesStop(VOID)
{
    while (Interfaces) {
        SIM_INTERFACE *i = Interfaces;
        if (i->Enabled)
            SimBug("interface %s is still enabled at the end", i->Link);
        Interfaces = i->Next;
        free(i);
    }
    Listener = NULL;
}
