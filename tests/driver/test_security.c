/* SPDX-License-Identifier: MIT */
/* Who may do what: the table of docs/security.md, row by row, with every kind of token. */
#include "rig.h"

#define POLICIES "\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"

enum { USERS = 6 };
static PSIM_PROCESS Process(int user)
{
    PSIM_PROCESS all[USERS] = {Rig.System, Rig.Admin, Rig.Filtered, Rig.User, Rig.Other, Rig.Anonymous};

    return all[user];
}

static void who_may_open_the_control_device(void **state)
{
    static const NTSTATUS expected[USERS] = {0, 0, 0, 0, 0, STATUS_ACCESS_DENIED};
    HANDLE control;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLinkAbsent; route++) {
        RigStart(route);
        for (int user = 0; user < USERS; user++) {
            NTSTATUS status = SimOpen(Process(user), "\\\\.\\Platter", RW, &control);
            assert_status(expected[user], status);
            if (NT_SUCCESS(status))
                SimClose(Process(user), control);
            /* Names behind the device's own are held against the same list, and do not exist. */
            status = SimOpen(Process(user), "\\\\.\\Platter\\x", RW, &control);
            assert_status(expected[user] ? expected[user] : STATUS_OBJECT_NAME_NOT_FOUND, status);
            status = SimOpen(Process(user), "\\Device\\PlatterControl\\", MAXIMUM_ALLOWED, &control);
            assert_false(NT_SUCCESS(status));
        }
        assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\Platter", WRITE_DAC, &control));
        assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\Platter", DELETE, &control));
        RigStop();
    }
}

/* Raw sectors: administrators, SYSTEM and the owner. Attributes: all. */
static void who_may_open_a_volume(void **state)
{
    static const BOOLEAN raw[USERS] = {TRUE, TRUE, FALSE, TRUE, FALSE, FALSE};
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    for (int user = 0; user < USERS; user++) {
        NTSTATUS status;
        static const ACCESS_MASK rights[] = {GENERIC_READ, GENERIC_WRITE, FILE_READ_DATA, FILE_WRITE_DATA, RW};
        for (unsigned i = 0; i < 5; i++) {
            status = SimOpen(Process(user), "\\\\.\\P:", rights[i], &volume);
            if (NT_SUCCESS(status) != raw[user])
                fail_msg("user %d, rights %x: %08x", user, rights[i], status);
            if (NT_SUCCESS(status))
                SimClose(Process(user), volume);
        }
        if (user != 5) {
            status = SimOpen(Process(user), "\\\\.\\P:", FILE_READ_ATTRIBUTES | SYNCHRONIZE, &volume);
            assert_status(STATUS_SUCCESS, status);
            SimClose(Process(user), volume);
        }
        /* A name below: no file system took it, and there is none here, whoever asks. */
        assert_false(NT_SUCCESS(SimOpen(Process(user), "\\\\.\\P:\\file", GENERIC_READ, &volume)));
    }
    assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\P:", WRITE_DAC, &volume));
    assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\P:", WRITE_OWNER, &volume));
    ProviderStop(&p);
    RigStop();
}

/* Owner's SID, administrators, SYSTEM; the filtered administrator is not one, but is himself. */
static void who_may_remove_a_volume(void **state)
{
    static const BOOLEAN may[USERS][USERS] = {
        /* by: SYSTEM admin filtered user other anonymous; the volume is of */
        [0] = {TRUE, TRUE, FALSE, FALSE, FALSE, FALSE}, [1] = {TRUE, TRUE, TRUE, FALSE, FALSE, FALSE},
        [2] = {TRUE, TRUE, TRUE, FALSE, FALSE, FALSE},  [3] = {TRUE, TRUE, FALSE, TRUE, FALSE, FALSE},
        [4] = {TRUE, TRUE, FALSE, FALSE, TRUE, FALSE},
    };

    (void)state;
    for (int owner = 0; owner < 5; owner++)
        for (int by = 0; by < 5; by++) {
            struct platter_volume_info info;
            HANDLE control;
            PROVIDER p;
            RigStart(RigLink);
            ProviderStart(&p, Process(owner), MIB, 1);
            ProviderMountDefault(&p);
            assert_true(CtlInfo(Process(by), p.VolumeId, &info));
            assert_int_equal(info.may_remove, may[owner][by]);
            /* The image's path is for those who may. */
            assert_int_equal(info.image_name[0] != 0, may[owner][by]);
            assert_int_equal(info.label[0], 'P');
            control = CtlOpenHello(Process(by));
            assert_status(may[owner][by] ? STATUS_SUCCESS : STATUS_ACCESS_DENIED,
                          CtlRemove(Process(by), control, p.VolumeId, PLATTER_REMOVE_FORCE));
            assert_int_equal(CtlCount(Rig.System), may[owner][by] ? 0 : 1);
            SimClose(Process(by), control);
            ProviderStop(&p);
            RigStop();
        }
}

/* A service that acts for a user is that user; one that may only look who he is is nobody. */
static void impersonation_counts(void **state)
{
    struct platter_volume_info info;
    HANDLE control;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    control = CtlOpenHello(Rig.System);
    SimImpersonate(SimUserOther, SecurityImpersonation);
    assert_status(STATUS_ACCESS_DENIED, CtlRemove(Rig.System, control, p.VolumeId, 0));
    SimRevert();
    SimImpersonate(SimUserAdmin, SecurityIdentification);
    assert_false(NT_SUCCESS(CtlRemove(Rig.System, control, p.VolumeId, 0)));
    SimRevert();
    SimImpersonate(SimUserAdmin, SecurityAnonymous);
    assert_false(NT_SUCCESS(CtlRemove(Rig.System, control, p.VolumeId, 0)));
    SimRevert();
    assert_true(CtlInfo(Rig.System, p.VolumeId, &info));
    SimImpersonate(SimUserPlain, SecurityImpersonation);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.System, control, p.VolumeId, 0));
    SimRevert();
    SimClose(Rig.System, control);
    ProviderStop(&p);
    RigStop();
}

/* Who says HELLO owns, whoever uses the handle afterwards. */
static void the_first_hello_owns(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE control, other;

    (void)state;
    RigStart(RigLink);
    control = CtlOpen(Rig.System);
    SimImpersonate(SimUserPlain, SecurityImpersonation);
    assert_status(STATUS_SUCCESS, CtlHello(Rig.System, control, NULL));
    SimRevert();
    assert_status(STATUS_SUCCESS, CtlHello(Rig.System, control, NULL));
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.System, control, &shape, &out));
    other = CtlOpenHello(Rig.User);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, other, out.volume_id, 0));
    SimClose(Rig.User, other);
    SimClose(Rig.System, control);
    RigStop();
}

/* A service opens the device as its user and gives the handle to a worker: owner and policy are the user's, the process is
 * the worker's, and stays it once there is a volume. */
static void a_handle_is_handed_on(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    struct platter_hello_out hello;
    struct platter_volume_info info;
    HANDLE control, given;

    (void)state;
    RigStart(RigLink);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 0);
    control = CtlOpen(Rig.System);
    SimImpersonate(SimUserAdmin, SecurityImpersonation);
    assert_status(STATUS_SUCCESS, CtlHello(Rig.System, control, &hello));
    SimRevert();
    assert_int_equal(0, hello.policy & PLATTER_POLICY_NO_MOUNT);
    assert_status(STATUS_SUCCESS, SimDuplicateHandle(Rig.System, control, Rig.Other, &given));
    assert_status(STATUS_SUCCESS, CtlHello(Rig.Other, given, &hello));
    assert_int_equal(0, hello.policy & PLATTER_POLICY_NO_MOUNT);
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.Other, given, &shape, &out));
    assert_true(CtlInfo(Rig.Admin, out.volume_id, &info));
    assert_int_equal(SimProcessId(Rig.Other), info.owner_process_id);
    assert_int_equal(1, info.may_remove);
    assert_status(STATUS_SUCCESS, CtlHello(Rig.System, control, NULL));
    assert_true(CtlInfo(Rig.Admin, out.volume_id, &info));
    assert_int_equal(SimProcessId(Rig.Other), info.owner_process_id);
    assert_true(CtlInfo(Rig.Other, out.volume_id, &info));
    assert_int_equal(0, info.may_remove);
    SimClose(Rig.System, control);
    assert_true(CtlInfo(Rig.Admin, out.volume_id, &info)); /* the worker's own handle keeps it */
    SimClose(Rig.Other, given);
    RigStop();
}

/* Two sessions of one administrator, and others: a letter that one of them has taken for itself hides ours from him
 * alone; ours lies in the directory of all. */
static void letters_are_of_the_machine(void **state)
{
    char target[128];
    PROVIDER p;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++) {
        RigStart(route);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.Filtered, "P:", "\\Device\\Subst"));
        ProviderStart(&p, Rig.Admin, MIB, 1);
        ProviderMountDefault(&p);
        assert_true(SimLinkTarget(Rig.Filtered, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, "\\Device\\Subst");
        assert_true(SimLinkTarget(Rig.Filtered, "\\GLOBAL??\\P:", target, sizeof(target)));
        assert_string_equal(target, p.Device);
        assert_true(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, p.Device);
        ProviderStop(&p);
        assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.Filtered, "P:", NULL));
        RigStop();
    }
}

/* An administrator may narrow the control device in the registry, for its class (IoCreateDeviceSecure, WDK). */
static void the_registry_overrides(void **state)
{
    /* Self-relative: D:P(A;;GA;;;SY) */
    static const UCHAR descriptor[] = {
        1, 0, 4,  0x90, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,    20, 0, 0, 0, /* DACL present, protected, at 20 */
        2, 0, 28, 0,    1, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0x10, 1,  1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
    };
    static const char *const key = "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\"
                                   "{5A3C6F1E-2D0B-4B7E-8F54-910C637DE4A8}\\Properties";
    HANDLE control;

    (void)state;
    SimStart(NULL);
    Rig.User = SimProcessCreate("user", SimUserPlain);
    Rig.System = SimProcessCreate("service", SimUserSystem);
    SimRegistrySetBinary(key, "Security", descriptor, sizeof(descriptor));
    assert_status(STATUS_SUCCESS, SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver));
    assert_status(STATUS_ACCESS_DENIED, SimOpen(Rig.User, "\\\\.\\Platter", RW, &control));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.System, "\\\\.\\Platter", RW, &control));
    SimClose(Rig.System, control);
    SimDriverUnload(Rig.Driver);
    /* One that is no descriptor never opens the door wider, nor stops the driver from loading. */
    for (ULONG cut = 0; cut < sizeof(descriptor); cut++) {
        NTSTATUS status;
        SimRegistrySetBinary(key, "Security", descriptor, cut);
        status = SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver);
        if (!NT_SUCCESS(status))
            continue;
        assert_false(SimDeviceGrants(SimDeviceByName("\\Device\\PlatterControl"), SimUserAnonymous, GENERIC_READ));
        assert_false(SimDeviceGrants(SimDeviceByName("\\Device\\PlatterControl"), SimUserPlain, WRITE_DAC));
        SimDriverUnload(Rig.Driver);
    }
    SimStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_may_open_the_control_device),
        RIG_TEST(who_may_open_a_volume),
        RIG_TEST(who_may_remove_a_volume),
        RIG_TEST(impersonation_counts),
        RIG_TEST(the_first_hello_owns),
        RIG_TEST(a_handle_is_handed_on),
        RIG_TEST(letters_are_of_the_machine),
        RIG_TEST(the_registry_overrides),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
