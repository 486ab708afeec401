/* SPDX-License-Identifier: MIT */
/* Letters: asked, taken, remembered, refused, left to the system; nothing is left behind. */
#include "rig.h"

static NTSTATUS MountLetter(PROVIDER *p, uint32_t letter, uint32_t flags, const struct platter_volume_create_in *base)
{
    struct platter_volume_create_in shape = base ? *base : ShapeDefault(MIB);

    shape.letter = letter;
    shape.flags |= flags;
    return ProviderMount(p, &shape);
}

/* The order in which a real NT kernel asked (nt-guest.md); codes that it only asks of some are not in it. */
static void is_asked_in_order(void **state)
{
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    SimSettle();
    assert_string_equal(SimMountTrace(),
                        "560038 70048 4d0008 4d0008 4d0000 4d0000 4d0018 4d000c 4d000c 4dc010 4dc010 56c008 4dc004");
    ProviderStop(&p);
    RigStop();
}

/* No memory for the question whether there is a Mount Manager is no answer: it is asked again. */
static void want_of_memory_does_not_hide_the_mount_manager(void **state)
{
    const ULONG both = PLATTER_ROUTE_BIT(PLATTER_ROUTE_PNP) | PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT);
    struct platter_hello_out hello;
    BOOLEAN fired = TRUE;

    (void)state;
    for (ULONG fault = 1; fired; fault++) {
        HANDLE control;
        NTSTATUS status;
        RigStart(RigPnp);
        control = CtlOpen(Rig.User);
        SimFaultArm(fault);
        status = CtlHello(Rig.User, control, &hello);
        fired = SimFaultFired();
        SimFaultArm(0);
        if (NT_SUCCESS(status))
            assert_int_equal(hello.routes, both);
        assert_status(STATUS_SUCCESS, CtlHello(Rig.User, control, &hello));
        assert_int_equal(hello.routes, both);
        SimClose(Rig.User, control);
        RigStop();
    }
}

static void no_letter_means_none(void **state)
{
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLinkAbsent; route++) {
        RigStart(route);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 0, PLATTER_VOLUME_NO_LETTER, NULL));
        assert_int_equal(p.Info.letter, 0);
        assert_int_equal(p.Info.state, PLATTER_STATE_RUNNING);
        assert_int_equal(SimMountLetterOf(p.Device), 0);
        for (char letter = 'A'; letter <= 'Z'; letter++) {
            char link[16], target[64];
            snprintf(link, sizeof(link), "\\GLOBAL??\\%c:", letter);
            assert_false(SimLinkTarget(Rig.User, link, target, sizeof(target)));
        }
        ProviderStop(&p);
        RigStop();
    }
}

static void the_system_chooses(void **state)
{
    PROVIDER p[3];

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLinkAbsent; route++) {
        RigStart(route);
        for (int i = 0; i < 3; i++) {
            ProviderStart(&p[i], Rig.User, MIB, 1);
            assert_status(STATUS_SUCCESS, MountLetter(&p[i], 0, 0, NULL));
            assert_true(p[i].Info.letter >= 'C' && p[i].Info.letter <= 'Z');
            for (int k = 0; k < i; k++)
                assert_int_not_equal(p[i].Info.letter, p[k].Info.letter);
        }
        for (int i = 0; i < 3; i++)
            ProviderStop(&p[i]);
        RigStop();
    }
}

/* A letter somebody else has: refused, with a status that says so, and nothing is left of the volume. */
static void a_letter_that_is_taken(void **state)
{
    char target[64];
    PROVIDER p, q;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLinkAbsent; route++) {
        RigStart(route);
        SimDefineDosDevice(Rig.System, "P:", "\\Device\\HarddiskVolume9");
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_OBJECT_NAME_COLLISION, MountLetter(&p, 'P', 0, NULL));
        assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, "\\Device\\HarddiskVolume9");
        ProviderStop(&p);
        assert_int_equal(SimMountVolumes(), 0);
        SimDefineDosDevice(Rig.System, "P:", NULL);
        /* Another volume of ours. */
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        ProviderStart(&q, Rig.Other, MIB, 1);
        assert_status(STATUS_OBJECT_NAME_COLLISION, MountLetter(&q, 'P', 0, NULL));
        ProviderStop(&q);
        assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, p.Device);
        ProviderStop(&p);
        RigStop();
    }
}

/* NoAutoMount: the suggestion is not followed, so the letter is asked for outright. */
static void without_automount(void **state)
{
    SIM_OPTIONS options = {.NoAutoMount = TRUE};
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        RigStartWith(route, &options);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 'P', 0, NULL));
        assert_int_equal(p.Info.letter, 'P');
        assert_int_equal(SimMountLetterOf(p.Device), 'P');
        ProviderStop(&p);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 0, 0, NULL));
        assert_true(p.Info.letter >= 'C');
        ProviderStop(&p);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 0, PLATTER_VOLUME_NO_LETTER, NULL));
        assert_int_equal(SimMountLetterOf(p.Device), 0);
        ProviderStop(&p);
        RigStop();
    }
}

/* A remembered letter or "no letter" for this unique id: the letter asked for now is the one it has. */
static void what_is_remembered_does_not_win(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    UCHAR id[MOUNT_ID_BYTES];
    PROVIDER p;

    (void)state;
    shape.flags |= PLATTER_VOLUME_STABLE_ID;
    MountIdOf(&shape, id);
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++)
        for (int none = 0; none < 2; none++) {
            RigStart(route);
            SimMountRemember(none ? 0 : 'K', id, sizeof(id));
            ProviderStart(&p, Rig.User, MIB, 1);
            assert_status(STATUS_SUCCESS, MountLetter(&p, 'P', PLATTER_VOLUME_STABLE_ID, &shape));
            assert_int_equal(p.Info.letter, 'P');
            assert_int_equal(SimMountLetterOf(p.Device), 'P');
            ProviderStop(&p);
            RigStop();
        }
}

/* A stable id keeps its letter from mount to mount; a fresh one is not remembered as a letter. */
static void stable_ids_are_remembered(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, MountLetter(&p, 'S', PLATTER_VOLUME_STABLE_ID, &shape));
    ProviderStop(&p);
    assert_true(SimMountRemembers('S'));
    ProviderStart(&p, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, MountLetter(&p, 0, PLATTER_VOLUME_STABLE_ID, &shape));
    assert_int_equal(p.Info.letter, 'S');
    ProviderStop(&p);
    ProviderStart(&p, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, MountLetter(&p, 'T', 0, NULL));
    ProviderStop(&p);
    assert_false(SimMountRemembers('T'));
    RigStop();
}

/* Twenty mounts: no volume, no letter stays with the Mount Manager. */
static void nothing_is_left_behind(void **state)
{
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        RigStart(route);
        for (int i = 0; i < 20; i++) {
            ProviderStart(&p, Rig.User, MIB, 1);
            assert_status(STATUS_SUCCESS, MountLetter(&p, 'P', 0, NULL));
            if (i % 2)
                ProviderKill(&p), Rig.User = SimProcessCreate("user", SimUserPlain);
            else
                ProviderStop(&p);
            assert_int_equal(SimMountVolumes(), 0);
            assert_false(SimMountRemembers('P'));
        }
        RigStop();
    }
}

/* The user changes the letter while it is mounted: LINK_DELETED and LINK_CREATED tell, the list shows it. */
static void letters_change_under_it(void **state)
{
    struct platter_volume_info info;
    HANDLE mountmgr;
    UCHAR in[256] = {0}, out[512];
    USHORT *point = (USHORT *)in;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\MountPointManager", RW, &mountmgr));
    /* DELETE_POINTS of \DosDevices\P: */
    *(ULONG *)in = 24;
    *(USHORT *)(in + 4) = 28;
    for (int i = 0; i < 14; i++)
        in[24 + 2 * i] = (UCHAR) "\\DosDevices\\P:"[i];
    assert_status(STATUS_SUCCESS, SimIoctl(Rig.Admin, mountmgr, 0x6dc004, in, 24 + 28, out, sizeof(out), NULL));
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.letter, 0);
    /* CREATE_POINT of \DosDevices\R: */
    memset(in, 0, sizeof(in));
    point[0] = 8;
    point[1] = 28;
    point[2] = 36;
    point[3] = (USHORT)(strlen(p.Device) * 2);
    for (int i = 0; i < 14; i++)
        in[8 + 2 * i] = (UCHAR) "\\DosDevices\\R:"[i];
    for (size_t i = 0; p.Device[i]; i++)
        in[36 + 2 * i] = (UCHAR)p.Device[i];
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.Admin, mountmgr, 0x6dc000, in, (ULONG)(36 + strlen(p.Device) * 2), NULL, 0, NULL));
    SimSettle();
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.letter, 'R');
    SimClose(Rig.Admin, mountmgr);
    ProviderStop(&p);
    assert_int_equal(SimMountVolumes(), 0);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(is_asked_in_order),         RIG_TEST(no_letter_means_none),
        RIG_TEST(the_system_chooses),        RIG_TEST(a_letter_that_is_taken),
        RIG_TEST(without_automount),         RIG_TEST(what_is_remembered_does_not_win),
        RIG_TEST(stable_ids_are_remembered), RIG_TEST(nothing_is_left_behind),
        RIG_TEST(letters_change_under_it),   RIG_TEST(want_of_memory_does_not_hide_the_mount_manager),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
