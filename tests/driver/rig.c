/* SPDX-License-Identifier: MIT */
#include "rig.h"
#include <ntsim/reuse.h>

RIG Rig;
static USHORT FreshId;

int RigSetup(void **state)
{
    SimTestName(*state);
    return 0;
}

static SIM_OPTIONS OptionsFor(RIG_ROUTE route, const SIM_OPTIONS *options)
{
    SIM_OPTIONS all = options ? *options : (SIM_OPTIONS){0};

    all.MountManager = route == RigLink || route == RigPnpLink ? SimMountManagerNotSupported
                       : route == RigLinkAbsent                ? SimMountManagerAbsent
                                                               : SimMountManagerNormal;
    return all;
}

static void Load(RIG_ROUTE route)
{
    NTSTATUS status = SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver);

    Rig.Route = route;
    if (!NT_SUCCESS(status))
        SimBug("DriverEntry: %08x", status);
    if (route == RigPnp || route == RigPnpLink) {
        Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
        if (!Rig.Bus)
            SimBug("the bus does not start: %08x", status);
    }
}

static void Unload(void)
{
    SimSettle();
    if (Rig.Bus)
        SimPnpRemove(Rig.Bus);
    Rig.Bus = NULL;
    SimSettle();
    SimDriverUnload(Rig.Driver);
}

BOOLEAN RigReuse(RIG_ROUTE Route, const SIM_OPTIONS *Options)
{
    SIM_OPTIONS options = OptionsFor(Route, Options);
    BOOLEAN anew = (BOOLEAN)(Route != Rig.Route); /* the driver finds out once which it is */

    if (anew)
        Unload();
    SimReuse(&options);
    if (anew)
        Load(Route);
    FreshId = 0;
    return anew;
}

void RigStartWith(RIG_ROUTE Route, const SIM_OPTIONS *Options)
{
    SIM_OPTIONS options = OptionsFor(Route, Options);

    SimStart(&options);
    FreshId = 0; /* what a machine does must not depend on those before it */
    memset(&Rig, 0, sizeof(Rig));
    Rig.System = SimProcessCreate("service", SimUserSystem);
    Rig.Admin = SimProcessCreate("admin", SimUserAdmin);
    Rig.Filtered = SimProcessCreate("filtered", SimUserAdminFiltered);
    Rig.User = SimProcessCreate("user", SimUserPlain);
    Rig.Other = SimProcessCreate("other", SimUserOther);
    Rig.Anonymous = SimProcessCreate("anonymous", SimUserAnonymous);
    Load(Route);
}

void RigStart(RIG_ROUTE Route)
{
    RigStartWith(Route, NULL);
}

void RigStop(void)
{
    Unload();
    SimStop();
}

ULONG RigSeeds(ULONG Usual)
{
    const char *asked = getenv("NTSIM_SEEDS");

    if (getenv("NTSIM_SEED"))
        return 1;
    return asked ? (ULONG)strtoul(asked, NULL, 0) : Usual;
}

HANDLE RigOpenP(PSIM_PROCESS Process)
{
    HANDLE volume;
    NTSTATUS status = SimOpen(Process, "\\\\.\\P:", RW, &volume);

    if (status != STATUS_SUCCESS)
        SimBug("P: cannot be opened: %08x", status);
    return volume;
}

HANDLE CtlOpen(PSIM_PROCESS Process)
{
    HANDLE control;
    NTSTATUS status = SimOpen(Process, PLATTER_CONTROL_WIN32_NAME, RW, &control);

    if (!NT_SUCCESS(status))
        SimBug("the control device cannot be opened: %08x", status);
    return control;
}

NTSTATUS CtlHello(PSIM_PROCESS Process, HANDLE Control, struct platter_hello_out *Out)
{
    struct platter_hello_in in = {PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION, {0, 0}};
    struct platter_hello_out out;

    return SimIoctl(Process, Control, PLATTER_IOCTL_HELLO, &in, sizeof(in), Out ? Out : &out, sizeof(out), NULL);
}

HANDLE CtlOpenHello(PSIM_PROCESS Process)
{
    HANDLE control = CtlOpen(Process);
    NTSTATUS status = CtlHello(Process, control, NULL);

    if (status != STATUS_SUCCESS)
        SimBug("HELLO: %08x", status);
    return control;
}

struct platter_volume_create_in ShapeDefault(ULONG64 Bytes)
{
    struct platter_volume_create_in shape;

    memset(&shape, 0, sizeof(shape));
    shape.length_bytes = Bytes;
    shape.sector_size = 512;
    shape.physical_sector_size = 4096;
    shape.letter = 'P';
    shape.unique_id[0] = 0x77;
    FreshId++;
    shape.unique_id[14] = (uint8_t)(FreshId >> 8);
    shape.unique_id[15] = (uint8_t)FreshId;
    for (unsigned i = 0; i < 5; i++)
        shape.label[i] = (uint16_t) "Photo"[i];
    for (unsigned i = 0; i < 12; i++)
        shape.image_name[i] = (uint16_t) "C:\\photo.vhd"[i];
    return shape;
}

void MountIdOf(const struct platter_volume_create_in *Shape, UCHAR Id[MOUNT_ID_BYTES])
{
    memcpy(Id, Shape->flags & PLATTER_VOLUME_STABLE_ID ? "PlatterS" : "PlatterF", 8);
    memcpy(Id + 8, Shape->unique_id, 16);
}

NTSTATUS CtlCreateVolume(PSIM_PROCESS Process, HANDLE Control, const struct platter_volume_create_in *In,
                         struct platter_volume_create_out *Out)
{
    return SimIoctl(Process, Control, PLATTER_IOCTL_VOLUME_CREATE, In, sizeof(*In), Out, sizeof(*Out), NULL);
}

NTSTATUS CtlStartVolume(PSIM_PROCESS Process, HANDLE Control, ULONG64 Id, struct platter_volume_info *Info)
{
    struct platter_volume_start_in in = {Id, 0, 0};

    return SimIoctl(Process, Control, PLATTER_IOCTL_VOLUME_START, &in, sizeof(in), Info, sizeof(*Info), NULL);
}

NTSTATUS CtlRemove(PSIM_PROCESS Process, HANDLE Control, ULONG64 Id, ULONG Flags)
{
    struct platter_volume_remove_in in = {Id, Flags, 0};

    return SimIoctl(Process, Control, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof(in), NULL, 0, NULL);
}

/* One for each thread that may be on its way: who is set going by another one's step is to stop at its own. */
static void StallAll(void)
{
    while (SimStalls() < 3)
        SimStall("", 10);
}

void RigLead(ULONG Steps, const BOOLEAN *Done)
{
    if (Steps) {
        StallAll();
        SimSleep(5);
    }
    for (ULONG i = 1; i < Steps && !*Done; i++) {
        StallAll(); /* for those who run in five milliseconds */
        SimSleep(10);
    }
    SimStallClear();
}

BOOLEAN CtlInfo(PSIM_PROCESS Process, ULONG64 Id, struct platter_volume_info *Info)
{
    struct {
        struct platter_volume_list_out head;
        struct platter_volume_info info;
    } out;
    struct platter_volume_list_in in = {Id - 1};
    HANDLE control = CtlOpenHello(Process);
    NTSTATUS status = SimIoctl(Process, control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &out, sizeof(out), NULL);

    SimClose(Process, control);
    if (status != STATUS_SUCCESS)
        SimBug("VOLUME_LIST: %08x", status);
    if (!out.head.count || out.info.volume_id != Id)
        return FALSE;
    *Info = out.info;
    return TRUE;
}

ULONG CtlCount(PSIM_PROCESS Process)
{
    struct platter_hello_out out;
    HANDLE control = CtlOpen(Process);

    CtlHello(Process, control, &out);
    SimClose(Process, control);
    return out.volumes;
}

void DeviceNameOf(const uint16_t *Wide, char *Out, size_t Bytes)
{
    size_t i;

    for (i = 0; Wide[i] && i + 1 < Bytes; i++)
        Out[i] = (char)Wide[i];
    Out[i] = 0;
}
