/* SPDX-License-Identifier: MIT */
/* A provider whose every answer the input writes, over a volume that is read and written meanwhile. */
#include "driver_input.h"

enum { BATCH = PLATTER_TRANSACT_MIN_BATCH + 8192 };
typedef struct ANSWERS {
    struct platter_transact_in Head;
    struct platter_answer Answers[PLATTER_MAX_BATCH];
} ANSWERS;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    INPUT_BYTES in = {data, size};
    PROVIDER p;
    HANDLE volume;
    UCHAR *batch = calloc(1, BATCH);
    UCHAR transfers[4][4096];
    PSIM_IO ios[4] = {0};
    ANSWERS *answers = calloc(1, sizeof(*answers));

    RigStart(RigLink);
    ProviderStartBatch(&p, Rig.User, 65536, 1, PLATTER_TRANSACT_MIN_BATCH + 4096, 8);
    ProviderMountDefault(&p);
    SimCancelAll(Rig.User, p.Control); /* the honest worker goes home */
    SimThreadJoin(p.Threads[0]);
    p.Workers = 0;
    if (SimOpen(Rig.User, "\\\\.\\P:", RW, &volume) != STATUS_SUCCESS)
        SimBug("P: cannot be opened");
    for (int step = 0; in.Left && step < 32; step++) {
        const struct platter_transact_out *out = (const struct platter_transact_out *)batch;
        const struct platter_request *requests = (const struct platter_request *)(out + 1);
        struct platter_request known[4];
        uint8_t what = Byte(&in);
        ULONG count, n = what % 4;
        if (what & 0x10 && !ios[n])
            ios[n] = what & 0x20 ? SimReadStart(Rig.User, volume, (what & 3u) * 4096u, transfers[n], 4096)
                                 : SimWriteStart(Rig.User, volume, (what & 3u) * 4096u, transfers[n], 4096);
        if (what & 0x40 && ios[n])
            SimIoCancel(ios[n]);
        answers->Head.fetch_max = Byte(&in) % 66;
        answers->Head.flags = PLATTER_TRANSACT_NO_WAIT;
        SimIoctl(Rig.User, p.Control, PLATTER_IOCTL_TRANSACT, answers,
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
    SimClose(Rig.User, p.Control);
    for (int i = 0; i < 4; i++)
        if (ios[i])
            SimIoWait(ios[i], NULL);
    SimClose(Rig.User, volume);
    ProviderFree(&p);
    RigStop();
    free(answers);
    free(batch);
    return 0;
}
