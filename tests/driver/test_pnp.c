/* SPDX-License-Identifier: MIT */
/* The bus and its children against each Plug and Play and power request, in each state. */
#include "rig.h"

static void a_child_says_what_it_is(void **state)
{
    const DEVICE_CAPABILITIES *c;
    PSIM_DEVNODE node;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    assert_int_equal(SimPnpChildren(Rig.Bus), 0);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    assert_int_equal(SimPnpChildren(Rig.Bus), 1);
    node = SimPnpChild(Rig.Bus, 0);
    assert_true(SimPnpStarted(node));
    assert_ptr_equal(SimPnpPdo(node), SimDeviceByName(p.Device));
    assert_true(
        strncmp(SimPnpInstancePath(node), PLATTER_VOLUME_DEVICE_ID "\\", strlen(PLATTER_VOLUME_DEVICE_ID) + 1) == 0);
    assert_string_equal(SimPnpText(node, DeviceTextDescription), "Photo");
    assert_true(SimPnpText(node, DeviceTextLocationInformation)[0] != 0);
    /* "Safely Remove Hardware" lists it only with these: DEVICE_CAPABILITIES (WDK). */
    c = SimPnpCapabilities(node);
    assert_true(c->Removable && c->EjectSupported && !c->SurpriseRemovalOK && c->RawDeviceOK && c->UniqueID &&
                c->SilentInstall);
    assert_int_equal(SimDeviceByName(p.Device)->Characteristics & FILE_REMOVABLE_MEDIA, 0);
    assert_int_equal(SimDeviceByName(p.Device)->DeviceType, FILE_DEVICE_DISK);
    ProviderStop(&p);
    RigStop();
}

static void usage_is_refused_and_power_passes(void **state)
{
    static const DEVICE_USAGE_NOTIFICATION_TYPE types[] = {DeviceUsageTypePaging, DeviceUsageTypeHibernation,
                                                           DeviceUsageTypeDumpFile};
    PSIM_DEVNODE node;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    node = SimPnpChild(Rig.Bus, 0);
    for (int i = 0; i < 3; i++) {
        assert_false(NT_SUCCESS(SimPnpUsage(node, types[i], TRUE)));
        assert_true(NT_SUCCESS(SimPnpUsage(node, types[i], FALSE)));
    }
    for (int s = PowerSystemWorking; s < PowerSystemMaximum; s++) {
        POWER_STATE power = {.SystemState = s};
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_QUERY_POWER, SystemPowerState, power)));
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_SET_POWER, SystemPowerState, power)));
        assert_true(NT_SUCCESS(SimPower(Rig.Bus, IRP_MN_QUERY_POWER, SystemPowerState, power)));
        assert_true(NT_SUCCESS(SimPower(Rig.Bus, IRP_MN_SET_POWER, SystemPowerState, power)));
    }
    for (int d = PowerDeviceD0; d <= PowerDeviceD3; d++) {
        POWER_STATE power = {.DeviceState = d};
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_SET_POWER, DevicePowerState, power)));
    }
    ProviderStop(&p);
    RigStop();
}

/* CANCEL_REMOVE may come without QUERY_REMOVE, STOP and START too; the drive works after each. */
static void queries_and_their_cancels(void **state)
{
    PSIM_DEVNODE node;
    UCHAR data[512];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    node = SimPnpChild(Rig.Bus, 0);
    assert_status(STATUS_SUCCESS, SimPnpSendCancelRemove(node));
    assert_status(STATUS_SUCCESS, SimPnpSendQueryRemove(node));
    assert_status(STATUS_NO_SUCH_DEVICE, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
    assert_status(STATUS_SUCCESS, SimPnpSendCancelRemove(node));
    assert_true(NT_SUCCESS(SimPnpSendQueryStop(node)));
    assert_status(STATUS_SUCCESS, SimPnpSendCancelStop(node));
    assert_status(STATUS_SUCCESS, SimPnpSendCancelStop(Rig.Bus));
    assert_status(STATUS_SUCCESS, SimPnpSendCancelRemove(Rig.Bus));
    assert_true(NT_SUCCESS(SimPnpSendQueryStop(Rig.Bus)));
    assert_status(STATUS_SUCCESS, SimPnpSendStop(Rig.Bus));
    assert_status(STATUS_SUCCESS, SimPnpSendStart(Rig.Bus));
    assert_true(NT_SUCCESS(SimPnpSendQueryStop(node)));
    assert_status(STATUS_SUCCESS, SimPnpSendStop(node));
    assert_status(STATUS_SUCCESS, SimPnpSendStart(node));
    SimSettle();
    SimPnpRescan(Rig.Bus);
    SimPnpRescan(Rig.Bus);
    assert_int_equal(SimPnpChildren(Rig.Bus), 1);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

static void eject_takes_all_away(void **state)
{
    PSIM_DEVNODE node;
    char veto[64] = "x", target[64];
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    node = SimPnpChild(Rig.Bus, 0);
    SimPnpSetVeto(node, "notepad.exe");
    assert_status(STATUS_PLUGPLAY_QUERY_VETOED, SimPnpEject(node, veto, sizeof(veto)));
    assert_string_equal(veto, "notepad.exe");
    assert_int_equal(CtlCount(Rig.User), 1);
    assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
    SimPnpSetVeto(node, NULL);
    assert_status(STATUS_SUCCESS, SimPnpEject(node, veto, sizeof(veto)));
    SimSettle();
    assert_int_equal(SimPnpChildren(Rig.Bus), 0);
    assert_int_equal(CtlCount(Rig.User), 0);
    assert_false(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
    assert_null(SimDeviceByName(p.Device));
    assert_int_equal(SimMountVolumes(), 0);
    ProviderStop(&p);
    RigStop();
}

/* "Disable" in the device manager, then the process goes, or it is enabled again. */
static void disabled_and_enabled(void **state)
{
    PSIM_DEVNODE node;
    char veto[64], target[64];
    HANDLE volume;
    UCHAR data[512];
    PROVIDER p;

    (void)state;
    for (int again = 0; again < 2; again++) {
        RigStart(RigPnp);
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        node = SimPnpChild(Rig.Bus, 0);
        assert_status(STATUS_SUCCESS, SimPnpQueryRemove(node, veto, sizeof(veto)));
        SimSettle();
        assert_false(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
        if (again) {
            assert_status(STATUS_SUCCESS, SimPnpSendStart(node));
            SimSettle();
            assert_true(SimLinkTarget(Rig.User, "\\??\\P:", target, sizeof(target)));
            assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
            assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
            SimClose(Rig.User, volume);
        }
        ProviderStop(&p);
        assert_int_equal(SimPnpChildren(Rig.Bus), 0);
        RigStop();
    }
}

/* A handle stays open past the removal: its requests fail, REMOVE and deletion wait for it, or do not (Wine). */
static void open_handles_at_removal(void **state)
{
    (void)state;
    for (int atonce = 0; atonce < 2; atonce++)
        for (int how = 0; how < 3; how++) {
            SIM_OPTIONS options = {.SurpriseRemovesAtOnce = (BOOLEAN)atonce};
            UCHAR data[512];
            HANDLE volume;
            PSIM_IO io;
            PROVIDER p;
            RigStartWith(RigPnp, &options);
            ProviderStart(&p, Rig.User, MIB, 1);
            ProviderMountDefault(&p);
            assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\P:", RW, &volume));
            p.Conduct = ConductSilent;
            io = SimReadStart(Rig.Admin, volume, 0, data, 512);
            SimSettle();
            if (how == 0)
                SimClose(Rig.User, p.Control);
            else if (how == 1)
                assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, p.VolumeId, PLATTER_REMOVE_FORCE));
            else
                SimProcessKill(Rig.User);
            SimSettle();
            assert_true(SimIoDone(io));
            assert_status(STATUS_NO_SUCH_DEVICE, SimIoWait(io, NULL));
            assert_int_equal(CtlCount(Rig.Other), 0);
            assert_status(STATUS_NO_SUCH_DEVICE, SimRead(Rig.Admin, volume, 0, data, 512, NULL));
            assert_false(NT_SUCCESS(SimFlush(Rig.Admin, volume)));
            SimClose(Rig.Admin, volume);
            if (how == 1)
                SimClose(Rig.User, p.Control);
            ProviderFree(&p);
            SimSettle();
            assert_null(SimDeviceByName(p.Device));
            RigStop();
        }
}

/* The bus is taken away, orderly or not, with volumes in every state. */
static void the_bus_goes_first(void **state)
{
    (void)state;
    for (int orderly = 0; orderly < 2; orderly++)
        for (int open = 0; open < 2; open++) {
            struct platter_volume_create_in shape = ShapeDefault(MIB);
            struct platter_volume_create_out out;
            UCHAR data[512];
            HANDLE volume = NULL;
            PROVIDER p;
            RigStart(RigPnp);
            ProviderStart(&p, Rig.User, MIB, 2);
            ProviderMountDefault(&p);
            shape.letter = 'Q';
            assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
            if (open)
                assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\P:", RW, &volume));
            if (orderly && !open)
                SimPnpRemove(Rig.Bus);
            else
                SimPnpSurpriseRemove(Rig.Bus);
            SimSettle();
            if (open) {
                assert_false(NT_SUCCESS(SimRead(Rig.Admin, volume, 0, data, 512, NULL)));
                SimClose(Rig.Admin, volume);
            }
            ProviderStop(&p);
            Rig.Bus = NULL;
            RigStop();
        }
}

/* Bus device removed and made anew while the driver stays loaded: mounts work again, by PnP. */
static void the_bus_comes_back(void **state)
{
    NTSTATUS status;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    for (int i = 0; i < 3; i++) {
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        assert_int_equal(p.Info.route, PLATTER_ROUTE_PNP);
        ProviderStop(&p);
        SimPnpRemove(Rig.Bus);
        Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
        assert_non_null(Rig.Bus);
    }
    /* A second bus device is refused, and does no harm to the first. */
    assert_null(SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status));
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    assert_int_equal(p.Info.route, PLATTER_ROUTE_PNP);
    ProviderStop(&p);
    RigStop();
}

/* The device has gone: what is under way on it ends now and not at its deadline, whoever holds a handle. */
static void surprise_ends_what_is_pending(void **state)
{
    (void)state;
    for (int self = 0; self < 2; self++)
        for (int fetched = 0; fetched < 2; fetched++) {
            UCHAR data[2][512] = {{0}};
            HANDLE volume;
            PSIM_IO ios[2];
            ULONG64 begin;
            PROVIDER p;
            RigStart(RigPnp);
            ProviderStartBatch(&p, Rig.User, MIB, 1, PLATTER_TRANSACT_DATA_OFFSET + 8192, fetched ? 8 : 1);
            ProviderMountDefault(&p);
            volume = RigOpenP(Rig.Admin);
            p.Conduct = fetched ? ConductSilent : ConductLate;
            p.LateMs = 20000;
            for (int i = 0; i < 2; i++) /* of two, the worker that takes its time has one, and the other waits */
                ios[i] = SimReadStart(Rig.Admin, volume, (ULONG)i * 512, data[i], 512);
            SimSleep(100);
            begin = SimMilliseconds();
            SimPnpSurpriseRemove(self ? SimPnpChild(Rig.Bus, 0) : Rig.Bus);
            for (int i = 0; i < 2; i++)
                assert_status(STATUS_NO_SUCH_DEVICE, SimIoWait(ios[i], NULL));
            if (SimMilliseconds() - begin > 1000)
                SimBug("requests end %llu ms after the device has gone",
                       (unsigned long long)(SimMilliseconds() - begin));
            SimClose(Rig.Admin, volume);
            ProviderStop(&p);
            if (!self)
                Rig.Bus = NULL;
            RigStop();
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_child_says_what_it_is),
        RIG_TEST(usage_is_refused_and_power_passes),
        RIG_TEST(queries_and_their_cancels),
        RIG_TEST(eject_takes_all_away),
        RIG_TEST(disabled_and_enabled),
        RIG_TEST(open_handles_at_removal),
        RIG_TEST(the_bus_goes_first),
        RIG_TEST(the_bus_comes_back),
        RIG_TEST(surprise_ends_what_is_pending),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
