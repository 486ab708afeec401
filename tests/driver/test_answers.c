/* SPDX-License-Identifier: MIT */
/*
 * A provider goes wrong at each point of a volume's life: with the n-th request that it is asked it answers late,
 * twice, wrongly or never, or dies. That request ends as protocol.h says; the others, before and after, are served.
 */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>

typedef struct TRIM {
    DEVICE_MANAGE_DATA_SET_ATTRIBUTES Head;
    DEVICE_DATA_SET_RANGE Ranges[2];
} TRIM;

/* The steps of a life: how many requests each is, with the batch below, and which kind they are. */
enum { Mount, Read, Write, Flush, Verify, Trim, LongRead, STEPS };
static const struct {
    ULONG Requests, Op;
    const char *Name;
} Steps[STEPS] = {
    [Mount] = {1, PLATTER_OP_READ, "the probe"},
    [Read] = {1, PLATTER_OP_READ, "a read"},
    [Write] = {1, PLATTER_OP_WRITE, "a write"},
    [Flush] = {1, PLATTER_OP_FLUSH, "a flush"},
    [Verify] = {2, PLATTER_OP_READ, "VERIFY"},
    [Trim] = {2, PLATTER_OP_DISCARD, "TRIM"},
    [LongRead] = {3, PLATTER_OP_READ, "a read in pieces"},
};
enum { BATCH = 16384 };

static NTSTATUS Step(int step, PROVIDER *p, HANDLE volume, UCHAR *data)
{
    struct platter_volume_create_in shape = ShapeDefault(MIB);
    VERIFY_INFORMATION verify = {.StartingOffset.QuadPart = 512, .Length = BATCH + 512};
    TRIM trim = {.Head = {sizeof(trim.Head), 1, 0, 0, 0, offsetof(TRIM, Ranges), sizeof(trim.Ranges)},
                 .Ranges = {{131072, 4096}, {262144, 4096}}};
    ULONG_PTR bytes;
    NTSTATUS status;

    switch (step) {
    case Mount:
        shape.flags = PLATTER_VOLUME_TRIM;
        shape.deadline_ms = 5000;
        return ProviderMount(p, &shape);
    case Read:
        status = SimRead(Rig.Admin, volume, 4096, data, 4096, &bytes);
        if (NT_SUCCESS(status))
            assert_memory_equal(data, p->Image + 4096, 4096);
        assert_int_equal(bytes, NT_SUCCESS(status) ? 4096 : 0);
        return status;
    case Write:
        return SimWrite(Rig.Admin, volume, 65536, data, 4096, NULL);
    case Flush:
        return SimFlush(Rig.Admin, volume);
    case Verify:
        return SimIoctl(Rig.Admin, volume, IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0, NULL);
    case Trim:
        return SimIoctl(Rig.Admin, volume, IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, &trim, sizeof(trim), NULL, 0,
                        NULL);
    default:
        status = SimRead(Rig.Admin, volume, 8192, data, 3 * BATCH - 512, &bytes);
        if (NT_SUCCESS(status))
            assert_memory_equal(data, p->Image + 8192, 3 * BATCH - 512);
        assert_int_equal(bytes, NT_SUCCESS(status) ? 3 * BATCH - 512 : 0); /* in mid-transfer it fails as a whole */
        return status;
    }
}

/* How the request ends, by protocol.h: struct platter_answer, enum platter_status. */
static NTSTATUS Expected(CONDUCT conduct, ULONG op)
{
    switch (conduct) {
    case ConductHonest:
    case ConductTwice:
    case ConductForged:
    case ConductShuffled:
        return STATUS_SUCCESS;
    case ConductStatus:
        return STATUS_CRC_ERROR;
    case ConductOutside:
    case ConductWrap:
        return op == PLATTER_OP_READ ? STATUS_IO_DEVICE_ERROR : STATUS_SUCCESS; /* for others it is ignored */
    default:
        return STATUS_IO_DEVICE_ERROR;
    }
}

static void Life(RIG_ROUTE route, CONDUCT conduct, ULONG nth)
{
    UCHAR *data = calloc(3, BATCH);
    struct platter_volume_info info;
    HANDLE volume = NULL;
    ULONG request = 0, failed = 0;
    BOOLEAN unanswered = FALSE;
    PROVIDER p;

    RigStart(route);
    ProviderStartBatch(&p, Rig.User, MIB, 1, PLATTER_TRANSACT_DATA_OFFSET + BATCH, 4);
    p.Conduct = conduct;
    p.Nth = nth;
    p.Status = PLATTER_STATUS_DAMAGED;
    p.LateMs = 8000; /* the deadline is 5000 */
    for (int step = 0; step < STEPS; step++) {
        BOOLEAN hit = nth > request && nth <= request + Steps[step].Requests;
        BOOLEAN writes = Steps[step].Op == PLATTER_OP_WRITE || Steps[step].Op == PLATTER_OP_DISCARD;
        NTSTATUS expected = hit ? Expected(conduct, Steps[step].Op) : STATUS_SUCCESS;
        NTSTATUS status;
        if (unanswered && writes)
            expected = STATUS_IO_DEVICE_ERROR; /* no write overtakes one that may be done yet */
        if (conduct == ConductLate && hit)
            SimSleep(0);
        status = Step(step, &p, volume, data);
        if (status != expected)
            SimBug("conduct %d at request %u, %s: %08x, expected %08x", conduct, nth, Steps[step].Name, status,
                   expected);
        failed += !NT_SUCCESS(status);
        unanswered |= conduct == ConductSilent && hit && writes;
        if (conduct == ConductLate && hit)
            SimSleep(10000); /* it comes to itself */
        if (step == Mount && !NT_SUCCESS(status)) {
            /* "VOLUME_START: may be tried again" */
            p.Conduct = ConductHonest;
            assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, p.VolumeId, &p.Info));
        }
        if (step == Mount)
            assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, p.Device, RW, &volume));
        request += Steps[step].Requests;
    }
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.failed_requests, failed);
    assert_int_equal(info.in_flight, 0);
    SimClose(Rig.Admin, volume);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, p.VolumeId, 0));
    ProviderStop(&p);
    RigStop();
    free(data);
}

static void wrong_at_each_point(void **state)
{
    ULONG total = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++)
        total += Steps[step].Requests;
    for (CONDUCT conduct = ConductSilent; conduct <= ConductShuffled; conduct++)
        for (ULONG nth = 1; nth <= total; nth++)
            Life(nth % 2 ? RigPnp : RigLink, conduct, nth);
}

typedef struct READER {
    PROVIDER *P;
    HANDLE Volume;
    int Last; /* the step that was under way */
    NTSTATUS Status;
} READER;

static void Reader(void *context)
{
    READER *r = context;
    UCHAR *data = calloc(3, BATCH);

    for (r->Last = Read; r->Last < STEPS; r->Last++) {
        r->Status = Step(r->Last, r->P, r->Volume, data);
        if (!NT_SUCCESS(r->Status))
            break;
    }
    free(data);
}

/* It holds its n-th request, and then dies or closes its handle: everything that waits ends, nothing is left. */
static void dies_at_each_point(void **state)
{
    (void)state;
    for (ULONG nth = 2; nth <= 11; nth++)
        for (int killed = 0; killed < 2; killed++)
            for (RIG_ROUTE route = RigPnp; route <= RigLink; route++) {
                PSIM_PROCESS owner;
                PSIM_THREAD thread;
                READER r = {0};
                PROVIDER p;
                char target[64];
                RigStart(route);
                owner = SimProcessCreate("provider", SimUserPlain);
                ProviderStartBatch(&p, owner, MIB, 1, PLATTER_TRANSACT_DATA_OFFSET + BATCH, 4);
                p.Conduct = ConductSilent;
                p.Nth = nth;
                assert_status(STATUS_SUCCESS, Step(Mount, &p, NULL, NULL));
                r.P = &p;
                assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, p.Device, RW, &r.Volume));
                thread = SimThreadCreate(Rig.Admin, "reader", Reader, &r);
                SimSleep(100);
                assert_int_equal(p.Requests, nth);
                if (killed)
                    SimProcessKill(owner);
                else
                    SimClose(owner, p.Control);
                SimThreadJoin(thread);
                if (r.Status != STATUS_NO_SUCH_DEVICE)
                    SimBug("%s of a dead provider: %08x", Steps[r.Last].Name, r.Status);
                SimClose(Rig.Admin, r.Volume);
                ProviderFree(&p);
                SimSettle();
                assert_int_equal(CtlCount(Rig.Other), 0);
                assert_false(SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)));
                RigStop();
            }
}

/* It dies while its probe is out, and while it is announced. */
static void dies_before_it_runs(void **state)
{
    (void)state;
    for (int announced = 0; announced < 2; announced++)
        for (RIG_ROUTE route = RigPnp; route <= RigExplicit; route++) {
            SIM_OPTIONS options = {.NoAutoMount = announced};
            struct platter_volume_create_in shape = ShapeDefault(MIB);
            struct platter_volume_start_in start = {0};
            struct platter_volume_create_out out;
            struct platter_volume_info info;
            PSIM_PROCESS owner;
            PSIM_IO io;
            PROVIDER p;
            RigStartWith(route, &options);
            owner = SimProcessCreate("provider", SimUserPlain);
            ProviderStart(&p, owner, MIB, 1);
            p.Conduct = announced ? ConductHonest : ConductSilent;
            p.Nth = 1;
            assert_status(STATUS_SUCCESS, CtlCreateVolume(owner, p.Control, &shape, &out));
            p.VolumeId = start.volume_id = out.volume_id;
            io =
                SimIoctlStart(owner, p.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info, sizeof(info));
            SimSleep(100);
            SimProcessKill(owner);
            SimIoWait(io, NULL);
            ProviderFree(&p);
            SimSettle();
            assert_int_equal(CtlCount(Rig.Other), 0);
            assert_int_equal(SimMountVolumes(), 0);
            RigStop();
        }
}

/* A volume whose requests the test answers itself, by hand. */
static HANDLE MountByHand(PROVIDER *p)
{
    RigStart(RigLink);
    ProviderStart(p, Rig.User, MIB, 1);
    ProviderMountDefault(p);
    SimCancelAll(Rig.User, p->Control); /* the honest worker goes home */
    SimThreadJoin(p->Threads[0]);
    p->Workers = 0;
    return RigOpenP(Rig.User);
}

/* An answer is for the request it names, whatever else it looks like; the others are counted and change nothing. */
static void an_answer_names_its_request(void **state)
{
    static UCHAR batch[PLATTER_TRANSACT_DATA_OFFSET + 65536];
    static const ULONG64 off[] = {1, 2, 16, 32, 64, 128, 256, 1024, 4096, 65536, 1u << 31, 1ull << 32, 1ull << 63};
    const struct platter_transact_out *out = (const struct platter_transact_out *)batch;
    const struct platter_request *request = (const struct platter_request *)(out + 1);
    struct {
        struct platter_transact_in Head;
        struct platter_answer Answer;
    } in = {.Head = {.fetch_max = 1}};
    struct platter_volume_info info;
    UCHAR data[512];
    HANDLE volume;
    PROVIDER p;
    PSIM_IO io;

    (void)state;
    volume = MountByHand(&p);
    io = SimReadStart(Rig.User, volume, 512, data, sizeof(data));
    in.Head.fetch_max = 1;
    in.Head.flags = PLATTER_TRANSACT_NO_WAIT;
    assert_status(STATUS_SUCCESS, SimIoctl(Rig.User, p.Control, PLATTER_IOCTL_TRANSACT, &in, sizeof(in.Head), batch,
                                           sizeof(batch), NULL));
    assert_int_equal(out->request_count, 1);
    in.Answer = (struct platter_answer){request->request_id, PLATTER_STATUS_OK, 512, request->data_offset, 0};
    memcpy(batch + in.Answer.data_offset, p.Image + 512, 512);
    in.Head.fetch_max = 0;
    in.Head.answer_count = 1;
    for (unsigned i = 0; i < 2 * sizeof(off) / sizeof(off[0]); i++) {
        ULONG64 right = in.Answer.request_id;
        in.Answer.request_id += i % 2 ? off[i / 2] : 0 - off[i / 2];
        assert_status(STATUS_SUCCESS, SimIoctl(Rig.User, p.Control, PLATTER_IOCTL_TRANSACT, &in, sizeof(in), batch,
                                               sizeof(batch), NULL));
        assert_int_equal(out->answers_late, 1);
        if (SimIoDone(io))
            SimBug("request %llu is ended by an answer to %llu", (unsigned long long)right,
                   (unsigned long long)in.Answer.request_id);
        in.Answer.request_id = right;
    }
    memcpy(batch + in.Answer.data_offset, p.Image + 512, 512);
    assert_status(STATUS_SUCCESS,
                  SimIoctl(Rig.User, p.Control, PLATTER_IOCTL_TRANSACT, &in, sizeof(in), batch, sizeof(batch), NULL));
    assert_int_equal(out->answers_late, 0);
    assert_status(STATUS_SUCCESS, SimIoWait(io, NULL));
    assert_memory_equal(data, p.Image + 512, 512);
    assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
    assert_int_equal(info.late_answers, 2 * sizeof(off) / sizeof(off[0]));
    SimClose(Rig.User, volume);
    ProviderStop(&p);
    RigStop();
}

/* Two requests and a batch that has room for one and a half: the second comes whole with the next, not cut in two. */
static void what_does_not_fit_waits(void **state)
{
    enum { ONE = 8192, ROOM = PLATTER_TRANSACT_DATA_OFFSET + ONE + ONE / 2 };
    static UCHAR batch[ROOM], data[2][ONE];
    const struct platter_transact_out *out = (const struct platter_transact_out *)batch;
    const struct platter_request *request = (const struct platter_request *)(out + 1);
    struct platter_transact_in in = {.fetch_max = 8, .flags = PLATTER_TRANSACT_NO_WAIT};
    PSIM_IO ios[2];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    volume = MountByHand(&p);
    for (ULONG i = 0; i < 2; i++)
        ios[i] = SimReadStart(Rig.User, volume, i * ONE, data[i], ONE);
    for (ULONG i = 0; i < 2; i++) {
        assert_status(STATUS_SUCCESS,
                      SimIoctl(Rig.User, p.Control, PLATTER_IOCTL_TRANSACT, &in, sizeof(in), batch, ROOM, NULL));
        assert_int_equal(out->request_count, 1);
        assert_int_equal(request->offset, i * ONE);
        assert_int_equal(request->length, ONE);
    }
    SimClose(Rig.User, p.Control);
    for (int i = 0; i < 2; i++)
        assert_false(NT_SUCCESS(SimIoWait(ios[i], NULL)));
    SimClose(Rig.User, volume);
    ProviderFree(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(wrong_at_each_point),         RIG_TEST(dies_at_each_point),      RIG_TEST(dies_before_it_runs),
        RIG_TEST(an_answer_names_its_request), RIG_TEST(what_does_not_fit_waits),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
