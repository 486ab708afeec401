/* SPDX-License-Identifier: MIT */
/* From load to unload: mount by each route, unmount in each way, a provider that ends in each way. */
#include "rig.h"

static void loads_and_unloads(void **state)
{
    (void)state;
    RigStart(RigPnp);
    RigStop();
    RigStart(RigLink);
    RigStop();
}

/* A kernel that does not know the flags which every later one wants of pool and mappings. */
static void runs_on_windows_7(void **state)
{
    SIM_OPTIONS options = {.Windows7 = TRUE};
    UCHAR data[4096];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStartWith(RigPnp, &options);
    ProviderStart(&p, Rig.User, MIB, 2);
    ProviderMountDefault(&p);
    volume = RigOpenP(Rig.User);
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 8192, data, sizeof(data), NULL));
    assert_memory_equal(data, p.Image + 8192, sizeof(data));
    assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 0, data, sizeof(data), NULL));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

static void MountsAt(RIG_ROUTE route, ULONG expected)
{
    PROVIDER p;
    HANDLE volume;
    UCHAR data[4096];
    ULONG_PTR bytes;
    char target[128];
    NTSTATUS status;

    RigStart(route);
    ProviderStart(&p, Rig.User, MIB, 2);
    ProviderMountDefault(&p);
    assert_int_equal(p.Info.route, expected);
    assert_int_equal(p.Info.letter, 'P');
    assert_int_equal(p.Info.state, PLATTER_STATE_RUNNING);
    assert_int_equal(p.Probes, 1);
    /* Every user, session and elevation sees the same drive. */
    PSIM_PROCESS all[] = {Rig.System, Rig.Admin, Rig.Filtered, Rig.User, Rig.Other};
    for (unsigned i = 0; i < 5; i++) {
        assert_true(SimLinkTarget(all[i], "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, p.Device);
    }
    status = SimOpen(Rig.Admin, "\\\\.\\P:", RW, &volume);
    assert_status(STATUS_SUCCESS, status);
    assert_status(STATUS_SUCCESS, SimRead(Rig.Admin, volume, 8192, data, sizeof(data), &bytes));
    assert_int_equal(bytes, sizeof(data));
    assert_memory_equal(data, p.Image + 8192, sizeof(data));
    memset(data, 0x3c, sizeof(data));
    assert_status(STATUS_SUCCESS, SimWrite(Rig.Admin, volume, 0, data, sizeof(data), &bytes));
    assert_memory_equal(data, p.Image, sizeof(data));
    SimClose(Rig.Admin, volume);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, p.VolumeId, 0));
    assert_false(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
    assert_int_equal(CtlCount(Rig.User), 0);
    ProviderStop(&p);
    RigStop();
}

static void mounts_by_pnp(void **state)
{
    (void)state;
    MountsAt(RigPnp, PLATTER_ROUTE_PNP);
}

static void mounts_by_the_explicit_route(void **state)
{
    (void)state;
    MountsAt(RigExplicit, PLATTER_ROUTE_EXPLICIT);
}

static void mounts_by_a_link_of_its_own(void **state)
{
    (void)state;
    MountsAt(RigLink, PLATTER_ROUTE_LINK);
    MountsAt(RigLinkAbsent, PLATTER_ROUTE_LINK);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(loads_and_unloads),
        RIG_TEST(runs_on_windows_7),
        RIG_TEST(mounts_by_pnp),
        RIG_TEST(mounts_by_the_explicit_route),
        RIG_TEST(mounts_by_a_link_of_its_own),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
