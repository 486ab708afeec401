/* SPDX-License-Identifier: MIT */
/* The device node, eject and its vetoes, who holds a volume, what a shutdown does. */
#include "rig.h"
#include <ntsim/observe.h>
#include <ntdddisk.h>
#include <ntddstor.h>

static PROVIDER P;

static void Start(uint32_t flags)
{
    struct platter_volume_create_in shape;

    RigStart(RigPnp);
    shape = ShapeDefault(MIB);
    shape.flags = flags;
    ProviderStart(&P, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&P, &shape));
}

static void Stop(void)
{
    ProviderStop(&P);
    RigStop();
}

static NTSTATUS Send(ULONG code)
{
    HANDLE volume;
    NTSTATUS status = SimOpen(Rig.User, P.Device, GENERIC_READ, &volume);

    if (!NT_SUCCESS(status))
        return status;
    status = SimIoctl(Rig.User, volume, code, NULL, 0, NULL, 0, NULL);
    SimClose(Rig.User, volume);
    SimSettle();
    return status;
}

/* A file system that is mounted and not locked says no; locked, dismounted, raw, or of a read-only volume, it does not. */
static void eject_asks_the_file_system(void **state)
{
    static const ULONG codes[] = {IOCTL_STORAGE_EJECT_MEDIA, IOCTL_DISK_EJECT_MEDIA};
    static const struct {
        USHORT Vpb;
        uint32_t Flags;
        BOOLEAN May;
    } cases[] = {
        {VPB_MOUNTED, 0, FALSE}, {VPB_MOUNTED | VPB_LOCKED, 0, TRUE},    {0, 0, TRUE},
        {VPB_LOCKED, 0, TRUE},   {VPB_MOUNTED | VPB_RAW_MOUNT, 0, TRUE}, {VPB_MOUNTED, PLATTER_VOLUME_READ_ONLY, TRUE},
    };

    (void)state;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            Start(cases[i].Flags);
            SimVolumeFileSystem(SimDeviceByName(P.Device), cases[i].Vpb);
            assert_status(cases[i].May ? STATUS_SUCCESS : STATUS_DEVICE_BUSY, Send(codes[k]));
            assert_int_equal(CtlCount(Rig.User), cases[i].May ? 0 : 1);
            if (!cases[i].May) { /* and then it is locked, as Explorer does first */
                SimVolumeFileSystem(SimDeviceByName(P.Device), VPB_MOUNTED | VPB_LOCKED);
                assert_status(STATUS_SUCCESS, Send(codes[k]));
                assert_int_equal(CtlCount(Rig.User), 0);
            }
            Stop();
        }
}

/* Whether a device may go is for the file system to say, which knows the files: it is named, and the drive goes on. */
static void open_files_are_the_file_systems(void **state)
{
    char veto[128] = "", target[64];
    PSIM_DEVNODE node;
    UCHAR data[512];
    HANDLE volume;

    (void)state;
    Start(0);
    node = SimPnpChild(Rig.Bus, 0);
    SimVolumeFileSystem(SimDeviceByName(P.Device), VPB_MOUNTED);
    SimVolumeFiles(SimDeviceByName(P.Device), 2);
    for (int bus = 0; bus < 2; bus++) {
        NTSTATUS status = bus ? SimPnpQueryRemove(Rig.Bus, veto, sizeof(veto)) : SimPnpEject(node, veto, sizeof(veto));
        assert_status(STATUS_PLUGPLAY_QUERY_VETOED, status);
        assert_string_equal(veto, SimPnpInstancePath(node));
        assert_int_equal(CtlCount(Rig.User), 1);
        assert_true(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
        assert_status(STATUS_SUCCESS, SimOpen(Rig.User, P.Device, RW, &volume));
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
        assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 0, data, 512, NULL));
        SimClose(Rig.User, volume);
    }
    SimVolumeFiles(SimDeviceByName(P.Device), 0);
    assert_status(STATUS_SUCCESS, SimPnpEject(node, veto, sizeof(veto)));
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    Stop();
}

/* Without a file system nobody has files to lose: the driver has no veto of its own, and who has the sectors open gets errors. */
static void open_sectors_are_no_veto(void **state)
{
    char veto[128] = "";
    UCHAR data[512];
    HANDLE volume;

    (void)state;
    Start(0);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, P.Device, RW, &volume));
    assert_status(STATUS_SUCCESS, SimPnpEject(SimPnpChild(Rig.Bus, 0), veto, sizeof(veto)));
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    assert_status(STATUS_NO_SUCH_DEVICE, SimRead(Rig.User, volume, 0, data, 512, NULL));
    SimClose(Rig.User, volume);
    Stop();
}

static ULONG Holder(void)
{
    struct platter_volume_info info;

    assert_true(CtlInfo(Rig.User, P.VolumeId, &info));
    return info.holder_process_id;
}

/* Who has the sectors open is told by process; who only asks for properties holds nothing. */
static void who_holds_it(void **state)
{
    HANDLE a, b, c, many[8];

    (void)state;
    Start(0);
    assert_int_equal(Holder(), 0);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.Other, P.Device, FILE_READ_ATTRIBUTES | SYNCHRONIZE, &a));
    assert_int_equal(Holder(), 0);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, P.Device, GENERIC_READ, &b));
    assert_int_equal(Holder(), SimProcessId(Rig.Admin));
    assert_status(STATUS_DEVICE_BUSY, CtlRemove(Rig.User, P.Control, P.VolumeId, 0));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.System, P.Device, RW, &c));
    SimClose(Rig.Admin, b);
    assert_int_equal(Holder(), SimProcessId(Rig.System));
    SimClose(Rig.System, c);
    assert_int_equal(Holder(), 0);
    /* More than there are places for: some are told, none stays behind. */
    for (int i = 0; i < 8; i++)
        assert_status(STATUS_SUCCESS, SimOpen(i % 2 ? Rig.Admin : Rig.System, P.Device, GENERIC_READ, &many[i]));
    assert_true(Holder() != 0);
    for (int i = 0; i < 8; i++)
        SimClose(i % 2 ? Rig.Admin : Rig.System, many[i]);
    assert_int_equal(Holder(), 0);
    SimClose(Rig.Other, a);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, P.Control, P.VolumeId, 0));
    Stop();
}

static NTSTATUS Shutdown(void)
{
    SIM_KERNEL_REQUEST request = {.Major = IRP_MJ_SHUTDOWN};

    return SimKernelRequest(SimDeviceByName(P.Device), NULL, &request, NULL);
}

/* A file system sends SHUTDOWN after its last write: what was written is to be stable when it is answered. */
static void shutdown_flushes(void **state)
{
    (void)state;
    Start(0);
    assert_status(STATUS_SUCCESS, Shutdown());
    assert_int_equal(P.Flushes, 1);
    P.Conduct = ConductStatus;
    P.Status = PLATTER_STATUS_NO_SPACE;
    assert_status(STATUS_DISK_FULL, Shutdown());
    P.Conduct = ConductSilent; /* bounded, whatever the provider does */
    assert_status(STATUS_IO_DEVICE_ERROR, Shutdown());
    P.Conduct = ConductHonest;
    Stop();
    Start(PLATTER_VOLUME_READ_ONLY);
    assert_status(STATUS_SUCCESS, Shutdown());
    assert_int_equal(P.Flushes, 0);
    Stop();
}

/* Sleep, hibernation and fast startup: nothing is asked of the provider in the path of power, even one that is stuck. */
static void power_waits_for_nobody(void **state)
{
    PSIM_DEVNODE node;
    UCHAR data[512] = {1};
    HANDLE volume;
    ULONG64 before;
    PSIM_IO io;

    (void)state;
    Start(0);
    node = SimPnpChild(Rig.Bus, 0);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, P.Device, RW, &volume));
    P.Conduct = ConductSilent;
    io = SimWriteStart(Rig.User, volume, 0, data, sizeof(data));
    SimSleep(10);
    before = SimMilliseconds();
    for (int s = PowerSystemSleeping1; s < PowerSystemMaximum; s++) {
        POWER_STATE system = {.SystemState = s}, device = {.DeviceState = PowerDeviceD3};
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_QUERY_POWER, SystemPowerState, system)));
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_SET_POWER, SystemPowerState, system)));
        assert_true(NT_SUCCESS(SimPower(node, IRP_MN_SET_POWER, DevicePowerState, device)));
        assert_true(NT_SUCCESS(SimPower(Rig.Bus, IRP_MN_SET_POWER, SystemPowerState, system)));
    }
    assert_int_equal(SimMilliseconds(), before);
    assert_false(SimIoDone(io));
    SimIoCancel(io);
    assert_status(STATUS_CANCELLED, SimIoWait(io, NULL));
    SimClose(Rig.User, volume);
    Stop();
}

/* One image, several volumes: one container, named nodes; another image is another container. */
static void nodes_say_what_they_belong_to(void **state)
{
    char first[64];
    struct platter_volume_create_in shape;
    struct platter_volume_create_out out;
    struct platter_volume_info info;
    PROVIDER q;

    (void)state;
    Start(0);
    snprintf(first, sizeof(first), "%s", SimPnpContainer(SimPnpChild(Rig.Bus, 0)));
    assert_int_equal(strlen(first), 38);
    assert_true(first[0] == '{' && first[37] == '}' && strncmp(first, "{00000077-0000-", 15) == 0);
    assert_string_equal(SimPnpFriendlyName(SimPnpChild(Rig.Bus, 0)), "Photo");
    shape = ShapeDefault(MIB);
    shape.letter = 'Q';
    shape.label[0] = 0;
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, P.Control, &shape, &out));
    assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, P.Control, out.volume_id, &info));
    assert_string_equal(SimPnpContainer(SimPnpChild(Rig.Bus, 1)), first);
    assert_string_equal(SimPnpFriendlyName(SimPnpChild(Rig.Bus, 1)), "");
    assert_string_equal(SimPnpText(SimPnpChild(Rig.Bus, 1), DeviceTextDescription), "Platter volume");
    ProviderStart(&q, Rig.Other, MIB, 1);
    shape = ShapeDefault(MIB);
    shape.letter = 'R';
    assert_status(STATUS_SUCCESS, ProviderMount(&q, &shape));
    assert_string_not_equal(SimPnpContainer(SimPnpChild(Rig.Bus, 2)), first);
    ProviderStop(&q);
    Stop();
    /* An NT before Vista has no such routine. */
    RigStart(RigPnp);
    SimPropertiesHide(TRUE);
    ProviderStart(&P, Rig.User, MIB, 1);
    ProviderMountDefault(&P);
    assert_string_equal(SimPnpFriendlyName(SimPnpChild(Rig.Bus, 0)), "");
    Stop();
}

/* A PDO that is missing goes in its REMOVE: nothing of it is there when the PnP manager is done. */
static void a_device_is_deleted_in_its_remove(void **state)
{
    PDEVICE_OBJECT device;

    (void)state;
    Start(0);
    device = SimDeviceByName(P.Device);
    ObReferenceObject(device);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, P.Control, P.VolumeId, 0));
    SimSettle();
    assert_null(SimDeviceByName(P.Device));
    ObDereferenceObject(device);
    Stop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(eject_asks_the_file_system),
        RIG_TEST(open_files_are_the_file_systems),
        RIG_TEST(open_sectors_are_no_veto),
        RIG_TEST(who_holds_it),
        RIG_TEST(shutdown_flushes),
        RIG_TEST(power_waits_for_nobody),
        RIG_TEST(nodes_say_what_they_belong_to),
        RIG_TEST(a_device_is_deleted_in_its_remove),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
