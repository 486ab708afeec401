/* SPDX-License-Identifier: MIT */
/* The control device: every code, every length, every order; what protocol.h says of each. */
#include "rig.h"

#define CODES 6
static const struct {
    ULONG Code, In, Out;
    BOOLEAN Exact; /* input of exactly this size */
} Codes[CODES] = {
    {PLATTER_IOCTL_HELLO, sizeof(struct platter_hello_in), sizeof(struct platter_hello_out), TRUE},
    {PLATTER_IOCTL_VOLUME_LIST, sizeof(struct platter_volume_list_in), sizeof(struct platter_volume_list_out), TRUE},
    {PLATTER_IOCTL_VOLUME_CREATE, sizeof(struct platter_volume_create_in), sizeof(struct platter_volume_create_out),
     TRUE},
    {PLATTER_IOCTL_VOLUME_START, sizeof(struct platter_volume_start_in), sizeof(struct platter_volume_info), TRUE},
    {PLATTER_IOCTL_VOLUME_REMOVE, sizeof(struct platter_volume_remove_in), 0, TRUE},
    {PLATTER_IOCTL_TRANSACT, sizeof(struct platter_transact_in), PLATTER_TRANSACT_MIN_BATCH, FALSE},
};

static void nothing_goes_before_hello(void **state)
{
    (void)state;
    UCHAR in[1024] = {0}, *out = calloc(1, PLATTER_TRANSACT_MIN_BATCH);
    HANDLE control;

    RigStart(RigLink);
    control = CtlOpen(Rig.User);
    for (int i = 1; i < CODES; i++)
        assert_status(STATUS_REVISION_MISMATCH, SimIoctl(Rig.User, control, Codes[i].Code, in, Codes[i].In, out,
                                                         PLATTER_TRANSACT_MIN_BATCH, NULL));
    SimClose(Rig.User, control);
    RigStop();
    free(out);
}

static void hello_tells_both_versions(void **state)
{
    struct platter_hello_in in = {PLATTER_HELLO_MAGIC, PLATTER_PROTOCOL_VERSION + 1, {0, 0}};
    struct platter_hello_out out;
    struct platter_volume_list_in list = {0};
    ULONG_PTR bytes;
    HANDLE control;

    (void)state;
    RigStart(RigPnp);
    control = CtlOpen(Rig.User);
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), &bytes));
    assert_int_equal(bytes, sizeof(out));
    assert_int_equal(out.protocol_version, PLATTER_PROTOCOL_VERSION);
    assert_int_equal(out.accepted, 0);
    assert_status(STATUS_REVISION_MISMATCH,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_LIST, &list, sizeof(list), &out, sizeof(out), NULL));
    in.protocol_version = PLATTER_PROTOCOL_VERSION;
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), &bytes));
    assert_int_equal(out.accepted, 1);
    assert_int_equal(out.max_transfer, PLATTER_MAX_TRANSFER);
    assert_int_equal(out.max_batch, PLATTER_MAX_BATCH);
    assert_int_equal(out.routes, PLATTER_ROUTE_BIT(PLATTER_ROUTE_PNP) | PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT));
    assert_int_equal(out.volumes, 0);
    assert_int_equal(out.policy, PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN);
    assert_int_not_equal(out.driver_version, 0);
    in.magic++;
    assert_status(STATUS_INVALID_PARAMETER,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), NULL));
    in.magic--;
    for (int i = 0; i < 2; i++) {
        in.reserved[i] = 1;
        assert_status(STATUS_INVALID_PARAMETER,
                      SimIoctl(Rig.User, control, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), NULL));
        in.reserved[i] = 0;
    }
    SimClose(Rig.User, control);
    RigStop();
}

static void routes_tell_what_the_machine_has(void **state)
{
    static const ULONG expected[] = {
        [RigPnp] = PLATTER_ROUTE_BIT(PLATTER_ROUTE_PNP) | PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT),
        [RigExplicit] = PLATTER_ROUTE_BIT(PLATTER_ROUTE_EXPLICIT),
        [RigLink] = PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK),
        [RigLinkAbsent] = PLATTER_ROUTE_BIT(PLATTER_ROUTE_LINK),
    };
    struct platter_hello_out out;
    HANDLE control;

    (void)state;
    for (RIG_ROUTE route = RigPnp; route <= RigLinkAbsent; route++) {
        RigStart(route);
        control = CtlOpen(Rig.User);
        assert_status(STATUS_SUCCESS, CtlHello(Rig.User, control, &out));
        assert_int_equal(out.routes, expected[route]);
        SimClose(Rig.User, control);
        RigStop();
    }
}

/* Each input length from 0 to over, each output length from 0 to over: never anything but a clean refusal. */
static void every_length(void **state)
{
    UCHAR *in = calloc(1, 4096), *out = calloc(1, PLATTER_TRANSACT_MIN_BATCH + 64);
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    for (int i = 0; i < CODES; i++) {
        for (ULONG length = 0; length < Codes[i].In + 16; length++) {
            NTSTATUS status;
            if (length == Codes[i].In)
                continue;
            status = SimIoctl(Rig.User, control, Codes[i].Code, in, length, out, PLATTER_TRANSACT_MIN_BATCH, NULL);
            /* TRANSACT's input is longer with answers; with none of them announced any further length is wrong too. */
            if (status != STATUS_INVALID_PARAMETER)
                fail_msg("code %x, input %u: %08x", Codes[i].Code, length, status);
        }
        for (ULONG length = 0; length < Codes[i].Out; length += length < 128 ? 1 : 61) {
            NTSTATUS status = SimIoctl(Rig.User, control, Codes[i].Code, in, Codes[i].In, out, length, NULL);
            /* HELLO and others also find their zeroed input wrong: either refusal is right, success never. */
            if (status != STATUS_BUFFER_TOO_SMALL && status != STATUS_INVALID_PARAMETER)
                fail_msg("code %x, output %u: %08x", Codes[i].Code, length, status);
        }
    }
    SimClose(Rig.User, control);
    RigStop();
    free(in);
    free(out);
}

static void unknown_codes_are_refused(void **state)
{
    UCHAR buffer[64] = {0};
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    for (ULONG function = 0x7f0; function < 0x820; function++)
        for (ULONG method = 0; method < 4; method++) {
            ULONG code = PLATTER_CTL_CODE(function, method, 0u);
            if (code == PLATTER_IOCTL_HELLO || code == PLATTER_IOCTL_VOLUME_LIST)
                continue;
            assert_status(STATUS_INVALID_DEVICE_REQUEST,
                          SimIoctl(Rig.User, control, code, buffer, sizeof(buffer), buffer, sizeof(buffer), NULL));
        }
    assert_status(STATUS_INVALID_DEVICE_REQUEST, SimRead(Rig.User, control, 0, buffer, sizeof(buffer), NULL));
    assert_status(STATUS_INVALID_DEVICE_REQUEST, SimWrite(Rig.User, control, 0, buffer, sizeof(buffer), NULL));
    assert_status(STATUS_INVALID_DEVICE_REQUEST, SimFlush(Rig.User, control));
    SimClose(Rig.User, control);
    RigStop();
}

/* A handle without write access cannot mount: the access bits of the codes. */
static void a_read_only_handle_only_asks(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, "\\\\.\\Platter", GENERIC_READ, &control));
    assert_status(STATUS_SUCCESS, CtlHello(Rig.User, control, NULL));
    assert_status(STATUS_ACCESS_DENIED, CtlCreateVolume(Rig.User, control, &shape, &out));
    assert_status(STATUS_ACCESS_DENIED, CtlRemove(Rig.User, control, 1, 0));
    SimClose(Rig.User, control);
    RigStop();
}

#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        struct platter_volume_create_in s = ShapeDefault(MIB);                                                         \
        change;                                                                                                        \
        if (CtlCreateVolume(Rig.User, control, &s, &out) != STATUS_INVALID_PARAMETER)                                  \
            fail_msg("taken: %s", #change);                                                                            \
    } while (0)
#define TAKEN(change)                                                                                                  \
    do {                                                                                                               \
        struct platter_volume_create_in s = ShapeDefault(MIB);                                                         \
        change;                                                                                                        \
        NTSTATUS status = CtlCreateVolume(Rig.User, control, &s, &out);                                                \
        if (status != STATUS_SUCCESS)                                                                                  \
            fail_msg("%s: %08x", #change, status);                                                                     \
        assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, out.volume_id, 0));                                 \
    } while (0)

static void create_checks_every_field(void **state)
{
    struct platter_volume_create_out out;
    HANDLE control;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    REFUSED(s.length_bytes = 0);
    REFUSED(s.length_bytes += 1);
    REFUSED(s.length_bytes = 511);
    REFUSED(s.length_bytes = PLATTER_MAX_VOLUME_BYTES + 512);
    REFUSED(s.length_bytes = ~0ull - 511);
    REFUSED(s.sector_size = 0);
    REFUSED(s.sector_size = 256);
    REFUSED(s.sector_size = 513);
    REFUSED(s.sector_size = 1536);
    REFUSED(s.sector_size = 8192);
    REFUSED(s.sector_size = 0x80000000u);
    REFUSED(s.physical_sector_size = 0);
    REFUSED(s.physical_sector_size = 256);
    REFUSED(s.physical_sector_size = 3000);
    REFUSED(s.flags = PLATTER_VOLUME_FLAGS_KNOWN + 1);
    REFUSED(s.flags = 0x80000000u);
    REFUSED(s.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY);
    REFUSED((s.flags = PLATTER_VOLUME_CDROM, s.sector_size = 2048));
    REFUSED(s.deadline_ms = PLATTER_MIN_DEADLINE_MS - 1);
    REFUSED(s.deadline_ms = PLATTER_MAX_DEADLINE_MS + 1);
    REFUSED(s.letter = 'p');
    REFUSED(s.letter = '@');
    REFUSED(s.letter = '[');
    REFUSED(s.letter = 0x10050);
    REFUSED(s.flags = PLATTER_VOLUME_NO_LETTER);
    REFUSED(s.partition_style = 3);
    REFUSED(s.partition_offset = 512);
    REFUSED(s.partition_number = 1);
    REFUSED(s.mbr_type = 7);
    REFUSED(s.mbr_boot_indicator = 1);
    REFUSED(s.mbr_signature = 1);
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.mbr_type = 256));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.mbr_boot_indicator = 2));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.gpt_type[15] = 1));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.gpt_disk_id[0] = 1));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.gpt_partition_id[3] = 1));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.gpt_attributes = 1));
    REFUSED((s.partition_style = PLATTER_STYLE_GPT, s.mbr_type = 7));
    REFUSED((s.partition_style = PLATTER_STYLE_MBR, s.partition_offset = PLATTER_MAX_VOLUME_BYTES + 512));
    REFUSED(memset(s.unique_id, 0, 16));
    REFUSED(memset(s.label, 'a', sizeof(s.label)));
    REFUSED(memset(s.image_name, 'a', sizeof(s.image_name)));
    TAKEN((void)s);
    TAKEN(s.length_bytes = 512);
    TAKEN(s.length_bytes = PLATTER_MAX_VOLUME_BYTES);
    TAKEN((s.sector_size = 4096, s.physical_sector_size = 4096));
    TAKEN((s.sector_size = 1024, s.physical_sector_size = 1024));
    TAKEN((s.flags = PLATTER_VOLUME_CDROM | PLATTER_VOLUME_READ_ONLY, s.sector_size = 2048));
    TAKEN((s.flags = PLATTER_VOLUME_NO_LETTER, s.letter = 0));
    TAKEN(s.deadline_ms = PLATTER_MIN_DEADLINE_MS);
    TAKEN(s.deadline_ms = PLATTER_MAX_DEADLINE_MS);
    TAKEN((s.partition_style = PLATTER_STYLE_MBR, s.partition_offset = 32256, s.partition_number = 1, s.mbr_type = 7));
    TAKEN((s.partition_style = PLATTER_STYLE_GPT, s.partition_offset = MIB, s.partition_number = 3, s.gpt_type[0] = 1));
    TAKEN(s.letter = 0);
    SimClose(Rig.User, control);
    RigStop();
}

static void ids_and_names_are_never_used_twice(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE control;
    ULONG64 last = 0;
    char name[64], expected[64];

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    for (int i = 0; i < 20; i++) {
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out));
        assert_true(out.volume_id > last);
        last = out.volume_id;
        DeviceNameOf(out.device_name, name, sizeof(name));
        snprintf(expected, sizeof(expected), "\\Device\\PlatterVolume%llu", (unsigned long long)last);
        assert_string_equal(name, expected);
        assert_non_null(SimDeviceByName(name));
        if (i % 2)
            assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, out.volume_id, 0));
    }
    SimClose(Rig.User, control);
    RigStop();
}

static void a_handle_has_so_many_volumes_and_no_more(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE control;
    ULONG n;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    shape.letter = 0;
    for (n = 0; n < PLATTER_MAX_VOLUMES_PER_SESSION; n++)
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out));
    assert_status(STATUS_TOO_MANY_NODES, CtlCreateVolume(Rig.User, control, &shape, &out));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, out.volume_id, 0));
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out));
    assert_int_equal(CtlCount(Rig.Other), PLATTER_MAX_VOLUMES_PER_SESSION);
    SimClose(Rig.User, control);
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    RigStop();
}

/* Through handles of the process, each of them with all the volumes that a handle may have. */
static void fill(PSIM_PROCESS process, HANDLE *controls, unsigned handles)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;

    shape.letter = 0;
    for (unsigned i = 0; i < handles; i++) {
        controls[i] = CtlOpenHello(process);
        for (unsigned n = 0; n < PLATTER_MAX_VOLUMES_PER_SESSION; n++)
            assert_status(STATUS_SUCCESS, CtlCreateVolume(process, controls[i], &shape, &out));
    }
}

static void a_user_cannot_take_them_all(void **state)
{
    enum { HALF = PLATTER_MAX_VOLUMES_PER_USER / PLATTER_MAX_VOLUMES_PER_SESSION };
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    HANDLE users[HALF], others[HALF], last[2], more;

    (void)state;
    RigStart(RigLink);
    shape.letter = 0;
    fill(Rig.User, users, HALF);
    more = CtlOpenHello(Rig.User);
    assert_status(STATUS_TOO_MANY_NODES, CtlCreateVolume(Rig.User, more, &shape, &out));
    /* One goes, one comes: nothing of the refused one is left in the count. */
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.Other, last[0] = CtlOpenHello(Rig.Other), &shape, &out));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.Other, last[0], out.volume_id, 0));
    SimClose(Rig.User, users[0]);
    SimSettle();
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, more, &shape, &out));
    SimClose(Rig.User, more);
    SimSettle();
    fill(Rig.User, users, 1);
    /* The machine's limit. An administrator has no other. */
    fill(Rig.Admin, others, HALF);
    assert_int_equal(CtlCount(Rig.User), PLATTER_MAX_VOLUMES);
    last[1] = CtlOpenHello(Rig.Admin);
    assert_status(STATUS_TOO_MANY_NODES, CtlCreateVolume(Rig.Admin, last[1], &shape, &out));
    SimClose(Rig.User, users[0]);
    SimSettle();
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.Admin, last[1], &shape, &out));
    for (int i = 0; i < HALF; i++) {
        if (i != 0)
            SimClose(Rig.User, users[i]);
        SimClose(Rig.Admin, others[i]);
    }
    SimClose(Rig.Other, last[0]);
    SimClose(Rig.Admin, last[1]);
    SimSettle();
    assert_int_equal(CtlCount(Rig.User), 0);
    RigStop();
}

static void list_gives_as_many_as_fit(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out[5];
    struct {
        struct platter_volume_list_out head;
        struct platter_volume_info infos[3];
    } list;
    struct platter_volume_list_in in = {0};
    HANDLE control;
    ULONG_PTR bytes;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    shape.letter = 0;
    for (int i = 0; i < 5; i++)
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out[i]));
    for (int room = 0; room <= 3; room++) {
        ULONG length = sizeof(list.head) + (ULONG)room * sizeof(list.infos[0]) + (room < 3 ? 100 : 0);
        in.after_id = 0;
        assert_status(STATUS_SUCCESS,
                      SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &list, length, &bytes));
        assert_int_equal(list.head.count, room);
        assert_int_equal(list.head.more, 1);
        assert_int_equal(bytes, sizeof(list.head) + (ULONG)room * sizeof(list.infos[0]));
    }
    assert_true(list.infos[0].volume_id == out[0].volume_id && list.infos[2].volume_id == out[2].volume_id);
    in.after_id = out[2].volume_id;
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &list, sizeof(list), &bytes));
    assert_int_equal(list.head.count, 2);
    assert_int_equal(list.head.more, 0);
    assert_int_equal(list.infos[0].state, PLATTER_STATE_CREATED);
    assert_int_equal(list.infos[0].sector_size, 512);
    assert_int_equal(list.infos[0].length_bytes, MIB);
    assert_int_equal(list.infos[0].owner_process_id, SimProcessId(Rig.User));
    assert_int_equal(list.infos[0].route, PLATTER_ROUTE_NONE);
    assert_memory_equal(list.infos[0].label, shape.label, sizeof(shape.label));
    assert_memory_equal(list.infos[0].image_name, shape.image_name, sizeof(shape.image_name));
    assert_int_equal(list.infos[0].reserved, 0);
    in.after_id = ~0ull;
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof(in), &list, sizeof(list), &bytes));
    assert_int_equal(list.head.count, 0);
    SimClose(Rig.User, control);
    RigStop();
}

static void start_and_remove_check_their_input(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out;
    struct platter_volume_info info;
    struct platter_volume_start_in start = {0};
    struct platter_volume_remove_in remove = {0};
    HANDLE control, other;

    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    other = CtlOpenHello(Rig.User);
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &out));
    assert_status(STATUS_NOT_FOUND, CtlStartVolume(Rig.User, control, out.volume_id + 1, &info));
    assert_status(STATUS_NOT_FOUND, CtlStartVolume(Rig.User, control, 0, &info));
    assert_status(STATUS_ACCESS_DENIED, CtlStartVolume(Rig.User, other, out.volume_id, &info));
    start.volume_id = out.volume_id;
    start.flags = 1;
    assert_status(STATUS_INVALID_PARAMETER, SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_START, &start,
                                                     sizeof(start), &info, sizeof(info), NULL));
    start.flags = 0;
    start.reserved = 1;
    assert_status(STATUS_INVALID_PARAMETER, SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_START, &start,
                                                     sizeof(start), &info, sizeof(info), NULL));
    assert_status(STATUS_NOT_FOUND, CtlRemove(Rig.User, control, out.volume_id + 1, 0));
    assert_status(STATUS_NOT_FOUND, CtlRemove(Rig.User, control, 0, 0));
    remove.volume_id = out.volume_id;
    remove.flags = 2;
    assert_status(STATUS_INVALID_PARAMETER,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_REMOVE, &remove, sizeof(remove), NULL, 0, NULL));
    remove.flags = 0;
    remove.reserved = 1;
    assert_status(STATUS_INVALID_PARAMETER,
                  SimIoctl(Rig.User, control, PLATTER_IOCTL_VOLUME_REMOVE, &remove, sizeof(remove), NULL, 0, NULL));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, other, out.volume_id, 0));
    assert_status(STATUS_NOT_FOUND, CtlRemove(Rig.User, other, out.volume_id, 0));
    SimClose(Rig.User, control);
    SimClose(Rig.User, other);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(nothing_goes_before_hello),
        RIG_TEST(hello_tells_both_versions),
        RIG_TEST(routes_tell_what_the_machine_has),
        RIG_TEST(every_length),
        RIG_TEST(unknown_codes_are_refused),
        RIG_TEST(a_read_only_handle_only_asks),
        RIG_TEST(create_checks_every_field),
        RIG_TEST(ids_and_names_are_never_used_twice),
        RIG_TEST(a_handle_has_so_many_volumes_and_no_more),
        RIG_TEST(a_user_cannot_take_them_all),
        RIG_TEST(list_gives_as_many_as_fit),
        RIG_TEST(start_and_remove_check_their_input),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
