/* SPDX-License-Identifier: MIT */
/* Each call that can fail fails, one after the other, in a whole life of a volume; nothing hangs, nothing is left. */
#include "rig.h"

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
        RIG_TEST(while_loading),
        RIG_TEST(while_mounted_by_pnp),
        RIG_TEST(while_mounted_explicitly),
        RIG_TEST(while_mounted_by_link),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
