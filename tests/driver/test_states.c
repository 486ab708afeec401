/* SPDX-License-Identifier: MIT */
/* Each state of a volume against each Plug and Play request; what the PnP manager's pages (WDK) ask of a bus driver. */
#include "rig.h"

typedef enum STATE { Created, Probing, Starting, Running, Removing, Surprised, STATES } STATE;
static const char *const Names[STATES] = {"created", "probing", "starting", "running", "removing", "surprise-removed"};

static PROVIDER P;
static char Device[64];
static PDEVICE_OBJECT Pdo;
static PSIM_DEVNODE Node; /* NULL: the PnP manager does not know the device */
static HANDLE Holder;     /* open on the volume */
static PSIM_IO Start, Remove;
static struct platter_volume_info Info;
static BOOLEAN Hold; /* the listener holds the work item that takes the interface away */

static void Listener(const GUID *class, const char *link, BOOLEAN arrival)
{
    (void)class;
    (void)link;
    while (!arrival && Hold)
        SimSleep(10);
}

/* A volume in this state, which it does not leave until Leave lets it. */
static void Enter(STATE state)
{
    static struct platter_volume_start_in start;
    static struct platter_volume_remove_in remove;
    SIM_OPTIONS options = {.NoAutoMount = state == Starting}; /* the letter is waited for, then asked for outright */
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;

    RigStartWith(RigPnp, &options);
    SimPnpListen(Listener);
    ProviderStart(&P, Rig.User, MIB, 1);
    if (state == Probing) {
        P.Conduct = ConductSilent;
        P.OnlyOp = PLATTER_OP_READ;
    }
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, P.Control, &shape, &out));
    P.VolumeId = start.volume_id = remove.volume_id = out.volume_id;
    DeviceNameOf(out.device_name, Device, sizeof(Device));
    Pdo = SimDeviceByName(Device);
    Start = Remove = NULL;
    Holder = NULL;
    if (state != Created) {
        Start =
            SimIoctlStart(Rig.User, P.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &Info, sizeof(Info));
        SimSettle();
    }
    if (state >= Running)
        assert_status(STATUS_SUCCESS, SimIoWait(Start, NULL)), Start = NULL;
    Node = SimPnpNodeOf(Pdo);
    assert_int_equal(Node != NULL, state >= Starting);
    if (state >= Removing) {
        assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\P:", RW, &Holder));
        Hold = state == Removing;
        remove.flags = PLATTER_REMOVE_FORCE;
        Remove = SimIoctlStart(Rig.User, P.Control, PLATTER_IOCTL_VOLUME_REMOVE, &remove, sizeof(remove), NULL, 0);
        SimSleep(100);
    }
    if (state != Surprised) {
        static const ULONG expected[] = {PLATTER_STATE_CREATED, PLATTER_STATE_PROBING, PLATTER_STATE_STARTING,
                                         PLATTER_STATE_RUNNING, PLATTER_STATE_REMOVING};
        assert_true(CtlInfo(Rig.User, P.VolumeId, &Info));
        assert_int_equal(Info.state, expected[state]);
        assert_int_equal(Remove && SimIoDone(Remove), FALSE);
    }
}

/* Everything ends, whatever was done; ntsim sees that nothing is left. */
static void Leave(void)
{
    Hold = FALSE;
    SimClose(Rig.User, P.Control);
    if (Holder)
        SimClose(Rig.Admin, Holder);
    if (Start)
        SimIoWait(Start, NULL);
    if (Remove)
        SimIoWait(Remove, NULL);
    ProviderFree(&P);
    SimSettle();
    SimPnpListen(NULL);
    assert_int_equal(SimPnpChildren(Rig.Bus), 0);
    assert_int_equal(CtlCount(Rig.User), 0);
    assert_int_equal(SimMountVolumes(), 0);
    RigStop();
}

static NTSTATUS Send(UCHAR minor, const IO_STACK_LOCATION *stack, ULONG_PTR *information)
{
    SIM_KERNEL_REQUEST request = {.Major = IRP_MJ_PNP, .Minor = minor, .Stack = stack};

    return SimKernelRequest(Pdo, NULL, &request, information);
}

static void Reads(BOOLEAN works, const char *after)
{
    HANDLE volume;
    UCHAR data[512];
    NTSTATUS status = SimOpen(Rig.User, "\\\\.\\P:", RW, &volume);

    if (NT_SUCCESS(status)) {
        status = SimRead(Rig.User, volume, 0, data, sizeof(data), NULL);
        SimClose(Rig.User, volume);
    }
    if (NT_SUCCESS(status) != works)
        fail_msg("a read after %s: %08x", after, status);
}

static NTSTATUS AskId(ULONG type, char *out)
{
    IO_STACK_LOCATION at = {.Parameters.QueryId.IdType = (BUS_QUERY_ID_TYPE)type};
    ULONG_PTR answer = 0;
    NTSTATUS status = Send(IRP_MN_QUERY_ID, &at, &answer);
    const WCHAR *text = (const WCHAR *)answer;
    ULONG i = 0;

    out[0] = 0;
    if (!NT_SUCCESS(status))
        return status;
    for (; text[i]; i++)
        out[i] = (char)text[i];
    out[i] = 0;
    /* A list ends with another NUL ("IRP_MN_QUERY_ID"). */
    if (type == BusQueryHardwareIDs || type == BusQueryCompatibleIDs)
        assert_int_equal(text[i + 1], 0);
    ExFreePoolWithTag((PVOID)answer, 0);
    return status;
}

static NTSTATUS AskText(ULONG type, BOOLEAN *empty)
{
    IO_STACK_LOCATION at = {.Parameters.QueryDeviceText.DeviceTextType = (DEVICE_TEXT_TYPE)type};
    ULONG_PTR answer = 0;
    NTSTATUS status = Send(IRP_MN_QUERY_DEVICE_TEXT, &at, &answer);

    if (NT_SUCCESS(status)) {
        *empty = *(const WCHAR *)answer == 0;
        ExFreePoolWithTag((PVOID)answer, 0);
    }
    return status;
}

static NTSTATUS AskRelations(ULONG type)
{
    IO_STACK_LOCATION at = {.Parameters.QueryDeviceRelations.Type = (DEVICE_RELATION_TYPE)type};
    ULONG_PTR answer = 0;
    NTSTATUS status = Send(IRP_MN_QUERY_DEVICE_RELATIONS, &at, &answer);
    PDEVICE_RELATIONS relations = (PDEVICE_RELATIONS)answer;

    if (NT_SUCCESS(status)) {
        assert_int_equal(relations->Count, 1);
        assert_ptr_equal(relations->Objects[0], Pdo);
        ObDereferenceObject(Pdo);
        ExFreePoolWithTag(relations, 0);
    }
    return status;
}

static NTSTATUS AskCapabilities(USHORT version, USHORT size)
{
    DEVICE_CAPABILITIES capabilities = {.Version = version, .Size = size};
    IO_STACK_LOCATION at = {.Parameters.DeviceCapabilities.Capabilities = &capabilities};
    NTSTATUS status = Send(IRP_MN_QUERY_CAPABILITIES, &at, NULL);

    if (NT_SUCCESS(status))
        assert_true(capabilities.Removable && capabilities.EjectSupported && !capabilities.SurpriseRemovalOK);
    return status;
}

/* Questions: answered alike in every state, and nothing changes by them. */
static void questions_in_each_state(void **unused)
{
    /* What a bus driver does not handle it completes as it came ("PnP requests", each page: "shall not change"). */
    static const UCHAR unhandled[] = {IRP_MN_QUERY_INTERFACE,
                                      IRP_MN_QUERY_RESOURCES,
                                      IRP_MN_QUERY_RESOURCE_REQUIREMENTS,
                                      IRP_MN_READ_CONFIG,
                                      IRP_MN_WRITE_CONFIG,
                                      IRP_MN_FILTER_RESOURCE_REQUIREMENTS,
                                      IRP_MN_SET_LOCK,
                                      0x10 /* reserved */,
                                      IRP_MN_QUERY_PNP_DEVICE_STATE,
                                      IRP_MN_QUERY_LEGACY_BUS_INFORMATION,
                                      0x19,
                                      0x30,
                                      0xfe};

    (void)unused;
    for (STATE state = Created; state < STATES; state++) {
        struct platter_volume_info before, after;
        char text[200], number[32];
        BOOLEAN there, empty = TRUE;
        ULONG_PTR answer;
        Enter(state);
        there = CtlInfo(Rig.User, P.VolumeId, &before);
        assert_status(STATUS_SUCCESS, AskId(BusQueryDeviceID, text));
        assert_string_equal(text, PLATTER_VOLUME_DEVICE_ID);
        assert_status(STATUS_SUCCESS, AskId(BusQueryHardwareIDs, text));
        assert_string_equal(text, PLATTER_VOLUME_DEVICE_ID);
        assert_status(STATUS_SUCCESS, AskId(BusQueryCompatibleIDs, text));
        assert_status(STATUS_SUCCESS, AskId(BusQueryInstanceID, text));
        snprintf(number, sizeof(number), "%llu", (unsigned long long)P.VolumeId);
        assert_string_equal(text, number);
        for (ULONG type = BusQueryDeviceSerialNumber; type < 9; type++)
            assert_status(type == BusQueryContainerID ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED, AskId(type, text));
        for (ULONG type = DeviceTextDescription; type <= DeviceTextLocationInformation; type++) {
            assert_status(STATUS_SUCCESS, AskText(type, &empty));
            assert_false(empty);
        }
        assert_status(STATUS_NOT_SUPPORTED, AskText(2, &empty));
        assert_status(STATUS_SUCCESS, AskCapabilities(1, sizeof(DEVICE_CAPABILITIES)));
        assert_status(STATUS_SUCCESS, AskCapabilities(1, sizeof(DEVICE_CAPABILITIES) + 8));
        assert_false(NT_SUCCESS(AskCapabilities(2, sizeof(DEVICE_CAPABILITIES))));
        assert_false(NT_SUCCESS(AskCapabilities(1, sizeof(DEVICE_CAPABILITIES) - 1)));
        for (ULONG type = BusRelations; type <= BusRelations + 6; type++) {
            /* A target device is named only where there is a device node (0xCA, 2). */
            assert_status(type == TargetDeviceRelation && state >= Starting ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED,
                          AskRelations(type));
        }
        answer = 0;
        assert_status(STATUS_SUCCESS, Send(IRP_MN_QUERY_BUS_INFORMATION, NULL, &answer));
        ExFreePoolWithTag((PVOID)answer, 0);
        for (unsigned i = 0; i < sizeof(unhandled); i++) {
            answer = 5;
            if (Send(unhandled[i], NULL, &answer) != STATUS_NOT_SUPPORTED || answer != 5)
                fail_msg("%s, request %02x: changed", Names[state], unhandled[i]);
        }
        assert_status(STATUS_SUCCESS, Send(IRP_MN_QUERY_STOP_DEVICE, NULL, NULL));
        assert_status(STATUS_SUCCESS, Send(IRP_MN_CANCEL_STOP_DEVICE, NULL, NULL));
        assert_status(STATUS_SUCCESS, Send(IRP_MN_QUERY_REMOVE_DEVICE, NULL, NULL));
        assert_status(STATUS_SUCCESS, Send(IRP_MN_CANCEL_REMOVE_DEVICE, NULL, NULL));
        assert_int_equal(CtlInfo(Rig.User, P.VolumeId, &after), there);
        if (there)
            assert_memory_equal(&before, &after, sizeof(before));
        if (state == Running)
            Reads(TRUE, "questions");
        Leave();
    }
}

typedef enum ACTION {
    QueryAndCancel,
    StopAndStart,
    Disable,
    DisableAndEnable,
    Eject,
    SurpriseBus,
    SurpriseSelf,
    Rescan,
    ACTIONS
} ACTION;
static const char *const Actions[ACTIONS] = {"query and cancel",   "stop and start", "disable",
                                             "disable and enable", "eject",          "surprise of the bus",
                                             "surprise",           "rescan"};

static void Act(STATE state, ACTION action)
{
    char veto[64];
    NTSTATUS status = STATUS_SUCCESS;

    switch (action) {
    case QueryAndCancel:
        assert_status(STATUS_SUCCESS, SimPnpSendQueryRemove(Node));
        assert_status(STATUS_SUCCESS, SimPnpSendCancelRemove(Node));
        break;
    case StopAndStart:
        assert_status(STATUS_SUCCESS, SimPnpSendQueryStop(Node));
        assert_status(STATUS_SUCCESS, SimPnpSendStop(Node));
        /* What is on its way out may refuse; it must not come back. */
        status = SimPnpSendStart(Node);
        assert_int_equal(NT_SUCCESS(status), state < Removing);
        break;
    case Disable:
    case DisableAndEnable:
        assert_status(STATUS_SUCCESS, SimPnpQueryRemove(Node, veto, sizeof(veto)));
        if (action == Disable)
            break;
        SimSleep(50);
        status = SimPnpSendStart(Node);
        assert_int_equal(NT_SUCCESS(status), state < Removing);
        break;
    case Eject:
        assert_status(STATUS_SUCCESS, SimPnpEject(Node, veto, sizeof(veto)));
        break;
    case SurpriseBus:
        break;
    case SurpriseSelf: /* as for a device that has reported itself failed */
        Hold = FALSE;
        SimPnpSurpriseRemove(Node);
        SimSettle();
        assert_int_equal(SimMountVolumes(), 0);
        break;
    default:
        SimPnpRescan(Rig.Bus);
        break;
    }
}

/* Requests that move a device, in each state in which the PnP manager knows it. */
static void moves_in_each_state(void **unused)
{
    (void)unused;
    for (STATE state = Starting; state < Surprised; state++)
        for (ACTION action = 0; action < ACTIONS; action++) {
            BOOLEAN stays = action == QueryAndCancel || action == StopAndStart || action == Rescan;
            NTSTATUS started;
            print_message("# %s: %s\n", Names[state], Actions[action]);
            Enter(state);
            if (action == SurpriseBus) {
                Hold = FALSE;
                SimPnpSurpriseRemove(Rig.Bus);
                SimSettle();
                assert_int_equal(SimMountVolumes(), 0);
            } else {
                Act(state, action);
            }
            if (state == Starting) {
                /* Disabled or gone, it is not announced; otherwise it is, and with the letter that was asked. */
                started = SimIoWait(Start, NULL);
                Start = NULL;
                if (stays || action == DisableAndEnable) {
                    assert_status(STATUS_SUCCESS, started);
                    assert_int_equal(Info.letter, 'P');
                } else if (action == Eject || action == SurpriseBus || action == SurpriseSelf) {
                    assert_status(STATUS_NO_SUCH_DEVICE, started);
                }
            }
            if ((state != Removing || action == SurpriseSelf) && action != SurpriseBus) {
                SimSettle();
                Reads(stays || action == DisableAndEnable, Actions[action]);
            }
            if (action == SurpriseBus) { /* Leave wants a bus to look at */
                if (Holder)
                    SimClose(Rig.Admin, Holder), Holder = NULL;
                SimClose(Rig.User, P.Control);
                if (Remove)
                    assert_status(STATUS_SUCCESS, SimIoWait(Remove, NULL)), Remove = NULL;
                ProviderFree(&P);
                SimSettle();
                SimPnpListen(NULL);
                Rig.Bus = NULL;
                RigStop();
            } else {
                Leave();
            }
        }
}

/* Disabled and enabled as fast as the PnP manager can, under many schedules: in the end it is there, with its letter. */
static void disabled_and_enabled_at_once(void **unused)
{
    char veto[64];

    (void)unused;
    for (ULONG seed = 1; seed <= 60; seed++) {
        RigStartWith(RigPnp, &(SIM_OPTIONS){.Seed = seed, .NoAutoMount = seed % 3 == 0});
        ProviderStart(&P, Rig.User, MIB, 1);
        ProviderMountDefault(&P);
        Node = SimPnpChild(Rig.Bus, 0);
        for (int i = 0; i < 2; i++) {
            assert_status(STATUS_SUCCESS, SimPnpQueryRemove(Node, veto, sizeof(veto)));
            assert_status(STATUS_SUCCESS, SimPnpSendStart(Node));
        }
        SimSleep(5000);
        SimSettle();
        if (SimMountLetterOf(P.Device) != 'P')
            fail_msg("seed %u: enabled again it has letter %d", seed, SimMountLetterOf(P.Device));
        Reads(TRUE, "enabling");
        ProviderStop(&P);
        RigStop();
    }
}

/* A device that the PnP manager has never seen is ended by nobody but us: no request of it comes, and none is needed. */
static void unknown_devices_end_alone(void **unused)
{
    (void)unused;
    for (STATE state = Created; state <= Probing; state++)
        for (int surprise = 0; surprise < 2; surprise++) {
            Enter(state);
            SimPnpRescan(Rig.Bus);
            assert_int_equal(SimPnpChildren(Rig.Bus), 0);
            if (!surprise) {
                Leave();
                continue;
            }
            SimPnpSurpriseRemove(Rig.Bus);
            SimSettle();
            assert_null(SimDeviceByName(Device));
            if (Start)
                assert_status(STATUS_NO_SUCH_DEVICE, SimIoWait(Start, NULL));
            ProviderStop(&P);
            SimPnpListen(NULL);
            Rig.Bus = NULL;
            RigStop();
        }
}

/* A handle keeps the REMOVE of a surprise-removed child back; the bus may go in the meantime, and the handle after it. */
static void the_bus_goes_before_the_last_handle(void **unused)
{
    UCHAR data[512];

    (void)unused;
    for (int orderly = 0; orderly < 2; orderly++) {
        Enter(Surprised);
        assert_status(STATUS_SUCCESS, SimIoWait(Remove, NULL));
        Remove = NULL;
        assert_false(NT_SUCCESS(SimRead(Rig.Admin, Holder, 0, data, 512, NULL)));
        if (orderly)
            SimPnpRemove(Rig.Bus);
        else
            SimPnpSurpriseRemove(Rig.Bus);
        assert_false(NT_SUCCESS(SimRead(Rig.Admin, Holder, 0, data, 512, NULL)));
        SimClose(Rig.Admin, Holder);
        ProviderStop(&P);
        SimPnpListen(NULL);
        Rig.Bus = NULL;
        RigStop();
    }
}

/* Disabled, then unmounted with a handle open, then the bus goes: the PnP manager has nothing more to say to the child. */
static void the_bus_goes_with_a_disabled_child(void **unused)
{
    char veto[64];

    (void)unused;
    for (int removed = 0; removed < 2; removed++) {
        Enter(Running);
        assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, "\\\\.\\P:", RW, &Holder));
        assert_status(STATUS_SUCCESS, SimPnpQueryRemove(Node, veto, sizeof(veto)));
        if (removed)
            assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, P.Control, P.VolumeId, PLATTER_REMOVE_FORCE));
        SimPnpRemove(Rig.Bus);
        SimSettle();
        assert_int_equal(SimMountVolumes(), 0);
        SimClose(Rig.Admin, Holder);
        ProviderStop(&P);
        SimPnpListen(NULL);
        Rig.Bus = NULL;
        RigStop();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(questions_in_each_state),
        RIG_TEST(moves_in_each_state),
        RIG_TEST(disabled_and_enabled_at_once),
        RIG_TEST(unknown_devices_end_alone),
        RIG_TEST(the_bus_goes_before_the_last_handle),
        RIG_TEST(the_bus_goes_with_a_disabled_child),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
