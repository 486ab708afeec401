/* SPDX-License-Identifier: MIT */
/* Deadlines: of a request, and of each piece of one that is longer than a batch. */
#include "rig.h"

/* A silent provider: the request ends at its deadline, not later, and its answer afterwards is late. */
static void deadlines_are_kept(void **state)
{
    struct platter_volume_create_in shape;
    struct platter_volume_info info;
    UCHAR data[512];
    HANDLE volume;
    PROVIDER p;
    ULONG64 begin, took;

    (void)state;
    for (ULONG deadline = 0; deadline < 3; deadline++) {
        static const ULONG asked[] = {0, 100, 5000}, meant[] = {PLATTER_DEFAULT_DEADLINE_MS, 100, 5000};
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, MIB, 1);
        shape = ShapeDefault(MIB);
        shape.deadline_ms = asked[deadline];
        assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
        volume = RigOpenP(Rig.User);
        p.Conduct = ConductSilent;
        begin = SimMilliseconds();
        assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, 512, NULL));
        took = SimMilliseconds() - begin;
        if (took < meant[deadline] || took > meant[deadline] + 1000)
            fail_msg("deadline %u: after %llu ms", meant[deadline], (unsigned long long)took);
        /* With the provider gone to sleep before it fetches, it is the same. */
        p.Conduct = ConductLate;
        p.LateMs = meant[deadline] * 3;
        assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, 512, NULL));
        assert_status(STATUS_IO_DEVICE_ERROR, SimRead(Rig.User, volume, 0, data, 512, NULL));
        p.Conduct = ConductHonest;
        SimSleep(meant[deadline] * 4);
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, 512, NULL));
        assert_true(p.Late >= 1);
        assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
        assert_int_equal(info.failed_requests, 3);
        assert_true(info.late_answers >= 1);
        SimClose(Rig.User, volume);
        ProviderStop(&p);
        RigStop();
    }
}

enum { PIECE = 64 * 1024, PIECES = 10 };

/* A volume of that many pieces with a deadline of a second, and a provider that may take its time for each. */
static HANDLE MountInPieces(PROVIDER *p)
{
    struct platter_volume_create_in shape = ShapeDefault(PIECES * PIECE);

    RigStart(RigLink);
    ProviderStartBatch(p, Rig.User, PIECES * PIECE, 1, PLATTER_TRANSACT_DATA_OFFSET + PIECE, 1);
    shape.deadline_ms = 1000;
    assert_status(STATUS_SUCCESS, ProviderMount(p, &shape));
    p->Conduct = ConductLate;
    return RigOpenP(Rig.User);
}

/* Slow is not stuck: a long read whose every piece comes within the deadline succeeds, however long it takes in all. */
static void long_request_may_take_its_time(void **state)
{
    static UCHAR data[PIECES * PIECE];
    ULONG_PTR bytes;
    ULONG64 begin;
    HANDLE volume;
    PROVIDER p;

    (void)state;
    volume = MountInPieces(&p);
    p.LateMs = 600;
    begin = SimMilliseconds();
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, sizeof(data), &bytes));
    assert_int_equal(bytes, sizeof(data));
    assert_memory_equal(data, p.Image, sizeof(data));
    assert_true(SimMilliseconds() - begin >= PIECES * 600);
    assert_status(STATUS_SUCCESS, SimWrite(Rig.User, volume, 0, data, sizeof(data), &bytes));
    assert_int_equal(p.Late, 0);
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

/* A piece that does not come ends the whole request at that piece's deadline, with no byte reported. */
static void each_piece_has_its_deadline(void **state)
{
    static UCHAR data[PIECES * PIECE];
    ULONG_PTR bytes;
    ULONG64 took;
    HANDLE volume;
    PSIM_IO io;
    PROVIDER p;

    (void)state;
    volume = MountInPieces(&p);
    p.LateMs = 600;
    io = SimReadStart(Rig.User, volume, 0, data, sizeof(data));
    SimSleep(3 * 600 + 300); /* three pieces are done, the fourth is with the provider */
    p.Conduct = ConductSilent;
    took = SimMilliseconds();
    assert_status(STATUS_IO_DEVICE_ERROR, SimIoWait(io, &bytes));
    took = SimMilliseconds() - took;
    assert_int_equal(bytes, 0);
    /* The fifth went out 300 ms later and had a second from then. */
    if (took < 1200 || took > 1600)
        fail_msg("after %llu ms", (unsigned long long)took);
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

/* The performance counter goes on while the machine sleeps. Who waited then was not late: its deadline begins anew. */
static void a_machine_that_sleeps_is_not_late(void **state)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    UCHAR data[512];
    HANDLE volume;
    PSIM_IO fetched, waiting;
    ULONG64 woke;
    PROVIDER p;

    (void)state;
    RigStart(RigLink);
    ProviderStart(&p, Rig.User, MIB, 1);
    shape.deadline_ms = 5000;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    volume = RigOpenP(Rig.User);
    for (int heard = 0; heard < 2; heard++) {
        p.Conduct = ConductLate;
        p.LateMs = heard ? 2000 : 60000;
        fetched = SimReadStart(Rig.User, volume, 0, data, 512);
        SimSleep(1);
        waiting = SimReadStart(Rig.User, volume, 512, data, 512);
        SimSleep(500);
        SimMachineSleep(8 * 3600 * 1000ull);
        woke = SimMilliseconds();
        assert_false(SimIoWaitFor(fetched, 1000));
        assert_false(SimIoDone(waiting));
        if (heard) {
            assert_status(STATUS_SUCCESS, SimIoWait(fetched, NULL));
            assert_status(STATUS_SUCCESS, SimIoWait(waiting, NULL));
            continue;
        }
        assert_status(STATUS_IO_DEVICE_ERROR, SimIoWait(fetched, NULL));
        assert_status(STATUS_IO_DEVICE_ERROR, SimIoWait(waiting, NULL));
        if (SimMilliseconds() - woke < 4900 || SimMilliseconds() - woke > 5500)
            fail_msg("%llu ms after the machine woke", (unsigned long long)(SimMilliseconds() - woke));
        SimSleep(60000); /* the late answers come */
    }
    assert_int_equal(p.Late, 1);
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

typedef struct MOUNTER {
    PROVIDER *Provider;
    NTSTATUS Status;
    BOOLEAN Done;
} MOUNTER;

static void Mounter(void *context)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    MOUNTER *mounter = context;

    mounter->Status = ProviderMount(mounter->Provider, &shape);
    mounter->Done = TRUE;
}

/* Nor is the PnP manager, which has half a minute to start the device: of the machine's own time. */
static void nor_is_a_start(void **state)
{
    MOUNTER mounter = {0};
    PSIM_THREAD thread;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 1);
    mounter.Provider = &p;
    SimStall("IoInvalidateDeviceRelations", 25000);
    thread = SimThreadCreate(Rig.User, "mounter", Mounter, &mounter);
    SimSleep(10000);
    assert_int_equal(SimStalls(), 0);
    assert_false(mounter.Done);
    SimMachineSleep(8 * 3600 * 1000ull);
    SimSleep(5000);
    assert_false(mounter.Done);
    SimThreadJoin(thread);
    assert_status(STATUS_SUCCESS, mounter.Status);
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(deadlines_are_kept),
        RIG_TEST(long_request_may_take_its_time),
        RIG_TEST(each_piece_has_its_deadline),
        RIG_TEST(a_machine_that_sleeps_is_not_late),
        RIG_TEST(nor_is_a_start),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
