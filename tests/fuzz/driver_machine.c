/* SPDX-License-Identifier: MIT */
#include "driver_machine.h"
#include <ntsim/reuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUTS = 256 }; /* of one machine */

void (*MachineClear)(void);
void __asan_on_error(void);

static struct {
    uint8_t *Bytes;
    size_t Size;
} Inputs[INPUTS];
static unsigned Used;
static BOOLEAN On, Told;
static SIM_COUNTS Before;

/* Something has failed; the last of them is libFuzzer's to keep, too. */
static void SaveBatch(void)
{
    char path[64];
    int folder = snprintf(path, sizeof(path), "fuzz-batch-%ld", (long)getpid());

    if (Told || Used < 2)
        return;
    Told = TRUE;
    mkdir(path, 0777);
    for (unsigned i = 0; i < Used; i++) {
        FILE *file;
        snprintf(path + folder, sizeof(path) - (size_t)folder, "/%03u", i);
        file = fopen(path, "wb");
        if (file && fwrite(Inputs[i].Bytes, 1, Inputs[i].Size, file) != Inputs[i].Size)
            fprintf(stderr, "# %s is not whole\n", path);
        if (file)
            fclose(file);
    }
    fprintf(stderr, "# the machine's %u inputs are in fuzz-batch-%ld\n", Used, (long)getpid());
}

void __asan_on_error(void)
{
    SaveBatch();
}

static void Stop(void)
{
    if (!On)
        return;
    if (MachineClear)
        MachineClear();
    RigStop();
    On = FALSE;
    while (Used)
        free(Inputs[--Used].Bytes);
}

BOOLEAN MachineBegin(RIG_ROUTE Route, const SIM_OPTIONS *Options, const uint8_t *Data, size_t Size)
{
    static BOOLEAN known;
    BOOLEAN fresh = (BOOLEAN)!On;

    if (!known) {
        known = TRUE;
        SimOnBug = SaveBatch;
        atexit(Stop);
    }
    Inputs[Used].Bytes = malloc(Size + 1);
    memcpy(Inputs[Used].Bytes, Data, Size);
    Inputs[Used++].Size = Size;
    if (fresh)
        RigStartWith(Route, Options);
    else
        fresh = RigReuse(Route, Options);
    On = TRUE;
    SimSettle();
    MachineMark();
    return fresh;
}

void MachineMark(void)
{
    SimCount(&Before);
}

void MachineEnd(BOOLEAN Compare)
{
    SIM_COUNTS now;

    SimSettle();
    SimCount(&now);
    if (Compare)
        SimCountsCompare(&Before, &now);
    if (!Compare || Used == INPUTS)
        Stop();
}
