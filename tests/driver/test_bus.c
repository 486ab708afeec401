/* SPDX-License-Identifier: MIT */
/* The bus: its relations, its children's names, and where it stands without a Mount Manager. */
#include "rig.h"

static PROVIDER P;

/* The function device of the bus: other relations go down; children that a driver above has listed stay listed. */
static void relations_of_the_bus(void **state)
{
    IO_STACK_LOCATION at = {.Parameters.QueryDeviceRelations.Type = EjectionRelations};
    SIM_KERNEL_REQUEST request = {.Major = IRP_MJ_PNP, .Minor = IRP_MN_QUERY_DEVICE_RELATIONS, .Stack = &at};
    PDEVICE_RELATIONS before, after;
    ULONG_PTR answer = 0;
    PDEVICE_OBJECT pdo;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&P, Rig.User, MIB, 1);
    ProviderMountDefault(&P);
    pdo = SimDeviceByName(P.Device);
    assert_status(STATUS_NOT_SUPPORTED, SimKernelRequest(SimPnpPdo(Rig.Bus), NULL, &request, &answer));
    at.Parameters.QueryDeviceRelations.Type = BusRelations;
    before = ExAllocatePoolWithTag(PagedPool, sizeof(*before), 'tseT');
    before->Count = 1;
    before->Objects[0] = SimDeviceByName(PLATTER_CONTROL_DEVICE_NAME); /* stands for somebody's child */
    answer = (ULONG_PTR)before;
    assert_status(STATUS_SUCCESS, SimKernelRequest(SimPnpPdo(Rig.Bus), NULL, &request, &answer));
    after = (PDEVICE_RELATIONS)answer;
    assert_ptr_not_equal(after, before);
    assert_int_equal(after->Count, 2);
    assert_ptr_equal(after->Objects[0], SimDeviceByName(PLATTER_CONTROL_DEVICE_NAME));
    assert_ptr_equal(after->Objects[1], pdo);
    ObDereferenceObject(pdo);
    ExFreePoolWithTag(after, 0);
    ProviderStop(&P);
    RigStop();
}

/* A label of the mounter's is the device's description; without one it still has one. */
static void a_drive_without_a_label(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);

    (void)state;
    memset(shape.label, 0, sizeof(shape.label));
    RigStart(RigPnp);
    ProviderStart(&P, Rig.User, MIB, 1);
    assert_status(STATUS_SUCCESS, ProviderMount(&P, &shape));
    assert_true(SimPnpText(SimPnpChild(Rig.Bus, 0), DeviceTextDescription)[0] != 0);
    ProviderStop(&P);
    RigStop();
}

/* Wine: the bus is there, the Mount Manager does not answer. The letter is a link, and goes and comes with the device. */
static void the_bus_without_a_mount_manager(void **state)
{
    char veto[64], target[64];
    PSIM_DEVNODE node;
    UCHAR data[512];
    HANDLE volume;

    (void)state;
    RigStart(RigPnpLink);
    ProviderStart(&P, Rig.User, MIB, 1);
    ProviderMountDefault(&P);
    assert_int_equal(P.Info.route, PLATTER_ROUTE_LINK);
    node = SimPnpChild(Rig.Bus, 0);
    assert_true(SimPnpStarted(node));
    for (int i = 0; i < 2; i++) {
        assert_true(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
        assert_string_equal(target, P.Device);
        assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\P:", RW, &volume));
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, sizeof(data), NULL));
        SimClose(Rig.User, volume);
        assert_status(STATUS_SUCCESS, SimPnpQueryRemove(node, veto, sizeof(veto)));
        SimSettle();
        assert_false(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
        assert_status(STATUS_SUCCESS, SimPnpSendStart(node));
        SimSettle();
    }
    ProviderStop(&P);
    assert_false(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
    RigStop();
}

/* No memory for the list of children when one has gone: the PnP manager keeps the old list, and is to be asked again. */
static void a_list_that_found_no_memory(void **state)
{
    ULONG hit = 0;

    (void)state;
    for (ULONG nth = 1;; nth++) {
        NTSTATUS status;
        BOOLEAN fired;
        RigStart(RigPnp);
        ProviderStart(&P, Rig.User, MIB, 1);
        ProviderMountDefault(&P);
        SimFaultArm(nth);
        status = CtlRemove(Rig.User, P.Control, P.VolumeId, PLATTER_REMOVE_FORCE);
        fired = SimFaultFired();
        SimFaultArm(0);
        SimSleep(5000);
        if (status == STATUS_SUCCESS && SimPnpChildren(Rig.Bus))
            SimBug("fault %u: the drive stays", nth);
        ProviderStop(&P);
        RigStop();
        hit += fired && status == STATUS_SUCCESS;
        if (!fired)
            break;
    }
    assert_true(hit > 0);
}

/* The bus goes and the control device with it; no memory for either as it comes back: it does not, and later it does. */
static void the_bus_comes_back_without_memory(void **state)
{
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    ULONG nth;

    (void)state;
    RigStart(RigPnp);
    SimPnpRemove(Rig.Bus);
    Rig.Bus = NULL;
    for (nth = 1; !NT_SUCCESS(status); nth++) {
        SimFaultArm(nth);
        Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
        SimFaultArm(0);
        assert_int_equal(Rig.Bus != NULL, NT_SUCCESS(status));
    }
    assert_true(nth > 3);
    ProviderStart(&P, Rig.User, MIB, 1);
    ProviderMountDefault(&P);
    ProviderStop(&P);
    RigStop();
}

/* What a driver before it has left in the namespace is not in its way. */
static void a_link_that_was_left_behind(void **state)
{
    NTSTATUS status;

    (void)state;
    RigStart(RigPnp);
    SimPnpRemove(Rig.Bus);
    assert_status(STATUS_SUCCESS, SimDefineDosDevice(Rig.System, "Platter", "\\Device\\PlatterGone"));
    Rig.Bus = SimPnpAddRoot(Rig.Driver, PLATTER_BUS_HARDWARE_ID, &status);
    assert_non_null(Rig.Bus);
    ProviderStart(&P, Rig.User, MIB, 1);
    ProviderMountDefault(&P);
    ProviderStop(&P);
    RigStop();
}

/* A filter above holds the function device past its REMOVE and sends one more: the driver below is nothing to call any more. */
static void a_request_behind_the_remove(void **state)
{
    static const UCHAR majors[] = {IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_PNP};
    PDEVICE_OBJECT function;

    (void)state;
    RigStart(RigPnp);
    function = SimPnpPdo(Rig.Bus)->AttachedDevice;
    for (unsigned i = 0; i < sizeof(majors); i++) /* before, it is the driver's below to answer */
        assert_int_not_equal(
            SimKernelRequest(function, NULL, &(SIM_KERNEL_REQUEST){.Major = majors[i], .Minor = 0x30}, NULL),
            STATUS_DELETE_PENDING);
    ObReferenceObject(function);
    SimPnpRemove(Rig.Bus);
    Rig.Bus = NULL;
    for (unsigned i = 0; i < sizeof(majors); i++)
        assert_status(STATUS_DELETE_PENDING,
                      SimKernelRequest(function, NULL, &(SIM_KERNEL_REQUEST){.Major = majors[i], .Minor = 0x30}, NULL));
    ObDereferenceObject(function);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(relations_of_the_bus),
        RIG_TEST(a_drive_without_a_label),
        RIG_TEST(the_bus_without_a_mount_manager),
        RIG_TEST(a_list_that_found_no_memory),
        RIG_TEST(the_bus_comes_back_without_memory),
        RIG_TEST(a_request_behind_the_remove),
        RIG_TEST(a_link_that_was_left_behind),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
