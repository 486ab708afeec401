/* SPDX-License-Identifier: MIT */
/* Each call that can fail fails, one after the other, in a whole life of a volume; nothing hangs, nothing is left. */
#include "rig.h"
#include <ntddstor.h>

#define POLICIES "\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"

enum { MOST = 400 };

static NTSTATUS Life(RIG_ROUTE route, ULONG fault, BOOLEAN load, ULONG *calls)
{
    SIM_OPTIONS options = {0};
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_info info;
    HANDLE control = NULL, volume;
    UCHAR data[2048] = {0};
    NTSTATUS status;
    PROVIDER p;

    if (load) {
        options.MountManager = route == RigLink ? SimMountManagerNotSupported : SimMountManagerNormal;
        SimStart(&options);
        memset(&Rig, 0, sizeof(Rig));
        Rig.User = SimProcessCreate("user", SimUserPlain);
        SimFaultArm(fault);
        status = SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver);
        if (NT_SUCCESS(status) && route == RigPnp)
            Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
        *calls = SimFaultCalls();
        SimFaultArm(0);
        if (!Rig.Driver) {
            SimStop();
            return status;
        }
        /* What loaded works: a mount by whatever route there is now. */
        ProviderStart(&p, Rig.User, MIB, 1);
        if (ProviderMount(&p, &shape) != STATUS_SUCCESS)
            SimBug("loaded under a fault, the driver does not mount");
        ProviderStop(&p);
        RigStop();
        return status;
    }
    RigStart(route);
    ProviderStart(&p, Rig.User, MIB, 1);
    SimFaultArm(fault);
    if (SimOpen(Rig.User, "\\\\.\\Platter", RW, &control) == STATUS_SUCCESS) {
        CtlHello(Rig.User, control, NULL);
        SimClose(Rig.User, control);
    }
    status = ProviderMount(&p, &shape);
    if (status == STATUS_SUCCESS) {
        if (SimOpen(Rig.User, "\\\\.\\P:", RW, &volume) == STATUS_SUCCESS) {
            ULONG_PTR bytes;
            NTSTATUS read = SimRead(Rig.User, volume, 0, data, sizeof(data), &bytes);
            if (NT_SUCCESS(read) && (bytes != sizeof(data) || memcmp(data, p.Image, sizeof(data))))
                SimBug("a read under a fault gives other bytes");
            SimWrite(Rig.User, volume, 2048, data, sizeof(data), &bytes);
            SimFlush(Rig.User, volume);
            SimClose(Rig.User, volume);
        }
    }
    if (p.VolumeId && fault % 2)
        CtlRemove(Rig.User, p.Control, p.VolumeId, PLATTER_REMOVE_FORCE);
    SimClose(Rig.User, p.Control);
    SimSettle();
    SimSleep(40000);
    *calls = SimFaultCalls();
    SimFaultArm(0);
    ProviderFree(&p);
    SimSettle();
    if (CtlCount(Rig.User))
        SimBug("a volume is left after a fault");
    if (SimMountVolumes())
        SimBug("the Mount Manager still has the volume after a fault");
    /* And the next mount works. */
    ProviderStart(&p, Rig.User, MIB, 1);
    shape = ShapeDefault(MIB);
    if ((status = ProviderMount(&p, &shape)) != STATUS_SUCCESS)
        SimBug("the mount after a fault fails: %08x", status);
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.letter, 'P');
    ProviderStop(&p);
    RigStop();
    return STATUS_SUCCESS;
}

/* How a volume ends, and what may happen to it meanwhile. */
typedef enum WAY {
    Removed,
    Closed,
    Killed,
    EjectedByIoctl,
    EjectedByPnp,
    DisabledAndEnabled,
    Surprised,
    Slept,
    WAYS
} WAY;
static const char *const WayNames[WAYS] = {
    "VOLUME_REMOVE",  "the handle closed",    "the process killed", "EJECT_MEDIA",
    "ejected by PnP", "disabled and enabled", "surprise",           "power"};

static void End(WAY way, PROVIDER *p, PSIM_PROCESS owner)
{
    POWER_STATE state = {.SystemState = PowerSystemSleeping3};
    PSIM_DEVNODE node = SimPnpChildren(Rig.Bus) ? SimPnpChild(Rig.Bus, 0) : NULL;
    HANDLE control, volume;
    char veto[64];

    switch (way) {
    case Removed:
        if (SimOpen(Rig.Admin, PLATTER_CONTROL_WIN32_NAME, RW, &control) == STATUS_SUCCESS) {
            if (CtlHello(Rig.Admin, control, NULL) == STATUS_SUCCESS)
                CtlRemove(Rig.Admin, control, p->VolumeId, PLATTER_REMOVE_FORCE);
            SimClose(Rig.Admin, control);
        }
        break;
    case Killed:
        SimProcessKill(owner);
        break;
    case EjectedByIoctl:
        if (SimOpen(Rig.Admin, p->Device, RW, &volume) == STATUS_SUCCESS) {
            SimIoctl(Rig.Admin, volume, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL);
            SimClose(Rig.Admin, volume);
        }
        break;
    case EjectedByPnp:
        if (node)
            SimPnpEject(node, veto, sizeof(veto));
        break;
    case DisabledAndEnabled:
        if (node && NT_SUCCESS(SimPnpQueryRemove(node, veto, sizeof(veto)))) {
            SimSettle();
            SimPnpSendStart(node);
        }
        break;
    case Surprised:
        if (node)
            SimPnpSurpriseRemove(node);
        break;
    case Slept:
        if (node) {
            SimPower(node, IRP_MN_QUERY_POWER, SystemPowerState, state);
            SimPower(node, IRP_MN_SET_POWER, SystemPowerState, state);
            state.SystemState = PowerSystemWorking;
            SimPower(node, IRP_MN_SET_POWER, SystemPowerState, state);
        }
        break;
    default:
        break;
    }
    SimSettle();
}

/* The n-th call fails after the mount: the volume ends, or it is as it was; and the next mount works. */
static ULONG Ending(RIG_ROUTE route, WAY way, ULONG fault)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    PSIM_PROCESS owner;
    ULONG calls;
    PROVIDER p;

    RigStart(route);
    owner = SimProcessCreate("provider", SimUserPlain);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 1); /* asked for by each HELLO */
    ProviderStart(&p, owner, MIB, 1);
    shape.flags = fault % 2 ? PLATTER_VOLUME_STABLE_ID : 0; /* it is remembered, or forgotten */
    if (ProviderMount(&p, &shape) != STATUS_SUCCESS)
        SimBug("the mount fails without a fault");
    SimFaultArm(fault);
    if (way != Removed && way != Closed && way != Killed && !Rig.Bus)
        SimBug("%s needs the bus", WayNames[way]);
    End(way, &p, owner);
    if (way != Killed)
        SimClose(owner, p.Control);
    SimSettle();
    SimSleep(40000);
    calls = SimFaultCalls();
    SimFaultArm(0);
    ProviderFree(&p);
    SimSettle();
    if (CtlCount(Rig.User) || SimMountVolumes())
        SimBug("%s, fault %u: a volume is left", WayNames[way], fault);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    ProviderStop(&p);
    RigStop();
    return calls;
}

static void while_it_ends(void **state)
{
    (void)state;
    for (WAY way = 0; way < WAYS; way++)
        for (RIG_ROUTE route = RigPnp; route <= (way <= Killed ? RigLink : RigPnp); route++) {
            ULONG n = 1;
            while (n < MOST && Ending(route, way, n) >= n)
                n++;
            assert_in_range(n, 2, MOST - 1);
            print_message("# %s, route %d: %u calls that may fail\n", WayNames[way], route, n - 1);
        }
}

static void EachFault(RIG_ROUTE route, BOOLEAN load)
{
    ULONG calls = 0, n;

    for (n = 1; n < MOST; n++) {
        Life(route, n, load, &calls);
        if (calls < n)
            break;
    }
    assert_true(n < MOST);
    assert_true(n > (load ? 3u : 8u));
    print_message("# %u calls that may fail\n", n - 1);
}

static void while_loading(void **state)
{
    (void)state;
    EachFault(RigPnp, TRUE);
    EachFault(RigLink, TRUE);
}

static void while_mounted_by_pnp(void **state)
{
    (void)state;
    EachFault(RigPnp, FALSE);
}

static void while_mounted_explicitly(void **state)
{
    (void)state;
    EachFault(RigExplicit, FALSE);
}

static void while_mounted_by_link(void **state)
{
    (void)state;
    EachFault(RigLink, FALSE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(while_loading),         RIG_TEST(while_mounted_by_pnp), RIG_TEST(while_mounted_explicitly),
        RIG_TEST(while_mounted_by_link), RIG_TEST(while_it_ends),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
