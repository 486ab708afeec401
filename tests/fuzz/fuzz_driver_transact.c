/* SPDX-License-Identifier: MIT */
/* A provider whose every answer the input writes, over a volume that is read and written meanwhile. */
#include "driver_machine.h"

enum { BATCH = PLATTER_TRANSACT_MIN_BATCH + 8192 };
typedef struct ANSWERS {
    struct platter_transact_in Head;
    struct platter_answer Answers[PLATTER_MAX_BATCH];
} ANSWERS;

/* Stays mounted from one input to the next. */
static PROVIDER P;
static HANDLE Volume; /* NULL: it is not */

/* Its requests end as those of a volume do whose provider is gone. */
static void Unmount(void)
{
    if (P.Control)
        SimClose(Rig.User, P.Control);
    P.Control = NULL;
}

static void Forget(void)
{
    if (!Volume)
        return;
    Unmount();
    SimClose(Rig.User, Volume);
    Volume = NULL;
    ProviderFree(&P);
}

static void Mount(void)
{
    ProviderStartBatch(&P, Rig.User, 65536, 1, PLATTER_TRANSACT_MIN_BATCH + 4096, 8);
    ProviderMountDefault(&P);
    SimCancelAll(Rig.User, P.Control); /* the honest worker goes home */
    SimThreadJoin(P.Threads[0]);
    P.Workers = 0;
    if (SimOpen(Rig.User, "\\\\.\\P:", RW, &Volume) != STATUS_SUCCESS)
        SimBug("P: cannot be opened");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    INPUT_BYTES in = {data, size};
    struct platter_volume_info info;
    static UCHAR batch[BATCH];
    static ANSWERS answer, *answers = &answer;
    static UCHAR transfers[4][4096];
    PSIM_IO ios[4] = {0};
    BOOLEAN ends = (BOOLEAN)(Byte(&in) % 16 == 15); /* the provider dies with all that it has */

    MachineClear = Forget;
    MachineBegin(RigLink, NULL, data, size);
    if (!Volume) {
        Mount();
        SimSettle();
        MachineMark();
    }
    memset(batch, 0, sizeof(batch)); /* what an input does must not depend on those before it */
    memset(answers, 0, sizeof(*answers));
    for (int step = 0; in.Left && step < 32; step++) {
        const struct platter_transact_out *out = (const struct platter_transact_out *)batch;
        const struct platter_request *requests = (const struct platter_request *)(out + 1);
        struct platter_request known[4];
        uint8_t what = Byte(&in);
        ULONG count, n = what % 4;
        if (what & 0x10 && !ios[n])
            ios[n] = what & 0x20 ? SimReadStart(Rig.User, Volume, (what & 3u) * 4096u, transfers[n], 4096)
                                 : SimWriteStart(Rig.User, Volume, (what & 3u) * 4096u, transfers[n], 4096);
        if (what & 0x40 && ios[n])
            SimIoCancel(ios[n]);
        answers->Head.fetch_max = Byte(&in) % 66;
        answers->Head.flags = PLATTER_TRANSACT_NO_WAIT;
        SimIoctl(Rig.User, P.Control, PLATTER_IOCTL_TRANSACT, answers,
                 (ULONG)(sizeof(answers->Head) + answers->Head.answer_count * sizeof(answers->Answers[0])), batch,
                 BATCH, NULL);
        count = out->request_count < 4 ? out->request_count : 4;
        memcpy(known, requests, count * sizeof(known[0]));
        answers->Head.answer_count = 0;
        for (ULONG i = 0; i < count + (what >> 7); i++) {
            struct platter_answer *a = &answers->Answers[answers->Head.answer_count++];
            uint8_t how = Byte(&in);
            *a = (struct platter_answer){i < count ? known[i].request_id : Number(&in, 8), how & 15,
                                         i < count ? known[i].length : 512, i < count ? known[i].data_offset : 0, 0};
            if (how & 0x10)
                a->length = (uint32_t)Number(&in, 4);
            if (how & 0x20)
                a->data_offset = (uint32_t)Number(&in, 4);
            if (how & 0x40)
                a->request_id ^= Number(&in, 5);
            if (how & 0x80)
                a->reserved = Byte(&in);
        }
        if (what & 8)
            SimSleep(1u << Byte(&in) % 11);
        for (int i = 0; i < 4; i++)
            if (ios[i] && SimIoDone(ios[i])) {
                SimIoWait(ios[i], NULL);
                ios[i] = NULL;
            }
    }
    if (ends)
        Unmount();
    for (int i = 0; i < 4; i++)
        if (ios[i]) {
            if (!ends)
                SimIoCancel(ios[i]);
            SimIoWait(ios[i], NULL);
        }
    if (ends)
        Forget();
    else if (!CtlInfo(Rig.User, P.VolumeId, &info) || info.state != PLATTER_STATE_RUNNING || info.in_flight)
        SimBug("the volume is in state %u with %u requests after all were cancelled", info.state, info.in_flight);
    MachineEnd((BOOLEAN)!ends);
    return 0;
}
