/* SPDX-License-Identifier: MIT */
/*
 * The descriptor that an administrator gives the control device's class in the registry ("IoCreateDeviceSecure", WDK):
 * all its parts are taken; what is no descriptor keeps the driver from loading, and never opens the door wider.
 */
#include "rig.h"

#define KEY                                                                                                            \
    "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\{5A3C6F1E-2D0B-4B7E-8F54-910C637DE4A8}"           \
    "\\Properties"

/* O:BAG:SYD:P(A;;GA;;;SY)S:(ML;;NW;;;HI), by hand after [MS-DTYP] 2.4.6. */
static const UCHAR Whole[] = {
    1, 0, 0x14, 0x90, 20, 0, 0, 0, 36,   0, 0,  0, 76, 0, 0, 0,    48, 0, 0, 0,                              /* head */
    1, 2, 0,    0,    0,  0, 0, 5, 32,   0, 0,  0, 32, 2, 0, 0,                                              /* owner */
    1, 1, 0,    0,    0,  0, 0, 5, 18,   0, 0,  0,                                                           /* group */
    2, 0, 28,   0,    1,  0, 0, 0, 0,    0, 20, 0, 0,  0, 0, 0x10, 1,  1, 0, 0, 0, 0, 0, 5,  18, 0,    0, 0, /* DACL */
    2, 0, 28,   0,    1,  0, 0, 0, 0x11, 0, 20, 0, 1,  0, 0, 0,    1,  1, 0, 0, 0, 0, 0, 16, 0,  0x30, 0, 0, /* label */
};

static NTSTATUS Load(void)
{
    NTSTATUS status = SimDriverLoad(RigEntry(), PLATTER_SERVICE_NAME, &Rig.Driver);

    if (!NT_SUCCESS(status))
        Rig.Driver = NULL;
    return status;
}

static BOOLEAN Opens(SIM_USER user)
{
    return SimDeviceGrants(SimDeviceByName(PLATTER_CONTROL_DEVICE_NAME), user, GENERIC_READ | GENERIC_WRITE);
}

static void all_parts_are_taken(void **state)
{
    HANDLE control;

    (void)state;
    SimStart(NULL);
    Rig.System = SimProcessCreate("service", SimUserSystem);
    SimRegistrySetBinary(KEY, "Security", Whole, sizeof(Whole));
    assert_status(STATUS_SUCCESS, Load());
    assert_true(Opens(SimUserSystem));
    assert_false(Opens(SimUserPlain));
    assert_false(Opens(SimUserAdminFiltered));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.System, PLATTER_CONTROL_WIN32_NAME, RW, &control));
    SimClose(Rig.System, control);
    SimDriverUnload(Rig.Driver);
    SimStop();
}

/* No key, or a key with other values only: the driver's own. */
static void without_one_it_is_the_drivers_own(void **state)
{
    (void)state;
    for (int key = 0; key < 2; key++) {
        SimStart(NULL);
        if (key)
            SimRegistrySetDword(KEY, "Exclusive", 0);
        assert_status(STATUS_SUCCESS, Load());
        assert_true(Opens(SimUserPlain));
        assert_false(Opens(SimUserAnonymous));
        SimDriverUnload(Rig.Driver);
        SimStop();
    }
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    SimStart(NULL);
    SimRegistrySetDword(KEY, "Security", 1);
    assert_false(NT_SUCCESS(Load()));
    SimRegistrySetString(KEY, "Security", "D:P(A;;GA;;;WD)");
    assert_false(NT_SUCCESS(Load()));
    SimRegistryDelete(KEY, "Security");
    assert_status(STATUS_SUCCESS, Load());
    SimDriverUnload(Rig.Driver);
    SimStop();
}

/* Each byte of it turned: it loads or not, but nobody gets in who was kept out, and nothing is read outside it. */
static void each_byte_turned(void **state)
{
    (void)state;
    SimStart(NULL);
    for (size_t at = 0; at < sizeof(Whole); at++)
        for (int bit = 0; bit < 8; bit += 3) {
            UCHAR turned[sizeof(Whole)];
            memcpy(turned, Whole, sizeof(turned));
            turned[at] ^= (UCHAR)(1u << bit);
            SimRegistrySetBinary(KEY, "Security", turned, sizeof(turned));
            if (NT_SUCCESS(Load()))
                SimDriverUnload(Rig.Driver);
        }
    SimStop();
}

/* Each call that may fail does, while the override is read: the driver loads with it or not at all. */
static void faults_while_it_is_read(void **state)
{
    ULONG n, calls = ~0u;

    (void)state;
    for (n = 1; n <= calls; n++) {
        SimStart(NULL);
        SimRegistrySetBinary(KEY, "Security", Whole, sizeof(Whole));
        SimFaultArm(n);
        if (NT_SUCCESS(Load())) {
            calls = SimFaultCalls();
            SimFaultArm(0);
            assert_false(Opens(SimUserPlain));
            SimDriverUnload(Rig.Driver);
        }
        SimFaultArm(0);
        SimStop();
        assert_true(n < 100);
    }
    assert_true(n > 5);
}

/* A caller who may only be identified is told nothing of volumes and takes nothing away. */
static void identified_callers_are_told_nothing(void **state)
{
    struct platter_volume_list_in in = {0};
    UCHAR out[2048];
    HANDLE control;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    control = CtlOpenHello(Rig.System);
    for (int level = SecurityAnonymous; level <= SecurityDelegation; level++) {
        BOOLEAN may = level >= SecurityImpersonation;
        SimImpersonate(SimUserAdmin, (SECURITY_IMPERSONATION_LEVEL)level);
        assert_int_equal(NT_SUCCESS(SimIoctl(Rig.System, control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), out,
                                             sizeof(out), NULL)),
                         may);
        assert_int_equal(NT_SUCCESS(CtlHello(Rig.System, control, NULL)), may);
        SimRevert();
    }
    SimClose(Rig.System, control);
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(all_parts_are_taken),     RIG_TEST(without_one_it_is_the_drivers_own),
        RIG_TEST(what_is_none_is_refused), RIG_TEST(each_byte_turned),
        RIG_TEST(faults_while_it_is_read), RIG_TEST(identified_callers_are_told_nothing),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
