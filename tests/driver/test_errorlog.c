/* SPDX-License-Identifier: MIT */
/* What the driver leaves in the System log when no process is left to tell. */
#include "rig.h"
#include <ntsim/observe.h>

#define GONE ((NTSTATUS)0xE8350001)
#define LATE ((NTSTATUS)0xA8350002)
#define REFUSED ((NTSTATUS)0xA8350003)
#define POLICY_KEY "\\Registry\\Machine\\SOFTWARE\\Policies\\Platter"

static void expect(ULONG index, NTSTATUS code, const char *device, const char *letter, ULONG process)
{
    char text[200] = "", wanted[200];
    NTSTATUS found = 0;

    SimSettle();
    if (SimErrorLog(index, &found, text, sizeof(text)) <= index)
        fail_msg("entry %u is not there", index);
    assert_status(code, found);
    snprintf(wanted, sizeof(wanted), "%s%s%s|%u", device, letter ? "|" : "", letter ? letter : "", process);
    assert_string_equal(text, wanted);
}

static ULONG entries(void)
{
    NTSTATUS code;
    char text[200];

    SimSettle();
    return SimErrorLog(~0u, &code, text, sizeof(text));
}

static const char *base(const char *device)
{
    return strrchr(device, '\\') + 1;
}

static void a_killed_provider_is_logged(void **state)
{
    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLink; route++)
        for (int letter = 0; letter < 2; letter++) {
            struct platter_volume_create_in shape;
            ULONG process;
            PROVIDER p;
            RigStart(route);
            ProviderStart(&p, Rig.User, MIB, 2);
            shape = ShapeDefault(MIB);
            if (!letter) {
                shape.letter = 0;
                shape.flags |= PLATTER_VOLUME_NO_LETTER;
            }
            assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
            process = SimProcessId(Rig.User);
            ProviderKill(&p);
            expect(0, GONE, base(p.Device), letter ? "P:" : "no letter", process);
            assert_int_equal(entries(), 1);
            RigStop();
        }
}

/* Unmounted by request, ejected, never started: nothing to tell. */
static void an_orderly_end_is_not(void **state)
{
    struct platter_volume_create_in shape;
    struct platter_volume_create_out out;
    HANDLE control;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    control = CtlOpenHello(Rig.User);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, p.VolumeId, 0));
    SimClose(Rig.User, control);
    ProviderStop(&p);

    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    assert_status(STATUS_SUCCESS, SimPnpEject(SimPnpNodeOf(SimDeviceByName(p.Device)), NULL, 0));
    ProviderStop(&p);

    control = CtlOpenHello(Rig.User);
    shape = ShapeDefault(MIB);
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out));
    SimClose(Rig.User, control);
    assert_int_equal(entries(), 0);
    RigStop();
}

static void the_first_late_answer_is_logged(void **state)
{
    UCHAR data[512];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
    p.Conduct = ConductSilent;
    for (int i = 0; i < 3; i++)
        assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, 512, NULL));
    expect(0, LATE, base(p.Device), "P:", SimProcessId(Rig.User));
    assert_int_equal(entries(), 1);
    SimClose(Rig.User, volume);
    p.Conduct = ConductHonest;
    ProviderStop(&p);
    RigStop();
}

/* A machine whose policy lets no user mount, and the control device of one. */
static HANDLE start_where_nobody_may(void)
{
    RigStart(RigLink);
    SimRegistrySetDword(POLICY_KEY, "WhoMayMount", 0);
    return CtlOpenHello(Rig.User);
}

static void be_refused(HANDLE control, int times)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;

    for (int i = 0; i < times; i++)
        assert_status((NTSTATUS)0xC0000364, CtlCreateVolume(Rig.User, control, &shape, &out));
}

/* By name of the device and number of the process only: what an image is called is not everybody's to read. */
static void a_refusal_is_logged_and_a_flood_is_not(void **state)
{
    HANDLE control;

    (void)state;
    control = start_where_nobody_may();
    be_refused(control, 100);
    expect(0, REFUSED, "PlatterControl", NULL, SimProcessId(Rig.User));
    assert_int_equal(entries(), 20);
    SimSleep(61000);
    be_refused(control, 100);
    assert_int_equal(entries(), 40);
    SimClose(Rig.User, control);
    RigStop();
}

/* A clock of 32 bits would take the end of the first minute for one to come, from the 25th day on. */
static void a_machine_that_has_run_for_weeks_logs(void **state)
{
    HANDLE control;

    (void)state;
    control = start_where_nobody_may();
    for (ULONG week = 0; week < 8; week++) {
        SimMachineSleep(7 * 86400 * 1000ull);
        be_refused(control, 25);
        assert_int_equal(entries(), 20 * (week + 1));
    }
    SimClose(Rig.User, control);
    RigStop();
}

/* No memory for an entry, as always on Wine: nothing is written, and all else is as it was. */
static void without_an_entry_all_else_goes_on(void **state)
{
    (void)state;
    for (ULONG fault = 1; fault < 12; fault++) {
        PROVIDER p;
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        SimFaultArm(fault);
        ProviderKill(&p);
        SimSettle();
        SimFaultArm(0);
        assert_true(entries() <= 1);
        assert_int_equal(CtlCount(Rig.System), 0);
        RigStop();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_killed_provider_is_logged),       RIG_TEST(an_orderly_end_is_not),
        RIG_TEST(the_first_late_answer_is_logged),   RIG_TEST(a_refusal_is_logged_and_a_flood_is_not),
        RIG_TEST(without_an_entry_all_else_goes_on), RIG_TEST(a_machine_that_has_run_for_weeks_logs),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
