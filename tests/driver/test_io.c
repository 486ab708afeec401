/* SPDX-License-Identifier: MIT */
/* Requests: what arrives, in what pieces, with what outcome; cancelling, providers of every conduct. */
#include "rig.h"

/* disk.sys: whole sectors inside the volume or STATUS_INVALID_PARAMETER; nothing to do succeeds. */
static void ranges_are_checked(void **state)
{
    static const struct {
        LONG64 Offset;
        ULONG Length;
        NTSTATUS Status;
    } cases[] = {
        {0, 512, STATUS_SUCCESS},
        {0, 0, STATUS_SUCCESS},
        {MIB, 0, STATUS_SUCCESS},
        {MIB - 512, 512, STATUS_SUCCESS},
        {0, MIB, STATUS_SUCCESS},
        {1, 512, STATUS_INVALID_PARAMETER},
        {0, 1, STATUS_INVALID_PARAMETER},
        {0, 513, STATUS_INVALID_PARAMETER},
        {256, 512, STATUS_INVALID_PARAMETER},
        {MIB, 512, STATUS_INVALID_PARAMETER},
        {MIB - 512, 1024, STATUS_INVALID_PARAMETER},
        {512, MIB, STATUS_INVALID_PARAMETER},
        {-512, 512, STATUS_INVALID_PARAMETER},
        {-1, 512, STATUS_INVALID_PARAMETER},
        {0x7ffffffffffffe00, 512, STATUS_INVALID_PARAMETER},
        {0x7ffffffffffffe00, 1024, STATUS_INVALID_PARAMETER},
        {(LONG64)0x8000000000000000, 512, STATUS_INVALID_PARAMETER},
        {0x100000000, 512, STATUS_INVALID_PARAMETER},
    };
    UCHAR *data = malloc(2 * MIB);
    ULONG_PTR bytes;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    memset(data, 1, 2 * MIB);
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    volume = RigOpenP(Rig.User);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        NTSTATUS status = SimRead(Rig.User, volume, (ULONG64)cases[i].Offset, data, cases[i].Length, &bytes);
        if (status != cases[i].Status)
            fail_msg("read %llx+%x: %08x", (long long)cases[i].Offset, cases[i].Length, status);
        assert_int_equal(bytes, NT_SUCCESS(status) ? cases[i].Length : 0);
        status = SimWrite(Rig.User, volume, (ULONG64)cases[i].Offset, data, cases[i].Length, &bytes);
        if (status != cases[i].Status)
            fail_msg("write %llx+%x: %08x", (long long)cases[i].Offset, cases[i].Length, status);
        assert_int_equal(bytes, NT_SUCCESS(status) ? cases[i].Length : 0);
    }
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
    free(data);
}

/* Buffers of every size, requests longer than a batch: the same bytes, in pieces that fit. */
static void long_requests_go_in_pieces(void **state)
{
    static const ULONG batches[] = {PLATTER_TRANSACT_MIN_BATCH, PLATTER_TRANSACT_DATA_OFFSET + 64 * 1024,
                                    PLATTER_TRANSACT_DATA_OFFSET + MIB, PLATTER_TRANSACT_DATA_OFFSET + 3 * MIB};
    ULONG size = 3 * MIB + 512;
    UCHAR *data = malloc(size);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        PROVIDER p;
        HANDLE volume;
        ULONG_PTR bytes;
        RigStart(RigLink);
        ProviderStartBatch(&p, Rig.User, 4 * MIB, 2, batches[i], 1 + i * 7);
        ProviderMountDefault(&p);
        volume = RigOpenP(Rig.User);
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 512, data, size, &bytes));
        assert_int_equal(bytes, size);
        assert_memory_equal(data, p.Image + 512, size);
        for (ULONG k = 0; k < size; k++)
            data[k] = (UCHAR)(k * 11 >> 3);
        assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 1024, data, size, &bytes));
        assert_int_equal(bytes, size);
        assert_memory_equal(data, p.Image + 1024, size);
        assert_true(p.Largest <= PLATTER_MAX_TRANSFER);
        assert_true(p.Largest <= batches[i] - PLATTER_TRANSACT_DATA_OFFSET);
        SimClose(Rig.User, volume);
        ProviderStop(&p);
        RigStop();
    }
    free(data);
}

static void many_in_flight(void **state)
{
    enum { COUNT = 256 };
    PSIM_IO ios[COUNT];
    UCHAR *data = malloc(COUNT * 4096);
    ULONG_PTR bytes;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, 4 * MIB, 3);
        ProviderMountDefault(&p);
        p.Conduct = shuffled ? ConductShuffled : ConductHonest;
        volume = RigOpenP(Rig.User);
        for (ULONG i = 0; i < COUNT; i++)
            ios[i] = SimReadStart(Rig.User, volume, (ULONG64)(COUNT - i) * 8192, data + i * 4096, 4096);
        for (ULONG i = 0; i < COUNT; i++) {
            assert_status(STATUS_SUCCESS, SimIoWait(ios[i], &bytes));
            assert_int_equal(bytes, 4096);
            assert_memory_equal(data + i * 4096, p.Image + (COUNT - i) * 8192, 4096);
        }
        SimClose(Rig.User, volume);
        ProviderStop(&p);
        RigStop();
    }
    free(data);
}

static void every_status_has_its_meaning(void **state)
{
    static const NTSTATUS expected[] = {
        [PLATTER_STATUS_OK] = STATUS_SUCCESS,
        [PLATTER_STATUS_IO_ERROR] = STATUS_IO_DEVICE_ERROR,
        [PLATTER_STATUS_DAMAGED] = STATUS_CRC_ERROR,
        [PLATTER_STATUS_NO_SPACE] = STATUS_DISK_FULL,
        [PLATTER_STATUS_READ_ONLY] = STATUS_MEDIA_WRITE_PROTECTED,
        [PLATTER_STATUS_OUT_OF_RANGE] = STATUS_NONEXISTENT_SECTOR,
        [PLATTER_STATUS_NO_MEMORY] = STATUS_INSUFFICIENT_RESOURCES,
        [PLATTER_STATUS_NOT_SUPPORTED] = STATUS_INVALID_DEVICE_REQUEST,
        [PLATTER_STATUS_MEDIA_GONE] = STATUS_DEVICE_NOT_CONNECTED,
        [9] = STATUS_IO_DEVICE_ERROR,
    };
    struct platter_volume_info info;
    UCHAR data[512];
    ULONG_PTR bytes;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    p.Conduct = ConductStatus;
    volume = RigOpenP(Rig.User);
    for (ULONG i = 0; i < 10; i++) {
        p.Status = i;
        assert_status(expected[i], SimRead(Rig.User, volume, 0, data, 512, &bytes));
        assert_int_equal(bytes, i ? 0 : 512);
        assert_status(expected[i], SimWrite(Rig.User, volume, 0, data, 512, &bytes));
        assert_status(expected[i], SimFlush(Rig.User, volume));
    }
    p.Status = ~0u;
    assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, 512, &bytes));
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.failed_requests, 9 * 3 + 1);
    assert_int_equal(info.read_requests, 1);
    assert_int_equal(info.read_bytes, 512);
    assert_int_equal(info.written_bytes, 512);
    assert_int_equal(info.in_flight, 0);
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

/* What a provider must not say is an I/O error of that request, and of no other; nothing outside its batch is read. */
static void bad_answers_are_io_errors(void **state)
{
    static const CONDUCT conducts[] = {ConductShort, ConductLong, ConductOutside, ConductWrap, ConductReserved};
    UCHAR data[4096];
    ULONG_PTR bytes;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    volume = RigOpenP(Rig.User);
    for (unsigned i = 0; i < sizeof(conducts) / sizeof(conducts[0]); i++) {
        p.Conduct = conducts[i];
        memset(data, 0xee, sizeof(data));
        assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, sizeof(data), &bytes));
        assert_int_equal(bytes, 0);
        p.Conduct = ConductHonest;
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, sizeof(data), &bytes));
        assert_memory_equal(data, p.Image, sizeof(data));
    }
    /* Twice, or ids it never had: the second is late, the first stands. */
    p.Conduct = ConductTwice;
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 512, data, 512, &bytes));
    p.Conduct = ConductForged;
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 512, data, 512, &bytes));
    p.Conduct = ConductHonest;
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 512, data, 512, &bytes));
    assert_int_equal(p.Late, 2);
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

static void cancel_waiting_and_fetched(void **state)
{
    UCHAR data[512];
    PSIM_IO io;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    for (int fetched = 0; fetched < 2; fetched++) {
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, MIB, 1);
        ProviderMountDefault(&p);
        volume = RigOpenP(Rig.User);
        p.Conduct = ConductLate;
        p.LateMs = 1000;
        if (!fetched) { /* the only worker is busy with another */
            io = SimReadStart(Rig.User, volume, 0, data, 512);
            SimSettle();
            PSIM_IO second = SimReadStart(Rig.User, volume, 512, data, 512);
            SimIoCancel(second);
            assert_status(STATUS_CANCELLED, SimIoWait(second, NULL));
            assert_status(STATUS_SUCCESS, SimIoWait(io, NULL));
        } else {
            io = SimReadStart(Rig.User, volume, 0, data, 512);
            SimSleep(10);
            SimIoCancel(io);
            assert_true(SimIoDone(io));
            assert_status(STATUS_CANCELLED, SimIoWait(io, NULL));
            SimSleep(3000);
            p.Conduct = ConductHonest;
            assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
            assert_int_equal(p.Late, 1);
        }
        SimClose(Rig.User, volume);
        ProviderStop(&p);
        RigStop();
    }
}

/* Closing a handle with requests pending: they are cancelled by the program's end, the volume lives on. */
static void a_reader_that_dies_takes_its_requests_along(void **state)
{
    PSIM_PROCESS reader;
    UCHAR data[8][512];
    PSIM_IO ios[8];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    reader = SimProcessCreate("reader", SimUserPlain);
    volume = RigOpenP(reader);
    p.Conduct = ConductSilent;
    for (int i = 0; i < 8; i++)
        ios[i] = SimReadStart(reader, volume, 0, data[i], 512);
    SimSettle();
    SimProcessKill(reader);
    for (int i = 0; i < 8; i++)
        assert_status(STATUS_CANCELLED, SimIoWait(ios[i], NULL));
    p.Conduct = ConductHonest;
    volume = RigOpenP(Rig.User);
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data[0], 512, NULL));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

static void read_only_volumes_are_not_written(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    UCHAR data[512];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    shape.flags = PLATTER_VOLUME_READ_ONLY;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    volume = RigOpenP(Rig.User);
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
    assert_status(STATUS_MEDIA_WRITE_PROTECTED, SimWrite(Rig.User, volume, 0, data, 512, NULL));
    assert_status(STATUS_SUCCESS, SimFlush(Rig.User, volume));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

/* SL_WRITE_THROUGH reaches the provider; flush does; both only then. */
static void write_through_is_passed_on(void **state)
{
    SIM_KERNEL_REQUEST request = {.Major = IRP_MJ_WRITE, .StackFlags = SL_WRITE_THROUGH, .Bytes = 512};
    UCHAR data[512] = {0};
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    ProviderMountDefault(&p);
    volume = RigOpenP(Rig.User);
    assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 0, data, 512, NULL));
    assert_int_equal(p.Fua, 0);
    request.Data = data;
    assert_status(STATUS_SUCCESS, SimKernelRequest(SimDeviceOf(Rig.User, volume), NULL, &request, NULL));
    assert_int_equal(p.Fua, 1);
    assert_status(STATUS_SUCCESS, SimFlush(Rig.User, volume));
    assert_int_equal(p.Flushes, 1);
    /* A driver's IRP whose buffer is not as long as it says, or that has none. */
    request.Bytes = 0;
    assert_status(STATUS_SUCCESS, SimKernelRequest(SimDeviceOf(Rig.User, volume), NULL, &request, NULL));
    request.Data = NULL;
    request.Bytes = 512;
    assert_status(STATUS_INVALID_PARAMETER, SimKernelRequest(SimDeviceOf(Rig.User, volume), NULL, &request, NULL));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

static void transact_checks_its_input(void **state)
{
    struct {
        struct platter_transact_in head;
        struct platter_answer answers[PLATTER_MAX_BATCH + 1];
    } *in = calloc(1, sizeof(*in));
    UCHAR *batch = calloc(1, PLATTER_TRANSACT_MAX_BATCH + 4096);
    struct platter_transact_out *out = (struct platter_transact_out *)batch;
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out created;
    HANDLE control;
    PSIM_IO io;

#define TRANSACT(inbytes, outbytes)                                                                                    \
    SimIoctl(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, (ULONG)(inbytes), batch, (ULONG)(outbytes), NULL)
    (void)state;
    RigStart(RigLink);
    control = CtlOpenHello(Rig.User);
    in->head.flags = PLATTER_TRANSACT_NO_WAIT;
    assert_status(STATUS_SUCCESS, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    assert_int_equal(out->request_count, 0);
    assert_int_equal(out->live_volumes, 0);
    assert_status(STATUS_BUFFER_TOO_SMALL, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH - 1));
    assert_status(STATUS_BUFFER_TOO_SMALL, TRANSACT(16, 0));
    assert_status(STATUS_SUCCESS, TRANSACT(16, PLATTER_TRANSACT_MAX_BATCH));
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16, PLATTER_TRANSACT_MAX_BATCH + 1));
    in->head.flags = 2;
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    in->head.flags = PLATTER_TRANSACT_NO_WAIT;
    in->head.reserved = 1;
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    in->head.reserved = 0;
    in->head.fetch_max = PLATTER_MAX_BATCH + 1;
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    in->head.fetch_max = PLATTER_MAX_BATCH;
    assert_status(STATUS_SUCCESS, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    in->head.answer_count = PLATTER_MAX_BATCH + 1;
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(sizeof(*in), PLATTER_TRANSACT_MIN_BATCH));
    in->head.answer_count = 2;
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16 + 24, PLATTER_TRANSACT_MIN_BATCH));
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16 + 47, PLATTER_TRANSACT_MIN_BATCH));
    in->head.answer_count = 0x0aaaaaab; /* times 24 is 8 in 32 bits */
    assert_status(STATUS_INVALID_PARAMETER, TRANSACT(16 + 8, PLATTER_TRANSACT_MIN_BATCH));
    in->head.answer_count = PLATTER_MAX_BATCH;
    assert_status(STATUS_SUCCESS, TRANSACT(16 + 24 * PLATTER_MAX_BATCH, PLATTER_TRANSACT_MIN_BATCH));
    assert_int_equal(out->answers_late, PLATTER_MAX_BATCH);
    assert_int_equal(out->answers_taken, 0);
    /* One that only answers never waits. */
    in->head = (struct platter_transact_in){0, 0, 0, 0};
    assert_status(STATUS_SUCCESS, TRANSACT(16, PLATTER_TRANSACT_MIN_BATCH));
    /* One that waits: cancelled, woken when the last volume goes, ended with the handle. */
    in->head.fetch_max = 4;
    io = SimIoctlStart(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, 16, batch, PLATTER_TRANSACT_MIN_BATCH);
    assert_false(SimIoWaitFor(io, 100000));
    SimIoCancel(io);
    assert_status(STATUS_CANCELLED, SimIoWait(io, NULL));
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &created));
    io = SimIoctlStart(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, 16, batch, PLATTER_TRANSACT_MIN_BATCH);
    assert_false(SimIoWaitFor(io, 1000));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, control, created.volume_id, 0));
    assert_status(STATUS_SUCCESS, SimIoWait(io, NULL));
    assert_int_equal(out->request_count, 0);
    assert_int_equal(out->live_volumes, 0);
    assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, control, &shape, &created));
    io = SimIoctlStart(Rig.User, control, PLATTER_IOCTL_TRANSACT, in, 16, batch, PLATTER_TRANSACT_MIN_BATCH);
    SimClose(Rig.User, control);
    SimIoWait(io, NULL);
    RigStop();
    free(in);
    free(batch);
}

/* Several volumes behind one handle: each request names its own. */
static void volumes_of_one_handle_are_kept_apart(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    struct platter_volume_create_out out[4];
    struct platter_volume_info info;
    HANDLE volumes[4];
    UCHAR data[512];
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 2);
    for (int i = 0; i < 4; i++) {
        char name[32];
        shape.letter = (uint32_t)('M' + i);
        shape.unique_id[3] = (uint8_t)i;
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out[i]));
        p.VolumeId = out[i].volume_id;
        assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out[i].volume_id, &info));
        assert_int_equal(info.letter, 'M' + i);
        snprintf(name, sizeof(name), "\\\\.\\%c:", 'M' + i);
        assert_status(STATUS_SUCCESS, SimOpen(Rig.User, name, RW, &volumes[i]));
    }
    assert_int_equal(SimPnpChildren(Rig.Bus), 4);
    for (int i = 0; i < 4; i++)
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volumes[i], 1024, data, 512, NULL));
    SimClose(Rig.User, volumes[1]);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, out[1].volume_id, 0));
    assert_status(STATUS_DEVICE_BUSY, CtlRemove(Rig.User, p.Control, out[2].volume_id, 0));
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volumes[2], 1024, data, 512, NULL));
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, out[2].volume_id, PLATTER_REMOVE_FORCE));
    assert_status(STATUS_NO_SUCH_DEVICE, SimRead(Rig.User, volumes[2], 1024, data, 512, NULL));
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volumes[3], 1024, data, 512, NULL));
    for (int i = 0; i < 4; i++)
        if (i != 1)
            SimClose(Rig.User, volumes[i]);
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(ranges_are_checked),
        RIG_TEST(long_requests_go_in_pieces),
        RIG_TEST(many_in_flight),
        RIG_TEST(every_status_has_its_meaning),
        RIG_TEST(bad_answers_are_io_errors),
        RIG_TEST(cancel_waiting_and_fetched),
        RIG_TEST(a_reader_that_dies_takes_its_requests_along),
        RIG_TEST(read_only_volumes_are_not_written),
        RIG_TEST(write_through_is_passed_on),
        RIG_TEST(transact_checks_its_input),
        RIG_TEST(volumes_of_one_handle_are_kept_apart),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
