/* SPDX-License-Identifier: MIT */
/* A machine with the driver loaded, and a provider on it whose conduct a test chooses. */
#ifndef TESTS_DRIVER_RIG_H
#define TESTS_DRIVER_RIG_H

#include <ntsim/ntsim.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <platter/protocol.h>
#include <ntsim/raw.h>

#define MIB (1024u * 1024u)
#define RW (GENERIC_READ | GENERIC_WRITE)

/* The driver's entry point: linked in, or of the .sys that the program's first argument names (native.c, pe.c). */
PDRIVER_INITIALIZE RigEntry(void);
int RigArguments(int argc, char **argv);

/* RigPnpLink: the bus is there, but no Mount Manager that answers, as on Wine. */
typedef enum RIG_ROUTE { RigPnp, RigExplicit, RigLink, RigLinkAbsent, RigPnpLink } RIG_ROUTE;

typedef struct RIG {
    PDRIVER_OBJECT Driver;
    RIG_ROUTE Route;
    PSIM_DEVNODE Bus; /* NULL: the driver was started by the service manager alone */
    PSIM_PROCESS System, Admin, Filtered, User, Other, Anonymous;
} RIG;
extern RIG Rig;

/* Starts a machine on which this route to a letter is the one, loads the driver (and its bus). */
void RigStart(RIG_ROUTE Route);
void RigStartWith(RIG_ROUTE Route, const SIM_OPTIONS *Options);
/* The machine that runs goes on with these options and on this route, as one would that was just started. TRUE: the
 * driver was loaded anew for it, with the bus or without. Nothing may be mounted then. */
BOOLEAN RigReuse(RIG_ROUTE Route, const SIM_OPTIONS *Options);
/* Removes the bus, unloads the driver, and the simulator checks that nothing is left. */
void RigStop(void);
/* How many schedules a test is run under: NTSIM_SEEDS, or as many as usual; one, when NTSIM_SEED replays it. */
ULONG RigSeeds(ULONG Usual);
/* P: for reading and writing; must work. */
HANDLE RigOpenP(PSIM_PROCESS Process);

/* ---- The control device by hand ---------------------------------------------------------------------------------- */

/* Leads all that runs, call by call of the kernel, so many calls each or until *Done; it stands for five milliseconds yet. */
void RigLead(ULONG Steps, const BOOLEAN *Done);

HANDLE CtlOpen(PSIM_PROCESS Process);
NTSTATUS CtlHello(PSIM_PROCESS Process, HANDLE Control, struct platter_hello_out *Out);
HANDLE CtlOpenHello(PSIM_PROCESS Process);
struct platter_volume_create_in ShapeDefault(ULONG64 Bytes); /* 512-byte sectors, letter P, fresh unique id */
/* What the driver tells the Mount Manager as the volume's unique id. */
#define MOUNT_ID_BYTES 24
void MountIdOf(const struct platter_volume_create_in *Shape, UCHAR Id[MOUNT_ID_BYTES]);
NTSTATUS CtlCreateVolume(PSIM_PROCESS Process, HANDLE Control, const struct platter_volume_create_in *In,
                         struct platter_volume_create_out *Out);
NTSTATUS CtlStartVolume(PSIM_PROCESS Process, HANDLE Control, ULONG64 Id, struct platter_volume_info *Info);
NTSTATUS CtlRemove(PSIM_PROCESS Process, HANDLE Control, ULONG64 Id, ULONG Flags);
/* What VOLUME_LIST says of one volume, asked by Process through a handle of its own; FALSE: it is not there. */
BOOLEAN CtlInfo(PSIM_PROCESS Process, ULONG64 Id, struct platter_volume_info *Info);
ULONG CtlCount(PSIM_PROCESS Process);
void DeviceNameOf(const uint16_t *Wide, char *Out, size_t Bytes);

/* ---- A provider ----------------------------------------------------------------------------------------------------- */

typedef enum CONDUCT {
    ConductHonest,
    ConductSilent,   /* fetches and never answers */
    ConductLate,     /* answers after LateMs */
    ConductDrowsy,   /* does it after LateMs, or without Nth within that time, and answers */
    ConductTwice,    /* answers each request again */
    ConductShort,    /* says one byte less */
    ConductLong,     /* says one byte more */
    ConductOutside,  /* data offset behind the batch */
    ConductWrap,     /* data offset that overflows with the length */
    ConductStatus,   /* answers with Status */
    ConductReserved, /* answers with a reserved field that is not zero */
    ConductForged,   /* answers ids it was never given, and then rightly */
    ConductShuffled, /* answers in another order than asked */
} CONDUCT;

typedef struct PROVIDER {
    PSIM_PROCESS Process;
    HANDLE Control;
    UCHAR *Image;
    ULONG64 Bytes;
    ULONG Workers, BatchBytes, FetchMax;
    PSIM_THREAD Threads[8];
    UCHAR *Batches[8], *Keeps[8]; /* of the workers, who may be killed at any point */
    void *Inputs[8];
    ULONG NextWorker;
    CONDUCT Conduct;
    ULONG LateMs, Status;
    ULONG OnlyOp; /* misbehaves for this op only; 0: for all but the probe */
    ULONG Nth;    /* misbehaves for the n-th request only, from 1, the probe included; 0: see OnlyOp */
    ULONG64 VolumeId;
    struct platter_volume_info Info;
    char Device[64];
    ULONG Requests, Probes, Flushes, Discards, Fua, Late, Largest;
    ULONG64 DiscardedFrom, Discarded;
    ULONG Stopped; /* worker threads that have ended */
    NTSTATUS LastStatus;
} PROVIDER;

/* Opens, says HELLO, starts the workers. */
void ProviderStart(PROVIDER *P, PSIM_PROCESS Process, ULONG64 Bytes, ULONG Workers);
void ProviderStartBatch(PROVIDER *P, PSIM_PROCESS Process, ULONG64 Bytes, ULONG Workers, ULONG BatchBytes,
                        ULONG FetchMax);
NTSTATUS ProviderMount(PROVIDER *P, const struct platter_volume_create_in *Shape); /* CREATE and START */
void ProviderMountDefault(PROVIDER *P);                                            /* must work; letter P */
/* Unmounts by closing the handle; ends the workers. */
void ProviderStop(PROVIDER *P);
/* The process is killed; gives memory back. */
void ProviderKill(PROVIDER *P);
void ProviderFree(PROVIDER *P);

#define RIG_TEST(name)                                                                                                 \
    {                                                                                                                  \
#name, name, RigSetup, NULL, (void *)(ULONG_PTR) #name                                                         \
    }
int RigSetup(void **state); /* tells the simulator the test's name */
#define RIG_MAIN(tests)                                                                                                \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        if (RigArguments(argc, argv))                                                                                  \
            return 2;                                                                                                  \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                              \
    }

#define assert_status(expected, call) assert_int_equal((ULONG)(expected), (ULONG)(call))

#endif
