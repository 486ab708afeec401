/* SPDX-License-Identifier: MIT */
/* Machine policy, docs/policy.md: which key decides, what each value means to whom, what a broken one means. */
#include "rig.h"

#define POLICIES "\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"
#define DEFAULTS "\\Registry\\Machine\\SYSTEM\\CurrentControlSet\\Services\\platter\\Parameters"
#define BY_POLICY ((NTSTATUS)0xC0000364) /* STATUS_ACCESS_DISABLED_BY_POLICY_OTHER */

static const ULONG Nothing = PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN;

/* The bits HELLO says, and what VOLUME_CREATE then does, writable and not. */
static void Expect(PSIM_PROCESS process, ULONG bits)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out created;
    struct platter_hello_out hello;
    HANDLE control = CtlOpen(process);

    assert_status(STATUS_SUCCESS, CtlHello(process, control, &hello));
    if (hello.policy != bits)
        fail_msg("HELLO says %x, expected %x", hello.policy, bits);
    assert_status(bits & (PLATTER_POLICY_NO_MOUNT | PLATTER_POLICY_READ_ONLY) ? BY_POLICY : STATUS_SUCCESS,
                  CtlCreateVolume(process, control, &shape, &created));
    shape.flags = PLATTER_VOLUME_READ_ONLY;
    assert_status(bits & PLATTER_POLICY_NO_MOUNT ? BY_POLICY : STATUS_SUCCESS,
                  CtlCreateVolume(process, control, &shape, &created));
    SimClose(process, control);
    SimSettle();
}

/* Users are bound by `bits`; administrators and SYSTEM by what concerns shutting down only. */
static void ExpectUsers(ULONG bits)
{
    Expect(Rig.User, bits);
    Expect(Rig.Other, bits);
    Expect(Rig.Filtered, bits);
    Expect(Rig.Admin, bits & PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN);
    Expect(Rig.System, bits & PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN);
}

static void without_a_policy_users_mount_and_write(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++) {
        RigStart(route);
        ExpectUsers(Nothing);
        RigStop();
    }
}

static void each_value_in_each_key(void **state)
{
    static const struct {
        const char *Value;
        ULONG Set, Clear; /* the bits with 0 and with 1 */
    } values[] = {
        {"WhoMayMount", PLATTER_POLICY_NO_MOUNT | PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN,
         PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN},
        {"UsersMayWrite", PLATTER_POLICY_READ_ONLY | PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN,
         PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN},
        {"UnmountOnShutdown", 0, PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN},
    };

    (void)state;
    RigStart(RigPnp);
    for (unsigned i = 0; i < 3; i++) {
        SimRegistrySetDword(DEFAULTS, values[i].Value, 0);
        ExpectUsers(values[i].Set);
        SimRegistrySetDword(DEFAULTS, values[i].Value, 1);
        ExpectUsers(values[i].Clear);
        /* The policy wins over the default, whichever says more. */
        SimRegistrySetDword(POLICIES, values[i].Value, 0);
        ExpectUsers(values[i].Set);
        SimRegistrySetDword(DEFAULTS, values[i].Value, 0);
        SimRegistrySetDword(POLICIES, values[i].Value, 1);
        ExpectUsers(values[i].Clear);
        SimRegistryDelete(DEFAULTS, values[i].Value);
        SimRegistryDelete(POLICIES, values[i].Value);
        ExpectUsers(Nothing);
    }
    SimRegistrySetDword(POLICIES, "WhoMayMount", 0);
    SimRegistrySetDword(DEFAULTS, "UsersMayWrite", 0);
    ExpectUsers(PLATTER_POLICY_NO_MOUNT | PLATTER_POLICY_READ_ONLY | Nothing);
    RigStop();
}

/* What makes no sense has the safe meaning, and a good default below does not heal it. */
static void a_broken_value_opens_nothing(void **state)
{
    static const char *const keys[] = {POLICIES, DEFAULTS};
    UCHAR bytes[300] = {1};

    (void)state;
    RigStart(RigPnp);
    for (unsigned k = 0; k < 2; k++) {
        const char *key = keys[k];
        if (k == 0)
            SimRegistrySetDword(DEFAULTS, "WhoMayMount", 1);
        SimRegistrySetDword(key, "WhoMayMount", 2);
        Expect(Rig.User, PLATTER_POLICY_NO_MOUNT | Nothing);
        SimRegistrySetDword(key, "WhoMayMount", 0xffffffff);
        Expect(Rig.User, PLATTER_POLICY_NO_MOUNT | Nothing);
        SimRegistrySetString(key, "WhoMayMount", "1");
        Expect(Rig.User, PLATTER_POLICY_NO_MOUNT | Nothing);
        SimRegistrySetString(key, "WhoMayMount", "everybody");
        Expect(Rig.User, PLATTER_POLICY_NO_MOUNT | Nothing);
        for (ULONG length = 0; length < sizeof(bytes); length += length < 8 ? 1 : 97) {
            SimRegistrySetBinary(key, "WhoMayMount", bytes, length);
            Expect(Rig.User, PLATTER_POLICY_NO_MOUNT | Nothing);
        }
        Expect(Rig.Admin, Nothing);
        SimRegistryDelete(key, "WhoMayMount");
        SimRegistryDelete(DEFAULTS, "WhoMayMount");
        SimRegistrySetString(key, "UsersMayWrite", "yes");
        Expect(Rig.User, PLATTER_POLICY_READ_ONLY | Nothing);
        SimRegistryDelete(key, "UsersMayWrite");
        SimRegistrySetString(key, "UnmountOnShutdown", "no");
        Expect(Rig.User, Nothing);
        SimRegistryDelete(key, "UnmountOnShutdown");
    }
    RigStop();
}

/* A registry that cannot be read just now gives nobody more than it would, and takes nothing from administrators. */
static void a_registry_that_fails(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out created;
    ULONG refused = 0;

    (void)state;
    RigStart(RigLink);
    SimRegistrySetDword(DEFAULTS, "WhoMayMount", 1);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 0);
    for (ULONG n = 1; n < 12; n++) {
        HANDLE control = CtlOpenHello(Rig.User);
        NTSTATUS status;
        SimFaultArm(n);
        status = CtlCreateVolume(Rig.User, control, &shape, &created);
        SimFaultArm(0);
        assert_status(BY_POLICY, status);
        SimClose(Rig.User, control);
    }
    SimRegistryDelete(POLICIES, "WhoMayMount");
    for (ULONG n = 1; n < 12; n++) {
        HANDLE control = CtlOpenHello(Rig.User);
        NTSTATUS status;
        SimFaultArm(n);
        status = CtlCreateVolume(Rig.User, control, &shape, &created);
        SimFaultArm(0);
        refused += status == BY_POLICY;
        assert_true(status == BY_POLICY || status == STATUS_SUCCESS || status == STATUS_INSUFFICIENT_RESOURCES);
        SimClose(Rig.User, control);
    }
    assert_true(refused >= 2); /* opening and reading the key that decides */
    RigStop();
}

/* A mount lives by the policy of its beginning; the next one by the new one. */
static void a_change_counts_from_the_next_mount(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    UCHAR data[512] = {1};
    HANDLE volume;
    PROVIDER p, q;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 0);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
    assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 0, data, sizeof(data), NULL));
    SimClose(Rig.User, volume);
    ProviderStart(&q, Rig.User, MIB, 1);
    shape.letter = 'Q';
    assert_status(BY_POLICY, ProviderMount(&q, &shape));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, p.VolumeId, 0));
    ProviderStop(&p);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&q, &shape));
    ProviderStop(&q);
    RigStop();
}

/* Who says HELLO is bound, as whom he acts: a service that mounts for a user mounts with that user's leave. */
static void it_binds_who_owns_the_session(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out created;
    struct platter_hello_out hello;
    HANDLE control;

    (void)state;
    RigStart(RigPnp);
    SimRegistrySetDword(POLICIES, "WhoMayMount", 0);
    control = CtlOpen(Rig.System);
    SimImpersonate(SimUserPlain, SecurityImpersonation);
    assert_status(STATUS_SUCCESS, CtlHello(Rig.System, control, &hello));
    assert_int_equal(hello.policy, PLATTER_POLICY_NO_MOUNT | Nothing);
    SimRevert();
    assert_status(BY_POLICY, CtlCreateVolume(Rig.System, control, &shape, &created));
    SimClose(Rig.System, control);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(without_a_policy_users_mount_and_write), RIG_TEST(each_value_in_each_key),
        RIG_TEST(a_broken_value_opens_nothing),           RIG_TEST(a_registry_that_fails),
        RIG_TEST(a_change_counts_from_the_next_mount),    RIG_TEST(it_binds_who_owns_the_session),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
