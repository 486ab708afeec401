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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(closed_while_workers_come),
        RIG_TEST(closed_while_volumes_are_made),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
