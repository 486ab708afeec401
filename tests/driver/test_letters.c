/* SPDX-License-Identifier: MIT */
/*
 * Letters and what is left of them: a letter that is another's by the time the volume goes, none that is free, one that
 * was refused; and what a user's own Mount Manager calls do to a mounted volume.
 */
#include "rig.h"

#define MOUNTMGR(function, access) CTL_CODE('m', function, METHOD_BUFFERED, access)
#define DELETE_POINTS MOUNTMGR(1, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
#define QUERY_POINTS MOUNTMGR(2, FILE_ANY_ACCESS)
#define NEXT_DRIVE_LETTER MOUNTMGR(4, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

static NTSTATUS MountLetter(PROVIDER *p, uint32_t letter, uint32_t flags, const struct platter_volume_create_in *base)
{
    struct platter_volume_create_in shape = base ? *base : ShapeDefault(MIB);

    shape.letter = letter;
    shape.flags |= flags;
    return ProviderMount(p, &shape);
}

/* "DefineDosDevice" (Win32): an administrator may give the letter to something else while it is ours. */
static void a_letter_given_to_another_stays_his(void **state)
{
    char target[64];
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigLink; route <= RigPnpLink; route++) {
        RigStart(route);
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "P:", NULL));
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "P:", "\\Device\\HarddiskVolume9"));
        ProviderStop(&p);
        assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, "\\Device\\HarddiskVolume9");
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "P:", NULL));
        /* Taken away altogether: the volume goes as if nothing were missing. */
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "P:", NULL));
        ProviderStop(&p);
        assert_false(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        RigStop();
    }
}

/* A refused letter leaves no trace: the Mount Manager is not asked for what is another's, nor keeps anything of it. */
static void a_refused_letter_leaves_no_trace(void **state)
{
    char target[64];
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigPnpLink; route++) {
        ULONG values;
        RigStart(route);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "P:", "\\Device\\HarddiskVolume9"));
        values = SimMountStoreValues();
        SimMountTrace();
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_OBJECT_NAME_COLLISION, MountLetter(&p, 'P', 0, NULL));
        ProviderStop(&p);
        assert_string_equal(SimMountTrace(), "");
        assert_int_equal(SimMountStoreValues(), values);
        assert_int_equal(SimMountVolumes(), 0);
        assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, "\\Device\\HarddiskVolume9");
        RigStop();
    }
}

/* All letters are taken: the mount says so and leaves nothing; without a letter it works. */
static void no_letter_is_free(void **state)
{
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigPnpLink; route++) {
        RigStart(route);
        for (char letter = 'A'; letter <= 'Z'; letter++) {
            char name[] = {letter, ':', 0};
            assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, name, "\\Device\\HarddiskVolume9"));
        }
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_NO_MORE_ENTRIES, MountLetter(&p, 0, 0, NULL));
        ProviderStop(&p);
        assert_int_equal(SimMountVolumes(), 0);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 0, PLATTER_VOLUME_NO_LETTER, NULL));
        assert_int_equal(p.Info.letter, 0);
        ProviderStop(&p);
        RigStop();
    }
}

static HANDLE OpenMountMgr(void)
{
    HANDLE handle;

    assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\MountPointManager", RW, &handle));
    return handle;
}

/* A MOUNTMGR_MOUNT_POINT that asks by the device's name (at 16) or by its unique id (at 8). Returns its bytes. */
static ULONG Ask(UCHAR *in, const char *device, const UCHAR *id)
{
    ULONG bytes = 24;

    memset(in, 0, 256);
    if (device) {
        *(ULONG *)(in + 16) = bytes;
        *(USHORT *)(in + 20) = (USHORT)(strlen(device) * 2);
        for (size_t i = 0; device[i]; i++, bytes += 2)
            in[bytes] = (UCHAR)device[i];
    } else {
        *(ULONG *)(in + 8) = bytes;
        *(USHORT *)(in + 12) = MOUNT_ID_BYTES;
        memcpy(in + bytes, id, MOUNT_ID_BYTES);
        bytes += MOUNT_ID_BYTES;
    }
    return bytes;
}

/* "IOCTL_MOUNTMGR_QUERY_POINTS", "..._DELETE_POINTS", "..._NEXT_DRIVE_LETTER" (WDK), by device name and by unique id. */
static void a_user_asks_and_deletes_points(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_info info;
    UCHAR in[256], out[1024], id[MOUNT_ID_BYTES];
    ULONG_PTR got;
    HANDLE mountmgr;
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
        RigStart(route);
        mountmgr = OpenMountMgr();
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, MountLetter(&p, 'P', 0, &shape));
        MountIdOf(&shape, id);
        for (int byid = 0; byid < 2; byid++) {
            ULONG bytes = Ask(in, byid ? NULL : p.Device, id);
            assert_status(STATUS_SUCCESS,
                          SimIoctl(Rig.Admin, mountmgr, QUERY_POINTS, in, bytes, out, sizeof(out), &got));
            assert_int_equal(*(ULONG *)(out + 4), 2); /* its letter and its \??\Volume name */
            assert_int_equal(*(ULONG *)out, got);
        }
        /* A volume that has a letter keeps it. */
        *(USHORT *)in = (USHORT)(strlen(p.Device) * 2);
        for (size_t i = 0; p.Device[i]; i++)
            in[2 + 2 * i] = (UCHAR)p.Device[i], in[3 + 2 * i] = 0;
        assert_status(STATUS_SUCCESS, SimIoctl(Rig.Admin, mountmgr, NEXT_DRIVE_LETTER, in,
                                               2 + (ULONG)strlen(p.Device) * 2, out, sizeof(out), NULL));
        assert_true(out[0] == 0 && out[1] == 'P');
        /* All of its points, by its id: the volume is told, and goes as it should all the same. */
        assert_status(STATUS_SUCCESS,
                      SimIoctl(Rig.Admin, mountmgr, DELETE_POINTS, in, Ask(in, NULL, id), out, sizeof(out), NULL));
        SimSettle();
        assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
        assert_int_equal(info.letter, 0);
        assert_int_equal(SimMountLetterOf(p.Device), 0);
        assert_int_equal(info.state, PLATTER_STATE_RUNNING);
        ProviderStop(&p);
        assert_int_equal(SimMountVolumes(), 0);
        SimClose(Rig.Admin, mountmgr);
        RigStop();
    }
}

/* MOUNTMGR_QUERY_AUTO_MOUNT is asked, never set (ntsim); a machine with it off is as it was, after mounts of all kinds. */
static void automount_is_left_alone(void **state)
{
    (void)state;
    for (int off = 0; off < 2; off++)
        for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
            SIM_OPTIONS options = {.NoAutoMount = (BOOLEAN)off};
            static const struct {
                uint32_t Letter, Flags;
            } kinds[] = {{'P', 0}, {0, 0}, {0, PLATTER_VOLUME_NO_LETTER}, {'Q', PLATTER_VOLUME_STABLE_ID}};
            RigStartWith(route, &options);
            for (int i = 0; i < 4; i++) {
                PROVIDER p;
                ProviderStart(&p, Rig.User, MIB, 1);
                assert_status(STATUS_SUCCESS, MountLetter(&p, kinds[i].Letter, kinds[i].Flags, NULL));
                assert_int_equal(p.Info.letter != 0, i != 2);
                assert_int_equal(SimMountLetterOf(p.Device), p.Info.letter);
                ProviderStop(&p);
                assert_int_equal(SimMountVolumes(), 0);
            }
            RigStop();
        }
}

typedef struct TAKER {
    const char *Target; /* of P:, which was free when the driver looked */
    BOOLEAN Took;
} TAKER;

static void Taker(void *context)
{
    TAKER *t = context;

    while (!SimMountVolumes())
        SimYieldNow();
    t->Took = NT_SUCCESS(SimDefineDosDevice(Rig.System, "P:", t->Target));
}

/* "IOCTL_MOUNTMGR_CREATE_POINT" (WDK): a name that is there is refused, also one that came to be a moment ago. */
static void a_letter_is_taken_at_the_last_moment(void **state)
{
    ULONG refused[2] = {0}, ours[2] = {0};

    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(40); seed++) {
        struct platter_volume_create_in shape = ShapeDefault(MIB);
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        BOOLEAN same = (BOOLEAN)(seed % 2); /* it is this volume that an administrator gives the letter to */
        RIG_ROUTE route = seed / 2 % 2 ? RigExplicit : RigPnp;
        SIM_OPTIONS options = {.Seed = seed, .NoAutoMount = TRUE};
        char device[64], target[64];
        TAKER taker = {"\\Device\\HarddiskVolume9", FALSE};
        PSIM_THREAD thread;
        NTSTATUS status;
        PROVIDER p;
        RigStartWith(route, &options);
        ProviderStart(&p, Rig.User, MIB, 1);
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        p.VolumeId = out.volume_id;
        DeviceNameOf(out.device_name, device, sizeof(device));
        if (same)
            taker.Target = device;
        thread = SimThreadCreate(Rig.System, "taker", Taker, &taker);
        status = CtlStartVolume(Rig.User, p.Control, out.volume_id, &info);
        SimThreadJoin(thread);
        if (status != STATUS_SUCCESS && (same || !taker.Took || status != STATUS_OBJECT_NAME_COLLISION))
            SimBug("VOLUME_START with a letter that %s: %08x", taker.Took ? "was taken" : "is free", status);
        if (status == STATUS_SUCCESS && info.letter != 'P')
            SimBug("VOLUME_START succeeds with letter %u", info.letter);
        if (status == STATUS_SUCCESS && taker.Took && !same)
            SimBug("P: is another's, and VOLUME_START succeeds");
        refused[route == RigExplicit] += status != STATUS_SUCCESS;
        ours[route == RigExplicit] += same && taker.Took;
        ProviderStop(&p);
        assert_int_equal(SimMountVolumes(), 0);
        if (taker.Took && !same) {
            assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
            assert_string_equal(target, taker.Target);
        }
        RigStop();
    }
    if (!getenv("NTSIM_SEED"))
        for (int i = 0; i < 2; i++)
            assert_true(refused[i] && ours[i]); /* the moment was hit */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_letter_given_to_another_stays_his),
        RIG_TEST(a_refused_letter_leaves_no_trace),
        RIG_TEST(no_letter_is_free),
        RIG_TEST(a_user_asks_and_deletes_points),
        RIG_TEST(automount_is_left_alone),
        RIG_TEST(a_letter_is_taken_at_the_last_moment),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
