/* SPDX-License-Identifier: MIT */
/* A handle is closed while calls through it are on their way, under many schedules: each call ends. */
#include "rig.h"

enum { SCHEDULES = 250 };

static void closed_while_workers_come(void **state)
{
    PROVIDER p;

    (void)state;
    for (ULONG seed = 1; seed <= SCHEDULES; seed++) {
        RigStartWith(RigExplicit, &(SIM_OPTIONS){.Seed = seed});
        ProviderStart(&p, Rig.User, 64 * 1024, 3);
        for (ULONG i = SimRandom(12); i; i--)
            SimYieldNow();
        ProviderStop(&p);
        RigStop();
    }
}

static void closed_while_volumes_are_made(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
    struct platter_volume_create_out out;
    PROVIDER p;

    (void)state;
    for (ULONG seed = 1; seed <= SCHEDULES; seed++) {
        RigStartWith(RigExplicit, &(SIM_OPTIONS){.Seed = seed});
        ProviderStart(&p, Rig.User, 64 * 1024, 2);
        if (CtlCreateVolume(Rig.User, p.Control, &shape, &out) != STATUS_SUCCESS)
            SimBug("VOLUME_CREATE fails");
        for (ULONG i = SimRandom(12); i; i--)
            SimYieldNow();
        ProviderStop(&p);
        assert_int_equal(CtlCount(Rig.User), 0);
        RigStop();
    }
}

static void Ejecting(void *context)
{
    char veto[64];

    (void)context;
    SimPnpEject(SimPnpChild(Rig.Bus, 0), veto, sizeof(veto));
}

/*
 * Ejected, and the provider's handle closed: the PnP manager finds the child missing and sends REMOVE while the work item is
 * still withdrawing it. Both bring the volume to its end at once, and nobody but it keeps the session.
 */
static void ejected_when_the_handle_is_closed(void **state)
{
    PSIM_THREAD thread;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    SimStall("is being removed", 20); /* the ejection waits until the handle is closed */
    SimStall("IoInvalidateDeviceRelations", 50);
    SimStall("is gone", 100);
    thread = SimThreadCreate(Rig.System, "ejecting", Ejecting, NULL);
    SimSleep(10);
    ProviderStop(&p);
    SimThreadJoin(thread);
    SimSettle();
    assert_int_equal(SimPnpChildren(Rig.Bus), 0);
    assert_int_equal(CtlCount(Rig.Other), 0);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(closed_while_workers_come),
        RIG_TEST(closed_while_volumes_are_made),
        RIG_TEST(ejected_when_the_handle_is_closed),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
