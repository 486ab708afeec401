/* SPDX-License-Identifier: MIT */
/* A drive that went leaves names, registry and pool as it found them, however it went; and what is to stay, stays. */
#include "rig.h"
#include <ntsim/observe.h>
#include <ntdddisk.h>
#include <ntddstor.h>

enum { CYCLES = 100 };
typedef enum END { EndRemove, EndClose, EndKill, EndEjectPnp, EndEjectMedia, EndDisable, EndSurprise, END_KINDS } END;
static const char *const Ends[] = {"VOLUME_REMOVE", "last handle closed",        "process killed",
                                   "IRP_MN_EJECT",  "IOCTL_STORAGE_EJECT_MEDIA", "disabled, then removed",
                                   "bus unplugged"};

static NTSTATUS MountWith(PROVIDER *p, uint32_t letter, uint32_t flags, const struct platter_volume_create_in *base)
{
    struct platter_volume_create_in shape = base ? *base : ShapeDefault(MIB);

    shape.letter = letter;
    shape.flags |= flags;
    return ProviderMount(p, &shape);
}

static void EjectMedia(PROVIDER *p)
{
    HANDLE volume;

    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, p->Device, GENERIC_READ, &volume));
    assert_status(STATUS_SUCCESS, SimIoctl(Rig.User, volume, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL));
    SimClose(Rig.User, volume);
}

static void Finish(PROVIDER *p, END how)
{
    PSIM_DEVNODE node = Rig.Bus ? SimPnpChild(Rig.Bus, 0) : NULL;
    char veto[64];
    NTSTATUS status;

    switch (how) {
    case EndRemove:
        assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p->Control, p->VolumeId, 0));
        break;
    case EndKill:
        ProviderKill(p);
        Rig.User = SimProcessCreate("user", SimUserPlain);
        return;
    case EndEjectPnp:
        assert_status(STATUS_SUCCESS, SimPnpEject(node, veto, sizeof(veto)));
        break;
    case EndEjectMedia:
        EjectMedia(p);
        break;
    case EndDisable:
        assert_status(STATUS_SUCCESS, SimPnpQueryRemove(node, veto, sizeof(veto)));
        SimSettle();
        break;
    case EndSurprise:
        SimPnpSurpriseRemove(Rig.Bus);
        SimSettle();
        Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
        assert_non_null(Rig.Bus);
        break;
    default:
        break;
    }
    ProviderStop(p);
}

/* Volume{...} of the global directory that leads to the device. */
static void VolumeName(const char *device, char *out, size_t bytes)
{
    char *all = SimSnapshot(), *rest = all, target[160];

    out[0] = 0;
    snprintf(target, sizeof(target), " -> %s", device);
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *name = strstr(line, "\\GLOBAL??\\Volume{"), *arrow = strstr(line, " -> ");
        if (name && arrow && !strcmp(arrow, target))
            snprintf(out, bytes, "%.*s", (int)(arrow - name), name);
    }
    free(all);
}

static void Compare(const char *before, RIG_ROUTE route, END how, int cycle)
{
    char *after = SimSnapshot();

    if (strcmp(before, after)) {
        print_message("# before:\n%s# after:\n%s", before, after);
        fail_msg("route %d, %s, cycle %d: something is left, or missing", route, Ends[how], cycle);
    }
    free(after);
}

static void a_hundred_times_in_each_way(void **state)
{
    unsigned cycles = 0;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (END how = 0; how < END_KINDS; how++) {
            int count = how == EndSurprise ? 10 : CYCLES;
            char *before = NULL;
            if (route != RigPnp && (how == EndEjectPnp || how == EndDisable || how == EndSurprise))
                continue;
            RigStart(route);
            for (int i = 0; i <= count; i++) {
                PROVIDER p;
                ProviderStart(&p, Rig.User, MIB, 1);
                assert_status(STATUS_SUCCESS, MountWith(&p, i % 3 ? 'P' : 0, 0, NULL));
                Finish(&p, how);
                SimSettle();
                assert_int_equal(CtlCount(Rig.User), 0);
                if (how == EndSurprise) /* the bus device has a new name each time */
                    assert_int_equal(SimMountStoreValues() | SimMountVolumes(), 0);
                else if (!before)
                    before = SimSnapshot(); /* after the first: what the driver keeps for good it has by now */
                else
                    Compare(before, route, how, i);
                cycles++;
            }
            free(before);
            assert_int_equal(SimMountStoreValues(), 0);
            RigStop();
        }
    print_message("# %u mounts\n", cycles);
}

/* The same provider goes on: eject, mount again, a hundred times; a fresh instance id and device each time. */
static void ejected_and_mounted_again(void **state)
{
    char veto[64], last[128] = "";
    char *before;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p); /* keeps the workers there between the others */
    before = SimSnapshot();
    for (int i = 0; i < CYCLES; i++) {
        struct platter_volume_create_in shape = ShapeDefault(MIB);
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        PSIM_DEVNODE node;
        shape.letter = 'Q';
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
        assert_int_equal(info.letter, 'Q');
        node = SimPnpChild(Rig.Bus, 1);
        assert_string_not_equal(SimPnpInstancePath(node), last);
        snprintf(last, sizeof(last), "%s", SimPnpInstancePath(node));
        assert_status(STATUS_SUCCESS, SimPnpEject(node, veto, sizeof(veto)));
        SimSettle();
        Compare(before, RigPnp, EndEjectPnp, i);
    }
    free(before);
    ProviderStop(&p);
    RigStop();
}

/* What is remembered: a stable id has its letter again, by PnP and by ioctl, after a remove and after an eject. */
static void a_stable_id_has_its_letter_again(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++)
        for (END how = 0; how <= EndEjectMedia; how++) {
            struct platter_volume_create_in shape;
            char volume[2][128] = {"", ""};
            if (route != RigPnp && how == EndEjectPnp)
                continue;
            RigStart(route);
            shape = ShapeDefault(MIB);
            for (int i = 0; i < 5; i++) {
                char name[80], target[128];
                PROVIDER p;
                ProviderStart(&p, Rig.User, MIB, 1);
                assert_status(STATUS_SUCCESS, MountWith(&p, i ? 0 : 'S', PLATTER_VOLUME_STABLE_ID, &shape));
                if (p.Info.letter != 'S')
                    fail_msg("route %d, %s, mount %d: letter %c", route, Ends[how], i, (int)p.Info.letter);
                /* Its \??\Volume{...} is the same too, so that a folder it is mounted on leads to it again. */
                VolumeName(p.Device, volume[i > 0], sizeof(volume[0]));
                assert_true(volume[0][0] != 0);
                if (i)
                    assert_string_equal(volume[0], volume[1]);
                snprintf(name, sizeof(name), "\\GLOBAL??\\S:");
                assert_true(SimLinkTarget(Rig.Other, name, target, sizeof(target)));
                assert_string_equal(target, p.Device);
                Finish(&p, how);
                SimSettle();
                assert_true(SimMountRemembers('S'));
                /* Another volume comes and goes, and takes nothing with it but its own. */
                ProviderStart(&p, Rig.User, MIB, 1);
                assert_status(STATUS_SUCCESS, MountWith(&p, 'T', 0, NULL));
                Finish(&p, how);
                SimSettle();
                assert_true(SimMountRemembers('S') && !SimMountRemembers('T'));
            }
            RigStop();
        }
}

/* Somebody else took the remembered letter meanwhile: the Mount Manager gives another, and takes nothing away. */
static void the_remembered_letter_was_taken(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        struct platter_volume_create_in shape;
        char target[128];
        PROVIDER p, q;
        RigStart(route);
        shape = ShapeDefault(MIB);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 'S', PLATTER_VOLUME_STABLE_ID, &shape));
        ProviderStop(&p);
        ProviderStart(&q, Rig.Other, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&q, 'S', 0, NULL));
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 0, PLATTER_VOLUME_STABLE_ID, &shape));
        assert_true(p.Info.letter && p.Info.letter != 'S');
        assert_true(SimLinkTarget(Rig.User, "\\??\\S:", target, sizeof(target)));
        assert_string_equal(target, q.Device);
        ProviderStop(&q);
        assert_int_equal(SimMountLetterOf(p.Device), p.Info.letter);
        ProviderStop(&p);
        RigStop();
    }
}

/* \\?\Volume{...}, which a folder mount leads through: there without a letter too, for all, and gone with the volume. */
static void the_volume_has_a_name(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        PSIM_PROCESS all[] = {NULL, NULL, NULL, NULL, NULL};
        char name[128], path[160], target[128];
        PROVIDER p;
        RigStart(route);
        all[0] = Rig.System, all[1] = Rig.Admin, all[2] = Rig.Filtered, all[3] = Rig.User, all[4] = Rig.Other;
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 0, PLATTER_VOLUME_NO_LETTER, NULL));
        VolumeName(p.Device, name, sizeof(name));
        assert_true(name[0] != 0);
        snprintf(path, sizeof(path), "\\??%s", strstr(name, "\\Volume{"));
        for (int i = 0; i < 5; i++) {
            HANDLE volume;
            assert_true(SimLinkTarget(all[i], path, target, sizeof(target)));
            assert_string_equal(target, p.Device);
            assert_status(STATUS_SUCCESS, SimOpen(all[i], path, FILE_READ_ATTRIBUTES | SYNCHRONIZE, &volume));
            SimClose(all[i], volume);
        }
        ProviderStop(&p);
        assert_false(SimLinkTarget(Rig.User, path, target, sizeof(target)));
        RigStop();
    }
}

/* "No letter", as the user left a stable id in Disk Management: it comes with none, unless one is asked for. */
static void a_letter_that_is_not_wanted(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        struct platter_volume_create_in shape;
        UCHAR id[MOUNT_ID_BYTES];
        PROVIDER p;
        RigStart(route);
        shape = ShapeDefault(MIB);
        shape.flags |= PLATTER_VOLUME_STABLE_ID;
        MountIdOf(&shape, id);
        SimMountRemember(0, id, sizeof(id));
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 0, PLATTER_VOLUME_STABLE_ID, &shape));
        assert_int_equal(p.Info.letter, 0);
        assert_int_equal(p.Info.route, PLATTER_ROUTE_NONE);
        ProviderStop(&p);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 'S', PLATTER_VOLUME_STABLE_ID, &shape));
        assert_int_equal(p.Info.letter, 'S');
        ProviderStop(&p);
        RigStop();
    }
}

/*
 * Who mounts chooses the unique id, and at the end the driver forgets it with the kernel's rights: what the Mount Manager
 * remembers of another driver's volume with those 16 bytes, or of a remembered one of ours, stays.
 */
static void ids_of_others_are_left_alone(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        struct platter_volume_create_in shape;
        UCHAR id[MOUNT_ID_BYTES];
        PROVIDER p;
        RigStart(route);
        shape = ShapeDefault(MIB);
        memcpy(shape.unique_id, "AnotherDriversId", 16);
        SimMountRemember('V', shape.unique_id, 16);
        shape.flags |= PLATTER_VOLUME_STABLE_ID;
        MountIdOf(&shape, id);
        SimMountRemember('S', id, sizeof(id));
        shape.flags &= ~(uint32_t)PLATTER_VOLUME_STABLE_ID;
        ProviderStart(&p, Rig.Other, MIB, 1);
        assert_status(STATUS_SUCCESS, MountWith(&p, 'P', 0, &shape));
        assert_int_equal(p.Info.letter, 'P');
        ProviderStop(&p);
        SimSettle();
        assert_true(SimMountRemembers('V'));
        assert_true(SimMountRemembers('S'));
        RigStop();
    }
}

/* All letters taken: an error, nothing left, no note that this id wants none. */
static void no_letter_is_free(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++) {
        char name[3] = "X:";
        PROVIDER p;
        RigStart(route);
        for (name[0] = 'A'; name[0] <= 'Z'; name[0]++)
            SimDefineDosDevice(Rig.System, name, "\\Device\\Null");
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_NO_MORE_ENTRIES, MountWith(&p, 0, 0, NULL));
        ProviderStop(&p);
        assert_int_equal(SimMountStoreValues() | SimMountVolumes(), 0);
        for (name[0] = 'A'; name[0] <= 'Z'; name[0]++)
            SimDefineDosDevice(Rig.System, name, NULL);
        RigStop();
    }
}

/* One unique id, two volumes: the second is refused while the first is there, and waits while it goes. */
static void two_of_one_id(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (uint32_t flags = 0; flags <= PLATTER_VOLUME_STABLE_ID; flags += PLATTER_VOLUME_STABLE_ID) {
            struct platter_volume_create_in shape;
            char target[128];
            PROVIDER p, q;
            RigStart(route);
            shape = ShapeDefault(MIB);
            ProviderStart(&p, Rig.User, MIB, 1);
            assert_status(STATUS_SUCCESS, MountWith(&p, 'P', flags, &shape));
            ProviderStart(&q, Rig.Other, MIB, 1);
            assert_status(STATUS_DUPLICATE_OBJECTID, MountWith(&q, 'Q', flags, &shape));
            SimSettle();
            assert_true(SimLinkTarget(Rig.User, "\\GLOBAL??\\P:", target, sizeof(target)));
            assert_string_equal(target, p.Device);
            assert_int_equal(CtlCount(Rig.User), 1);
            ProviderStop(&q);
            /* Killed, and mounted again at once. */
            ProviderStart(&q, Rig.Other, MIB, 1);
            SimClose(Rig.User, p.Control);
            assert_status(STATUS_SUCCESS, MountWith(&q, 'P', flags, &shape));
            assert_int_equal(q.Info.letter, 'P');
            ProviderFree(&p);
            SimSettle();
            assert_true(SimLinkTarget(Rig.User, "\\GLOBAL??\\P:", target, sizeof(target)));
            assert_string_equal(target, q.Device);
            ProviderStop(&q);
            RigStop();
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_hundred_times_in_each_way),
        RIG_TEST(ejected_and_mounted_again),
        RIG_TEST(a_stable_id_has_its_letter_again),
        RIG_TEST(the_remembered_letter_was_taken),
        RIG_TEST(the_volume_has_a_name),
        RIG_TEST(a_letter_that_is_not_wanted),
        RIG_TEST(no_letter_is_free),
        RIG_TEST(two_of_one_id),
        RIG_TEST(ids_of_others_are_left_alone),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
