/* SPDX-License-Identifier: MIT */
/* What volumes are called: device names that do not come back where they must not, device nodes whose number is bounded. */
#include "rig.h"
#include <ntsim/observe.h>

#define ROUND 256u /* driver.h: INSTANCE_ROUND */

static NTSTATUS Mount(PROVIDER *p, PSIM_PROCESS process, uint32_t letter)
{
    struct platter_volume_create_in shape = ShapeDefault(64 * 1024);

    ProviderStart(p, process, 64 * 1024, 1);
    shape.letter = letter;
    if (!letter)
        shape.flags = PLATTER_VOLUME_NO_LETTER;
    return ProviderMount(p, &shape);
}

/* PlatterVolume{n} with a device node, which tells the Mount Manager of its end; PlatterVolume{n}-{m} without one. */
static void names_by_route(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigPnpLink; route++) {
        PROVIDER p;
        unsigned id, more;
        char rest;

        RigStart(route);
        SimSleep(1234);
        assert_status(STATUS_SUCCESS, Mount(&p, Rig.User, 'P'));
        if (route == RigExplicit) {
            assert_int_equal(sscanf(p.Device, "\\Device\\PlatterVolume%u-%u%c", &id, &more, &rest), 2);
            assert_true(more >= 1234);
        } else {
            assert_int_equal(sscanf(p.Device, "\\Device\\PlatterVolume%u%c", &id, &rest), 1);
        }
        assert_int_equal(id, p.VolumeId);
        ProviderStop(&p);
        RigStop();
    }
}

static void LoadAgain(void)
{
    NTSTATUS status;

    SimSettle();
    SimDriverUnload(Rig.Driver);
    SimSleep(50);
    status = SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver);
    if (!NT_SUCCESS(status))
        SimBug("DriverEntry: %08x", status);
}

/*
 * A Mount Manager that has not forgotten the volumes of an earlier load: the first of the next load has the same number, and is
 * not to be taken for that one, whose letter and id it would get and with whose points it would be answered.
 */
static void an_old_volume_is_another(void **state)
{
    char old[64], target[64];
    PROVIDER p;

    (void)state;
    RigStart(RigExplicit);
    SimMountKeepPoints(TRUE);
    assert_status(STATUS_SUCCESS, Mount(&p, Rig.User, 'P'));
    assert_int_equal(p.VolumeId, 1);
    snprintf(old, sizeof(old), "%s", p.Device);
    ProviderStop(&p);
    SimMountKeepPoints(FALSE);
    assert_true(SimMountKnows(old)); /* its points are still there, and lead to nothing */
    assert_null(SimDeviceByName(old));
    LoadAgain();
    /* The letter that stands for the old one is taken: said so, and nothing is made of it. */
    assert_status(STATUS_OBJECT_NAME_COLLISION, Mount(&p, Rig.User, 'P'));
    assert_int_equal(p.VolumeId, 1);
    assert_string_not_equal(p.Device, old);
    ProviderStop(&p);
    LoadAgain();
    assert_status(STATUS_SUCCESS, Mount(&p, Rig.User, 'Q'));
    assert_int_equal(p.VolumeId, 1);
    assert_int_equal(p.Info.letter, 'Q');
    assert_string_not_equal(p.Device, old);
    assert_int_equal(SimMountLetterOf(p.Device), 'Q');
    assert_int_equal(SimMountLetterOf(old), 'P');
    assert_true(SimLinkTarget(Rig.Other, "\\??\\Q:", target, sizeof(target)));
    assert_string_equal(target, p.Device);
    ProviderStop(&p);
    assert_false(SimLinkTarget(Rig.Other, "\\??\\Q:", target, sizeof(target)));
    assert_int_equal(SimMountVolumes(), 1); /* the old one, which is not ours to take away */
    RigStop();
}

static unsigned Instance(PSIM_DEVNODE node)
{
    unsigned number = 0;

    assert_int_equal(sscanf(SimPnpInstancePath(node), PLATTER_VOLUME_DEVICE_ID "\\%u", &number), 1);
    return number;
}

/* Mounts without end leave a bounded number of records in the registry, and no id comes back soon. */
static void records_are_bounded(void **state)
{
    unsigned last = 0, after;
    PROVIDER p, stays;

    (void)state;
    RigStart(RigPnp);
    assert_status(STATUS_SUCCESS, Mount(&stays, Rig.Other, 'S'));
    assert_int_equal(Instance(SimPnpChild(Rig.Bus, 0)), 1);
    last = 1;
    for (unsigned i = 0; i < ROUND + 40; i++) {
        assert_status(STATUS_SUCCESS, Mount(&p, Rig.User, 0));
        after = Instance(SimPnpChild(Rig.Bus, 1));
        assert_int_equal(after, last == ROUND ? 2 : last + 1); /* not 1, which is in use */
        last = after;
        ProviderStop(&p);
    }
    assert_int_equal(SimPnpRecords(), ROUND);
    ProviderStop(&stays);
    RigStop();
}

/* A record is used again by another image: what it is called is not what the one before was. */
static void names_of_an_earlier_image_go(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    assert_string_equal(SimPnpFriendlyName(SimPnpChild(Rig.Bus, 0)), "Photo");
    ProviderStop(&p);
    SimPnpRemove(Rig.Bus);
    Rig.Bus = NULL;
    LoadAgain(); /* the numbers begin again */
    Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, NULL);
    ProviderStart(&p, Rig.User, MIB, 1);
    shape = ShapeDefault(MIB);
    shape.label[0] = 0;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    assert_int_equal(Instance(SimPnpChild(Rig.Bus, 0)), 1);
    assert_string_equal(SimPnpFriendlyName(SimPnpChild(Rig.Bus, 0)), "");
    assert_int_equal(SimPnpRecords(), 1);
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(names_by_route),
        RIG_TEST(an_old_volume_is_another),
        RIG_TEST(records_are_bounded),
        RIG_TEST(names_of_an_earlier_image_go),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
