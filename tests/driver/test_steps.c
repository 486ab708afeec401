/* SPDX-License-Identifier: MIT */
/* Threads are led from one call of the kernel to the next, and what they look at goes away before each. */
#include "rig.h"

typedef struct LISTER {
    ULONG64 VolumeId;
    BOOLEAN Done, Listed;
    struct platter_volume_info Info;
} LISTER;

static void Lister(void *context)
{
    LISTER *l = context;

    l->Listed = CtlInfo(Rig.Other, l->VolumeId, &l->Info);
    l->Done = TRUE;
}

static void Remove(ULONG64 VolumeId)
{
    HANDLE control = CtlOpenHello(Rig.Admin);

    assert_status(STATUS_SUCCESS, CtlRemove(Rig.Admin, control, VolumeId, PLATTER_REMOVE_FORCE));
    SimClose(Rig.Admin, control);
}

/* A volume that had its place in the list, and is gone when its turn comes, is told as one that is being removed. */
static void listed_while_it_goes(void **state)
{
    LISTER lister = {0};
    ULONG removing = 0;

    (void)state;
    for (ULONG steps = 1; !lister.Done; steps++) {
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        PSIM_THREAD thread;
        PROVIDER p;
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
        SimSettle();
        lister = (LISTER){.VolumeId = p.VolumeId};
        thread = SimThreadCreate(Rig.Other, "lister", Lister, &lister);
        RigLead(steps, &lister.Done);
        if (lister.Done) { /* the last round: the list came to its end by so many steps */
            assert_true(lister.Listed);
            assert_int_equal(lister.Info.state, PLATTER_STATE_RUNNING);
            SimThreadJoin(thread);
        } else {
            Remove(p.VolumeId);
            SimThreadJoin(thread);
            if (lister.Listed && lister.Info.state != PLATTER_STATE_RUNNING &&
                lister.Info.state != PLATTER_STATE_REMOVING)
                SimBug("gone before step %u of a list, and told in state %u", steps, lister.Info.state);
            removing += lister.Listed && lister.Info.state == PLATTER_STATE_REMOVING;
            lister.Done = FALSE;
        }
        ProviderStop(&p);
        RigStop();
    }
    assert_true(removing > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(listed_while_it_goes),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
