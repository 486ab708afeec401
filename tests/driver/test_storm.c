/* SPDX-License-Identifier: MIT */
/*
 * Many threads, many seeds: mounts, requests, cancels, deaths at the same time. What is checked is what ntsim checks,
 * that nothing hangs, and that bytes are right where a request succeeds. NTSIM_SEEDS=n runs n seeds of each.
 */
#include "rig.h"

typedef struct READER {
    PSIM_PROCESS Process;
    ULONG Rounds;
    ULONG64 Bytes;
    BOOLEAN Cancels;
} READER;

/* Opens the drive when it is there, reads, writes, cancels, goes away. */
static void Reader(void *context)
{
    READER *r = context;
    static _Thread_local UCHAR data[4][8192];

    for (ULONG round = 0; round < r->Rounds; round++) {
        PSIM_IO ios[4];
        HANDLE volume;
        if (SimOpen(r->Process, "\\\\.\\P:", RW, &volume) != STATUS_SUCCESS) {
            SimSleep(SimRandom(20));
            continue;
        }
        for (int i = 0; i < 4; i++) {
            ULONG64 at = SimRandom((ULONG)(r->Bytes / 8192)) * 8192ull;
            ios[i] = SimRandom(2) ? SimReadStart(r->Process, volume, at, data[i], 8192)
                                  : SimWriteStart(r->Process, volume, at, data[i], 4096);
        }
        for (int i = 0; i < 4; i++)
            if (r->Cancels && SimRandom(3) == 0)
                SimIoCancel(ios[i]);
        if (SimRandom(4) == 0)
            SimFlush(r->Process, volume);
        for (int i = 0; i < 4; i++)
            SimIoWait(ios[i], NULL);
        SimClose(r->Process, volume);
    }
}

static void Storm(ULONG64 seed, RIG_ROUTE route, int ending, BOOLEAN jumps)
{
    SIM_OPTIONS options = {.Seed = seed, .TimeJumps = jumps, .SurpriseRemovesAtOnce = seed % 3 == 0};
    READER readers[3];
    PSIM_THREAD threads[3];
    struct platter_volume_create_in shape;
    PROVIDER p;

    RigStartWith(route, &options);
    ProviderStart(&p, Rig.User, MIB, 1 + (ULONG)(seed % 3));
    for (int i = 0; i < 3; i++) {
        readers[i] = (READER){SimProcessCreate("reader", i == 2 ? SimUserAdmin : SimUserPlain), 6, MIB, i == 1};
        threads[i] = SimThreadCreate(readers[i].Process, "reader", Reader, &readers[i]);
    }
    shape = ShapeDefault(MIB);
    p.Conduct = seed % 5 == 0 ? ConductTwice : seed % 7 == 0 ? ConductShuffled : ConductHonest;
    NTSTATUS status = ProviderMount(&p, &shape);
    if (status != STATUS_SUCCESS && !jumps)
        SimBug("the mount fails: %08x", status);
    SimSleep(SimRandom(50));
    switch (ending) {
    case 0:
        SimProcessKill(Rig.User);
        break;
    case 1:
        CtlRemove(Rig.User, p.Control, p.VolumeId, PLATTER_REMOVE_FORCE);
        SimClose(Rig.User, p.Control);
        break;
    case 2:
        SimClose(Rig.User, p.Control);
        break;
    case 3:
        if (Rig.Bus) {
            char veto[64];
            PSIM_DEVNODE node = SimPnpChildren(Rig.Bus) ? SimPnpChild(Rig.Bus, 0) : NULL;
            if (node)
                SimPnpEject(node, veto, sizeof(veto));
        }
        SimClose(Rig.User, p.Control);
        break;
    default:
        if (Rig.Bus) {
            SimPnpSurpriseRemove(Rig.Bus);
            Rig.Bus = NULL;
        }
        SimProcessKill(Rig.User);
        break;
    }
    for (int i = 0; i < 3; i++)
        SimThreadJoin(threads[i]);
    ProviderFree(&p);
    SimSettle();
    if (Rig.Bus && SimPnpChildren(Rig.Bus))
        SimBug("a child is left on the bus");
    char target[64];
    if (SimLinkTarget(Rig.System, "\\GLOBAL??\\P:", target, sizeof(target)) || SimMountVolumes())
        SimBug("the letter is left behind");
    RigStop();
}

static void readers_and_every_ending(void **state)
{
    ULONG seeds = RigSeeds(8);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++)
        for (int ending = 0; ending < 5; ending++)
            Storm(seed * 5 + (ULONG64)ending, (RIG_ROUTE)(seed % 3), ending, FALSE);
}

static void clocks_that_jump(void **state)
{
    ULONG seeds = RigSeeds(6);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++)
        for (int ending = 0; ending < 5; ending++)
            Storm(seed * 11 + (ULONG64)ending, (RIG_ROUTE)(seed % 3), ending, TRUE);
}

typedef struct MOUNTER {
    PSIM_PROCESS Process;
    uint32_t Letter;
    ULONG Rounds;
} MOUNTER;

static void Mounter(void *context)
{
    MOUNTER *m = context;

    for (ULONG round = 0; round < m->Rounds; round++) {
        struct platter_volume_create_in shape = ShapeDefault(64 * 1024);
        struct platter_volume_info info;
        PROVIDER p;
        NTSTATUS status;
        ProviderStart(&p, m->Process, 64 * 1024, 1);
        shape.letter = m->Letter;
        status = ProviderMount(&p, &shape);
        if (status == STATUS_SUCCESS && p.Info.letter != m->Letter)
            SimBug("mounted with another letter");
        if (status == STATUS_SUCCESS && SimRandom(2))
            CtlRemove(m->Process, p.Control, p.VolumeId, 0);
        SimClose(m->Process, p.Control);
        for (ULONG i = 0; i < p.Workers; i++)
            SimThreadJoin(p.Threads[i]);
        p.Workers = 0;
        ProviderFree(&p);
        (void)info;
    }
}

/* Two of the four want the same letter: each mount succeeds with its own or fails, and all is gone afterwards. */
static void mount_and_unmount_at_once(void **state)
{
    ULONG seeds = RigSeeds(8);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++) {
        SIM_OPTIONS options = {.Seed = seed};
        MOUNTER m[4];
        PSIM_THREAD threads[4];
        RigStartWith((RIG_ROUTE)(seed % 3), &options);
        for (int i = 0; i < 4; i++) {
            m[i] = (MOUNTER){SimProcessCreate("mounter", i % 2 ? SimUserPlain : SimUserAdmin), "MNPP"[i], 3};
            threads[i] = SimThreadCreate(m[i].Process, "mounter", Mounter, &m[i]);
        }
        for (int i = 0; i < 4; i++)
            SimThreadJoin(threads[i]);
        SimSettle();
        if (CtlCount(Rig.System))
            SimBug("volumes are left");
        if (SimMountVolumes())
            SimBug("the Mount Manager has volumes left");
        RigStop();
    }
}

/* The provider dies at each step of a mount: after so many simulated milliseconds or switches of the schedule. */
static void Dying(void *context)
{
    PROVIDER *p = context;
    struct platter_volume_create_in shape = ShapeDefault(MIB);

    ProviderMount(p, &shape);
    for (;;)
        SimSleep(1000);
}

static void killed_at_every_point(void **state)
{
    ULONG seeds = RigSeeds(60);

    (void)state;
    for (ULONG64 seed = 1; seed <= seeds; seed++) {
        SIM_OPTIONS options = {.Seed = seed};
        PSIM_PROCESS victim;
        PSIM_THREAD thread;
        PROVIDER p;
        RigStartWith((RIG_ROUTE)(seed % 3), &options);
        victim = SimProcessCreate("victim", SimUserPlain);
        ProviderStart(&p, victim, MIB, 1);
        thread = SimThreadCreate(victim, "mounting", Dying, &p);
        for (ULONG n = SimRandom(200); n; n--)
            SimYieldNow();
        SimProcessKill(victim);
        SimThreadJoin(thread);
        ProviderFree(&p);
        SimSettle();
        if (CtlCount(Rig.User))
            SimBug("a volume outlives its provider");
        RigStop();
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(readers_and_every_ending),
        RIG_TEST(clocks_that_jump),
        RIG_TEST(mount_and_unmount_at_once),
        RIG_TEST(killed_at_every_point),
    };

    if (RigArguments(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
