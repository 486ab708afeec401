/* SPDX-License-Identifier: MIT */
/*
 * Threads that read and write the same sectors at once, whole and in pieces, cancelled and over their deadlines, under a
 * provider of several workers: what a sector holds is what the last write put there, or one that was under way (history.h).
 * NTSIM_SEEDS=n runs n schedules of each, NTSIM_SEED=n that one.
 */
#include "rig.h"

#include "../support/history.h"

#define SECTOR 512u
#define SECTORS 2048u
#define LONGEST 200u /* sectors: more than a batch holds */
#define CLIENTS 4u
#define WHY 400u

typedef struct _CLIENT {
    PSIM_PROCESS Process;
    struct history *History;
    ULONG Rounds;
    BOOLEAN Cancels, MayFail;
    UCHAR Data[LONGEST * SECTOR];
} CLIENT;

static ULONG Seeds(ULONG usual)
{
    const char *asked = getenv("NTSIM_SEEDS");

    if (getenv("NTSIM_SEED"))
        return 1;
    return asked ? (ULONG)strtoul(asked, NULL, 0) : usual;
}

/* Around three places, where requests meet. */
static ULONG Choose(ULONG *count)
{
    ULONG first = SimRandom(3) * (SECTORS / 4) + SimRandom(12);

    *count = SimRandom(4) ? SimRandom(8) + 1 : SimRandom(LONGEST) + 1;
    return first;
}

static void Client(void *context)
{
    CLIENT *c = context;
    char why[WHY];
    HANDLE volume;

    if (SimOpen(c->Process, "\\\\.\\P:", RW, &volume) != STATUS_SUCCESS)
        SimBug("the drive cannot be opened");
    for (ULONG round = 0; round < c->Rounds; round++) {
        ULONG count, first = Choose(&count);
        BOOLEAN write = (BOOLEAN)SimRandom(2);
        uint64_t number =
            write ? history_write_begins(c->History, first, count, c->Data) : history_read_begins(c->History);
        PSIM_IO io = write ? SimWriteStart(c->Process, volume, (ULONG64)first * SECTOR, c->Data, count * SECTOR)
                           : SimReadStart(c->Process, volume, (ULONG64)first * SECTOR, c->Data, count * SECTOR);
        NTSTATUS status;
        if (c->Cancels && SimRandom(3) == 0) {
            SimSleep(SimRandom(3));
            SimIoCancel(io);
        }
        status = SimIoWait(io, NULL);
        if (status != STATUS_SUCCESS && !(c->Cancels && status == STATUS_CANCELLED) &&
            !(c->MayFail && status == STATUS_IO_DEVICE_ERROR))
            SimBug("a request fails: %08x", status);
        if (write)
            history_write_ends(c->History, number, first, count, NT_SUCCESS(status));
        else if (!history_read_ends(c->History, number, first, count, NT_SUCCESS(status) ? c->Data : NULL, why, WHY))
            SimBug("%s", why);
    }
    SimClose(c->Process, volume);
}

static void CheckWhole(struct history *history, const PROVIDER *p)
{
    char why[WHY];

    if (!history_read_ends(history, history_read_begins(history), 0, SECTORS, p->Image, why, WHY))
        SimBug("in the end: %s", why);
}

static void Storm(ULONG64 seed, CONDUCT conduct, BOOLEAN cancels)
{
    SIM_OPTIONS options = {.Seed = seed};
    struct platter_volume_create_in shape;
    struct history *history = history_create(SECTORS, SECTOR);
    CLIENT *clients = calloc(CLIENTS, sizeof(*clients));
    PSIM_THREAD threads[CLIENTS];
    PROVIDER p;

    RigStartWith((RIG_ROUTE)(seed % 3), &options);
    ProviderStartBatch(&p, Rig.User, SECTORS * SECTOR, 3, PLATTER_TRANSACT_DATA_OFFSET + 48 * 1024, 8);
    memset(p.Image, 0, SECTORS * SECTOR);
    shape = ShapeDefault(SECTORS * SECTOR);
    shape.deadline_ms = 1000;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    p.Conduct = conduct;
    p.LateMs = conduct == ConductDrowsy ? 3000 : 0;
    p.OnlyOp = conduct == ConductDrowsy ? PLATTER_OP_WRITE : 0;
    for (ULONG i = 0; i < CLIENTS; i++) {
        clients[i].Process = SimProcessCreate("client", SimUserAdmin);
        clients[i].History = history;
        clients[i].Rounds = conduct == ConductDrowsy ? 20 : 40;
        clients[i].Cancels = cancels;
        clients[i].MayFail = conduct == ConductDrowsy;
        threads[i] = SimThreadCreate(clients[i].Process, "client", Client, &clients[i]);
    }
    for (ULONG i = 0; i < CLIENTS; i++)
        SimThreadJoin(threads[i]);
    SimSleep(5000); /* what is still being written comes to its end */
    CheckWhole(history, &p);
    ProviderStop(&p);
    RigStop();
    free(clients);
    history_free(history);
}

static void overlapping_requests(void **state)
{
    ULONG seeds = Seeds(6);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++)
        Storm(seed, seed % 2 ? ConductHonest : ConductShuffled, FALSE);
}

static void cancelled_requests(void **state)
{
    ULONG seeds = Seeds(6);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++)
        Storm(seed * 3, ConductHonest, TRUE);
}

/* Each write is done after its deadline has gone by. */
static void writes_over_their_deadline(void **state)
{
    ULONG seeds = Seeds(6);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++)
        Storm(seed * 5, ConductDrowsy, FALSE);
}

static PSIM_IO WriteNumber(HANDLE volume, UCHAR number, UCHAR *data)
{
    memset(data, number, SECTOR);
    return SimWriteStart(Rig.User, volume, 0, data, SECTOR);
}

/* The old bytes do not come over the new ones; reads and flushes need not wait, and nothing waits once it is answered. */
static void a_write_that_was_given_up_is_awaited(void **state)
{
    (void)state;
    for (int cancel = 0; cancel < 2; cancel++) {
        struct platter_volume_create_in shape;
        UCHAR one[SECTOR], two[SECTOR], data[SECTOR];
        HANDLE volume;
        PSIM_IO first, second;
        ULONG64 begun;
        PROVIDER p;

        RigStart(RigPnp);
        ProviderStart(&p, Rig.User, MIB, 2);
        shape = ShapeDefault(MIB);
        shape.deadline_ms = 1000;
        assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
        assert_status(STATUS_SUCCESS, SimOpen(Rig.User, p.Device, RW, &volume));
        p.Conduct = ConductDrowsy;
        p.LateMs = 1700;
        p.Nth = p.Requests + 1;
        first = WriteNumber(volume, 1, one);
        SimSleep(100);
        if (cancel)
            SimIoCancel(first);
        assert_status(cancel ? STATUS_CANCELLED : STATUS_IO_DEVICE_ERROR, SimIoWait(first, NULL));
        begun = SimMilliseconds();
        second = WriteNumber(volume, 2, two);
        assert_false(SimIoWaitFor(second, 300));
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, SECTOR, data, SECTOR, NULL));
        assert_status(STATUS_SUCCESS, SimFlush(Rig.User, volume));
        assert_true(SimMilliseconds() - begun < 600);
        assert_status(cancel ? STATUS_IO_DEVICE_ERROR : STATUS_SUCCESS, SimIoWait(second, NULL));
        if (cancel) { /* it waited for as long as it may */
            SimSleep(1000);
            assert_status(STATUS_SUCCESS, SimIoWait(WriteNumber(volume, 2, two), NULL));
        }
        SimSleep(3000);
        assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, SECTOR, NULL));
        assert_int_equal(data[0], 2);
        assert_status(STATUS_SUCCESS, SimIoWait(WriteNumber(volume, 3, one), NULL));
        assert_int_equal(p.Image[0], 3);
        SimClose(Rig.User, volume);
        ProviderStop(&p);
        RigStop();
    }
}

/* One that is never answered: no write is done any more, each ends at its deadline, and the drive can be taken away. */
static void a_write_that_is_never_answered(void **state)
{
    struct platter_volume_create_in shape;
    UCHAR one[SECTOR], data[SECTOR];
    HANDLE volume;
    PROVIDER p;

    (void)state;
    RigStart(RigPnp);
    ProviderStart(&p, Rig.User, MIB, 2);
    shape = ShapeDefault(MIB);
    shape.deadline_ms = 1000;
    assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
    assert_status(STATUS_SUCCESS, SimOpen(Rig.User, p.Device, RW, &volume));
    p.Conduct = ConductSilent;
    p.Nth = p.Requests + 1;
    for (int i = 0; i < 3; i++)
        assert_status(STATUS_IO_DEVICE_ERROR, SimIoWait(WriteNumber(volume, 1, one), NULL));
    assert_status(STATUS_SUCCESS, SimRead(Rig.User, volume, 0, data, SECTOR, NULL));
    SimClose(Rig.User, volume);
    assert_status(STATUS_SUCCESS, CtlRemove(Rig.User, p.Control, p.VolumeId, 0));
    ProviderStop(&p);
    RigStop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(overlapping_requests),           RIG_TEST(cancelled_requests),
        RIG_TEST(writes_over_their_deadline),     RIG_TEST(a_write_that_was_given_up_is_awaited),
        RIG_TEST(a_write_that_is_never_answered),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
