/* SPDX-License-Identifier: MIT */
/*
 * Each request that may wait is cancelled at each point of its life: before the driver has it, inside its dispatch
 * routine, while it waits, while it is answered, after it. "Each point" is so many switches of a schedule that the
 * seed chooses. Cancelled or not, it ends once, and the drive is as good as before.
 */
#include "rig.h"
#include <ntdddisk.h>
#include <ntddstor.h>

enum { POINTS = 14 };

typedef struct CANCELLER {
    PSIM_PROCESS Process;
    HANDLE Handle;
    ULONG Points;
} CANCELLER;

/* CancelIoEx of the handle by another thread, after so many chances to run. */
static void Canceller(void *context)
{
    CANCELLER *c = context;

    for (ULONG i = 0; i < c->Points; i++)
        SimYieldNow();
    SimCancelAll(c->Process, c->Handle);
}

static void Check(NTSTATUS status, NTSTATUS other, const char *what)
{
    if (status != STATUS_SUCCESS && status != STATUS_CANCELLED && status != other)
        SimBug("%s, cancelled: %08x", what, status);
}

/* ---- Requests of the control device ------------------------------------------------------------------------------ */

static void start_is_cancelled(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(5); seed++)
        for (ULONG point = 0; point < POINTS; point++) {
            struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
            struct platter_volume_create_out out;
            struct platter_volume_info info;
            CANCELLER canceller = {NULL, NULL, point * point};
            PSIM_THREAD thread;
            NTSTATUS status;
            HANDLE starter;
            PROVIDER p;
            RigStartWith(seed % 2 ? RigPnp : RigLink, &(SIM_OPTIONS){.Seed = seed, .NoAutoMount = seed % 3 == 0});
            ProviderStart(&p, Rig.User, 64 * 1024, 1);
            assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
            p.VolumeId = out.volume_id;
            starter = p.Control;
            canceller.Process = Rig.User;
            canceller.Handle = starter;
            thread = SimThreadCreate(Rig.Other, "canceller", Canceller, &canceller);
            status = CtlStartVolume(Rig.User, p.Control, out.volume_id, &info);
            Check(status, STATUS_NO_SUCH_DEVICE, "VOLUME_START");
            SimThreadJoin(thread);
            SimSettle();
            /* The cancel took the worker's TRANSACT along: a provider that goes on serves again. */
            if (status == STATUS_SUCCESS && info.letter != 'P')
                SimBug("VOLUME_START succeeds with letter %u", info.letter);
            if (status != STATUS_SUCCESS && CtlInfo(Rig.User, out.volume_id, &info) &&
                info.state != PLATTER_STATE_CREATED)
                SimBug("a volume whose start was cancelled is in state %u", info.state);
            ProviderStop(&p);
            assert_int_equal(CtlCount(Rig.User), 0);
            RigStop();
        }
}

static void remove_is_cancelled(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(5); seed++)
        for (ULONG point = 0; point < POINTS; point++) {
            struct platter_volume_info info;
            CANCELLER canceller = {NULL, NULL, point * point};
            PSIM_THREAD thread;
            HANDLE remover, volume = NULL;
            NTSTATUS status;
            PROVIDER p;
            RigStartWith((RIG_ROUTE)(seed % 3), &(SIM_OPTIONS){.Seed = seed});
            ProviderStart(&p, Rig.User, 64 * 1024, 1);
            ProviderMountDefault(&p);
            if (seed % 4 == 0) /* the device outlives the removal */
                assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, p.Device, RW, &volume));
            remover = CtlOpenHello(Rig.User);
            canceller.Process = Rig.User;
            canceller.Handle = remover;
            thread = SimThreadCreate(Rig.Other, "canceller", Canceller, &canceller);
            status = CtlRemove(Rig.User, remover, p.VolumeId, PLATTER_REMOVE_FORCE);
            Check(status, STATUS_SUCCESS, "VOLUME_REMOVE");
            SimThreadJoin(thread);
            SimSettle();
            /* Nobody waits for it, but it goes. */
            if (CtlInfo(Rig.User, p.VolumeId, &info))
                SimBug("a volume whose removal was cancelled stays");
            SimClose(Rig.User, remover);
            if (volume)
                SimClose(Rig.Admin, volume);
            ProviderStop(&p);
            RigStop();
        }
}

typedef struct REMOVER {
    PSIM_PROCESS Process;
    ULONG64 Id;
} REMOVER;

static void Remover(void *context)
{
    REMOVER *r = context;
    HANDLE control = CtlOpenHello(r->Process);
    NTSTATUS status = CtlRemove(r->Process, control, r->Id, PLATTER_REMOVE_FORCE);

    if (status != STATUS_SUCCESS && status != STATUS_NOT_FOUND)
        SimBug("one of two removals: %08x", status);
    SimClose(r->Process, control);
}

/* Several who remove one volume, and one who lists: each is told, and what is told is true. */
static void removed_by_many(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(24); seed++) {
        struct platter_volume_info info;
        REMOVER r;
        PSIM_THREAD threads[3];
        PROVIDER p;
        RigStartWith((RIG_ROUTE)(seed % 3), &(SIM_OPTIONS){.Seed = seed});
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        ProviderMountDefault(&p);
        r = (REMOVER){Rig.Admin, p.VolumeId};
        for (int i = 0; i < 3; i++)
            threads[i] = SimThreadCreate(Rig.Admin, "remover", Remover, &r);
        for (int i = 0; i < 20 && CtlInfo(Rig.User, p.VolumeId, &info); i++)
            if (info.state != PLATTER_STATE_RUNNING && info.state != PLATTER_STATE_REMOVING)
                SimBug("a volume that is removed is in state %u", info.state);
        for (int i = 0; i < 3; i++)
            SimThreadJoin(threads[i]);
        if (CtlInfo(Rig.User, p.VolumeId, &info))
            SimBug("removed three times, and still there");
        ProviderStop(&p);
        RigStop();
    }
}

/* A start whose volume is removed under it ends, at once and with a status that says so. */
static void removed_while_it_starts(void **state)
{
    (void)state;
    for (ULONG seed = 0; seed <= RigSeeds(20); seed++) {
        SIM_OPTIONS options = {.Seed = seed, .NoAutoMount = TRUE}; /* the letter is waited for */
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        struct platter_volume_start_in start = {0};
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        REMOVER r;
        PSIM_THREAD thread;
        NTSTATUS status;
        PSIM_IO io;
        PROVIDER p;
        ULONG64 begin;
        RigStartWith(seed % 4 ? RigPnp : RigExplicit, &options);
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        p.VolumeId = start.volume_id = out.volume_id;
        io = SimIoctlStart(Rig.User, p.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info, sizeof(info));
        if (seed % 4 == 0)
            for (ULONG i = SimRandom(60); i; i--)
                SimYieldNow();
        else
            SimSleep(1 + SimRandom(200));
        begin = SimMilliseconds();
        r = (REMOVER){Rig.Admin, out.volume_id};
        thread = SimThreadCreate(Rig.Admin, "remover", Remover, &r);
        status = SimIoWait(io, NULL);
        if (status != STATUS_NO_SUCH_DEVICE && (status != STATUS_SUCCESS || seed % 4))
            SimBug("VOLUME_START of a volume that is removed: %08x", status);
        if (SimMilliseconds() - begin > 1000)
            SimBug("VOLUME_START is answered %llu ms after the removal",
                   (unsigned long long)(SimMilliseconds() - begin));
        SimThreadJoin(thread);
        ProviderStop(&p);
        RigStop();
    }
}

typedef struct ENDING {
    CANCELLER Canceller;
    BOOLEAN Link; /* P: is there, or is not, shortly before the answer */
} ENDING;

static void CancelAtTheEnd(void *context)
{
    ENDING *e = context;
    char target[64];

    while (SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)) != e->Link)
        SimYieldNow();
    Canceller(&e->Canceller);
}

/*
 * A cancel that comes as the request is answered: IoCancelIrp has taken the cancel routine off and has not run it yet. The
 * one that answers must leave the request to it.
 */
static void cancelled_as_it_ends(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(400); seed++) {
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        struct platter_volume_start_in start = {0};
        struct platter_volume_remove_in remove = {0, PLATTER_REMOVE_FORCE, 0};
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        BOOLEAN removes = (BOOLEAN)(seed % 2);
        ENDING ending;
        PSIM_THREAD thread;
        HANDLE control;
        PSIM_IO io;
        PROVIDER p;
        RigStartWith(RigLink, &(SIM_OPTIONS){.Seed = seed});
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        control = CtlOpenHello(Rig.User);
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        p.VolumeId = start.volume_id = remove.volume_id = out.volume_id;
        if (removes)
            assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
        ending = (ENDING){{Rig.User, removes ? control : p.Control, SimRandom(16)}, (BOOLEAN)!removes};
        thread = SimThreadCreate(Rig.Other, "canceller", CancelAtTheEnd, &ending);
        io = removes ? SimIoctlStart(Rig.User, control, PLATTER_IOCTL_VOLUME_REMOVE, &remove, sizeof(remove), NULL, 0)
                     : SimIoctlStart(Rig.User, p.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info,
                                     sizeof(info));
        Check(SimIoWait(io, NULL), STATUS_NO_SUCH_DEVICE, removes ? "VOLUME_REMOVE" : "VOLUME_START");
        SimThreadJoin(thread);
        SimClose(Rig.User, control);
        ProviderStop(&p);
        RigStop();
    }
}

typedef struct INTRUDER {
    PROVIDER *P;
    PSIM_IO Start;
    ULONG Stage; /* of the start: just sent; the probe is about to be answered; the letter is there */
    ULONG Points;
    BOOLEAN Removes; /* else it cancels */
} INTRUDER;

static void Intruder(void *context)
{
    INTRUDER *in = context;
    struct platter_volume_info info;
    char target[64];

    while (!SimIoDone(in->Start) && ((in->Stage == 1 && !in->P->Probes) ||
                                     (in->Stage == 2 && !SimLinkTarget(Rig.Other, "\\??\\P:", target, sizeof(target)))))
        SimYieldNow();
    for (ULONG i = 0; i < in->Points; i++)
        SimYieldNow();
    if (in->Removes)
        Remover(&(REMOVER){Rig.Admin, in->P->VolumeId});
    else
        SimIoCancel(in->Start);
    for (ULONG i = 0; i < 4 && CtlInfo(Rig.Admin, in->P->VolumeId, &info); i++)
        if (info.state > PLATTER_STATE_REMOVING)
            SimBug("a volume is in state %u", info.state);
}

/* Between any two steps of a start comes a removal or a cancel: it ends once, and the volume is there or is not. */
static void ended_between_two_steps(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(540); seed++) {
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        struct platter_volume_start_in start = {0};
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        INTRUDER intruder = {.Stage = seed % 3, .Removes = (BOOLEAN)(seed / 3 % 2)};
        PSIM_THREAD thread;
        NTSTATUS status;
        PROVIDER p;
        RigStartWith((RIG_ROUTE)(seed / 6 % 3), &(SIM_OPTIONS){.Seed = seed});
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        p.VolumeId = start.volume_id = out.volume_id;
        intruder.P = &p;
        intruder.Points = SimRandom(32);
        intruder.Start =
            SimIoctlStart(Rig.User, p.Control, PLATTER_IOCTL_VOLUME_START, &start, sizeof(start), &info, sizeof(info));
        thread = SimThreadCreate(Rig.Admin, "intruder", Intruder, &intruder);
        SimThreadJoin(thread);
        status = SimIoWait(intruder.Start, NULL);
        Check(status, STATUS_NO_SUCH_DEVICE, "VOLUME_START");
        SimSettle();
        if (CtlInfo(Rig.User, out.volume_id, &info)) {
            if (intruder.Removes)
                SimBug("a removed volume is still there, in state %u", info.state);
            if (info.state != (status == STATUS_SUCCESS ? PLATTER_STATE_RUNNING : PLATTER_STATE_CREATED))
                SimBug("VOLUME_START ends with %08x, and the volume is in state %u", status, info.state);
            if (status != STATUS_SUCCESS) /* it may be tried again */
                assert_status(STATUS_SUCCESS, CtlStartVolume(Rig.User, p.Control, out.volume_id, &info));
        } else if (status == STATUS_SUCCESS && !intruder.Removes) {
            SimBug("VOLUME_START succeeds, and the volume is gone");
        }
        ProviderStop(&p);
        assert_int_equal(CtlCount(Rig.User), 0);
        RigStop();
    }
}

typedef struct STARTER {
    PROVIDER *P;
    BOOLEAN Done;
    NTSTATUS Status;
} STARTER;

static void Starter(void *context)
{
    STARTER *s = context;
    struct platter_volume_info info;

    s->Status = CtlStartVolume(Rig.User, s->P->Control, s->P->VolumeId, &info);
    s->Done = TRUE;
}

/* The threads of a start are led from one call of the kernel to the next, and the volume is removed before each. */
static void removed_before_each_step(void **state)
{
    STARTER starter;

    (void)state;
    memset(&starter, 0, sizeof(starter));
    for (ULONG steps = 0; !starter.Done; steps++) {
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        struct platter_volume_create_out out;
        struct platter_volume_info info;
        PSIM_THREAD thread;
        PROVIDER p;
        RigStart(RigLink);
        ProviderStart(&p, Rig.User, 64 * 1024, 1);
        assert_status(STATUS_SUCCESS, CtlCreateVolume(Rig.User, p.Control, &shape, &out));
        p.VolumeId = out.volume_id;
        SimSettle();
        starter = (STARTER){.P = &p};
        thread = SimThreadCreate(Rig.User, "starter", Starter, &starter);
        RigLead(steps, &starter.Done);
        if (starter.Done) { /* the last round: the start came to its end by so many steps */
            assert_status(STATUS_SUCCESS, starter.Status);
        } else {
            Remover(&(REMOVER){Rig.Admin, p.VolumeId});
            SimThreadJoin(thread);
            thread = NULL;
            if (!starter.Done || (starter.Status != STATUS_NOT_FOUND && starter.Status != STATUS_NO_SUCH_DEVICE &&
                                  starter.Status != STATUS_SUCCESS))
                SimBug("removed before step %u of its start: %08x", steps, starter.Done ? starter.Status : 0);
            starter.Done = FALSE;
            if (CtlInfo(Rig.User, out.volume_id, &info))
                SimBug("removed before step %u of its start, and in state %u", steps, info.state);
        }
        if (thread)
            SimThreadJoin(thread);
        ProviderStop(&p);
        assert_int_equal(CtlCount(Rig.User), 0);
        RigStop();
    }
}

/* TRANSACTs that wait, cancelled with the rest of their handle; each gives its session back. */
static void waiting_workers_are_cancelled(void **state)
{
    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(5); seed++)
        for (ULONG point = 0; point < POINTS; point++) {
            CANCELLER canceller = {NULL, NULL, point * 3};
            PSIM_THREAD thread;
            PROVIDER p;
            RigStartWith(RigExplicit, &(SIM_OPTIONS){.Seed = seed});
            canceller.Process = Rig.User;
            ProviderStart(&p, Rig.User, 64 * 1024, 3);
            canceller.Handle = p.Control;
            thread = SimThreadCreate(Rig.User, "canceller", Canceller, &canceller);
            for (ULONG i = SimRandom(20); i; i--)
                SimYieldNow();
            SimThreadJoin(thread);
            ProviderStop(&p);
            RigStop();
        }
}

/* ---- Requests of a volume ------------------------------------------------------------------------------------------ */

typedef struct TRIM {
    DEVICE_MANAGE_DATA_SET_ATTRIBUTES Head;
    DEVICE_DATA_SET_RANGE Ranges[3];
} TRIM;

enum { KINDS = 5 };

static NTSTATUS Request(int kind, HANDLE volume, UCHAR *data)
{
    VERIFY_INFORMATION verify = {.StartingOffset.QuadPart = 512, .Length = 65536};
    TRIM trim = {.Head = {sizeof(trim.Head), 1, 0, 0, 0, offsetof(TRIM, Ranges), sizeof(trim.Ranges)},
                 .Ranges = {{0, 4096}, {8192, 4096}, {65536, 512}}};

    switch (kind) {
    case 0:
        return SimRead(Rig.Admin, volume, 4096, data, 32768, NULL);
    case 1:
        return SimWrite(Rig.Admin, volume, 0, data, 32768, NULL);
    case 2:
        return SimFlush(Rig.Admin, volume);
    case 3:
        return SimIoctl(Rig.Admin, volume, IOCTL_DISK_VERIFY, &verify, sizeof(verify), NULL, 0, NULL);
    default:
        return SimIoctl(Rig.Admin, volume, IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, &trim, sizeof(trim), NULL, 0,
                        NULL);
    }
}

/* A batch so small that each goes out in pieces; the provider is quick, slow, or answers twice. */
static void requests_are_cancelled(void **state)
{
    static const char *const names[KINDS] = {"a read", "a write", "a flush", "VERIFY", "TRIM"};
    static const CONDUCT conducts[] = {ConductHonest, ConductLate, ConductTwice};
    UCHAR *data = calloc(1, 32768);

    (void)state;
    for (ULONG seed = 1; seed <= RigSeeds(5); seed++) {
        struct platter_volume_create_in shape = ShapeDefault(MIB);
        struct platter_volume_info info;
        HANDLE volume;
        PROVIDER p;
        RigStartWith(RigLink, &(SIM_OPTIONS){.Seed = seed});
        ProviderStartBatch(&p, Rig.User, MIB, 1 + seed % 2, PLATTER_TRANSACT_DATA_OFFSET + 8192, 4);
        shape.flags = PLATTER_VOLUME_TRIM;
        assert_status(STATUS_SUCCESS, ProviderMount(&p, &shape));
        assert_status(STATUS_SUCCESS, SimOpen(Rig.Admin, p.Device, RW, &volume));
        p.Conduct = conducts[seed % 3];
        p.LateMs = 5;
        for (int kind = 0; kind < KINDS; kind++)
            for (ULONG point = 0; point < POINTS; point++) {
                CANCELLER canceller = {Rig.Admin, volume, point * 4};
                PSIM_THREAD thread = SimThreadCreate(Rig.Other, "canceller", Canceller, &canceller);
                Check(Request(kind, volume, data), STATUS_SUCCESS, names[kind]);
                SimThreadJoin(thread);
            }
        SimSleep(100);
        assert_true(CtlInfo(Rig.User, p.VolumeId, &info));
        if (info.in_flight || info.failed_requests)
            SimBug("%u requests in flight, %llu failed after all were cancelled", info.in_flight,
                   (unsigned long long)info.failed_requests);
        p.Conduct = ConductHonest;
        assert_status(STATUS_SUCCESS, Request(0, volume, data));
        assert_memory_equal(data, p.Image + 4096, 32768);
        memset(data, 0, 32768);
        SimClose(Rig.Admin, volume);
        ProviderStop(&p);
        RigStop();
    }
    free(data);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(start_is_cancelled),      RIG_TEST(remove_is_cancelled),           RIG_TEST(removed_by_many),
        RIG_TEST(removed_while_it_starts), RIG_TEST(waiting_workers_are_cancelled), RIG_TEST(requests_are_cancelled),
        RIG_TEST(cancelled_as_it_ends),    RIG_TEST(ended_between_two_steps),       RIG_TEST(removed_before_each_step),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
