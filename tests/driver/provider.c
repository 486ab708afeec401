/* SPDX-License-Identifier: MIT */
/* The provider's loop as a real one runs it, over an image in memory. */
#include "rig.h"

typedef struct INPUT {
    struct platter_transact_in Head;
    struct platter_answer Answers[PLATTER_MAX_BATCH];
} INPUT;

static BOOLEAN Misbehaves(const PROVIDER *p, const struct platter_request *r)
{
    if (p->Nth)
        return p->Conduct != ConductHonest && p->Requests == p->Nth;
    return p->Conduct != ConductHonest && (p->OnlyOp ? r->op == p->OnlyOp : !(r->flags & PLATTER_REQUEST_PROBE));
}

/* Does what is asked on the image; the data of a read go to where they will lie in the batch. */
static ULONG Perform(PROVIDER *p, const struct platter_request *r, UCHAR *batch, UCHAR *keep)
{
    p->Probes += (r->flags & PLATTER_REQUEST_PROBE) != 0;
    p->Fua += (r->flags & PLATTER_REQUEST_FUA) != 0;
    if (r->length > p->Largest)
        p->Largest = r->length;
    if (r->offset > p->Bytes || r->length > p->Bytes - r->offset || r->length > PLATTER_MAX_TRANSFER)
        SimBug("the driver asks for bytes outside the volume: %llu+%u of %llu", (unsigned long long)r->offset,
               r->length, (unsigned long long)p->Bytes);
    switch (r->op) {
    case PLATTER_OP_READ:
        if (r->data_offset < PLATTER_TRANSACT_DATA_OFFSET || r->data_offset > p->BatchBytes ||
            r->length > p->BatchBytes - r->data_offset)
            SimBug("a read of %u bytes at %u does not fit the batch", r->length, r->data_offset);
        memcpy(keep + r->data_offset, p->Image + r->offset, r->length);
        break;
    case PLATTER_OP_WRITE:
        if (r->data_offset < PLATTER_TRANSACT_DATA_OFFSET || r->data_offset > p->BatchBytes ||
            r->length > p->BatchBytes - r->data_offset)
            SimBug("a write of %u bytes at %u lies outside the batch", r->length, r->data_offset);
        memcpy(p->Image + r->offset, batch + r->data_offset, r->length);
        break;
    case PLATTER_OP_FLUSH:
        p->Flushes++;
        break;
    case PLATTER_OP_DISCARD:
        if (r->offset > p->Bytes || r->discard_bytes > p->Bytes - r->offset)
            SimBug("a discard outside the volume");
        p->Discards++;
        p->DiscardedFrom = r->offset;
        p->Discarded += r->discard_bytes;
        memset(p->Image + r->offset, 0, (size_t)r->discard_bytes);
        break;
    default:
        SimBug("the driver asks for operation %u", r->op);
    }
    return PLATTER_STATUS_OK;
}

static void Spoil(PROVIDER *p, const struct platter_request *r, INPUT *in)
{
    struct platter_answer *a = &in->Answers[in->Head.answer_count - 1];

    switch (p->Conduct) {
    case ConductShort:
        a->length--;
        break;
    case ConductLong:
        a->length++;
        break;
    case ConductOutside:
        a->data_offset = p->BatchBytes - r->length + 1;
        break;
    case ConductWrap:
        a->data_offset = 0u - 512u;
        break;
    case ConductStatus:
        a->status = p->Status;
        break;
    case ConductReserved:
        a->reserved = 1;
        break;
    case ConductTwice:
        if (in->Head.answer_count < PLATTER_MAX_BATCH) {
            in->Answers[in->Head.answer_count] = *a;
            in->Head.answer_count++;
        }
        break;
    case ConductForged:
        if (in->Head.answer_count + 1 < PLATTER_MAX_BATCH) {
            in->Answers[in->Head.answer_count] = *a;
            a->request_id ^= 0x5500000000ull;
            in->Head.answer_count++;
        }
        break;
    default:
        break;
    }
}

static void Worker(void *context)
{
    PROVIDER *p = context;
    ULONG self = p->NextWorker++;
    UCHAR *batch = p->Batches[self] = malloc(p->BatchBytes);
    UCHAR *keep = p->Keeps[self] = calloc(1, p->BatchBytes);
    INPUT *in = p->Inputs[self] = calloc(1, sizeof(*in));
    NTSTATUS status;

    for (;;) {
        const struct platter_transact_out *out = (const struct platter_transact_out *)batch;
        const struct platter_request *requests = (const struct platter_request *)(out + 1);
        ULONG count, bytes;
        in->Head.fetch_max = p->FetchMax;
        memcpy(batch, keep, p->BatchBytes);
        bytes = (ULONG)(sizeof(in->Head) + in->Head.answer_count * sizeof(in->Answers[0]));
        status = SimIoctl(p->Process, p->Control, PLATTER_IOCTL_TRANSACT, in, bytes, batch, p->BatchBytes, NULL);
        if (!NT_SUCCESS(status))
            break;
        p->Late += out->answers_late;
        count = out->request_count;
        in->Head.answer_count = 0;
        if (count > p->FetchMax)
            SimBug("%u requests fetched, %u wanted", count, p->FetchMax);
        if (!count && !out->live_volumes && p->VolumeId)
            break;
        for (ULONG i = 0; i < count; i++) {
            struct platter_request r = requests[p->Conduct == ConductShuffled ? count - 1 - i : i];
            struct platter_answer *a;
            ULONG outcome;
            BOOLEAN misbehaves;
            p->Requests++;
            misbehaves = Misbehaves(p, &r); /* now: the others go on counting */
            if (misbehaves && p->Conduct == ConductDrowsy)
                SimSleep(p->Nth ? p->LateMs : SimRandom(p->LateMs));
            outcome = Perform(p, &r, batch, keep);
            if (misbehaves && p->Conduct == ConductSilent)
                continue;
            if (misbehaves && p->Conduct == ConductLate)
                SimSleep(p->LateMs);
            if (in->Head.answer_count == PLATTER_MAX_BATCH)
                SimBug("more answers than a batch");
            a = &in->Answers[in->Head.answer_count++];
            *a = (struct platter_answer){r.request_id, outcome, r.length, r.data_offset, 0};
            if (misbehaves)
                Spoil(p, &r, in);
        }
    }
    p->LastStatus = status;
    p->Stopped++;
}

/* No two sectors within reach of each other are alike. Painted once, then copied: fuzzers begin anew all the time. */
static void Paint(UCHAR *image, ULONG64 bytes)
{
    static UCHAR pattern[512 * 256];

    if (!pattern[1])
        for (ULONG i = 0; i < sizeof(pattern); i++)
            pattern[i] = (UCHAR)(i >> 9 ^ i * 7);
    for (ULONG64 at = 0; at < bytes; at += sizeof(pattern))
        memcpy(image + at, pattern, (size_t)(bytes - at < sizeof(pattern) ? bytes - at : sizeof(pattern)));
}

void ProviderStartBatch(PROVIDER *P, PSIM_PROCESS Process, ULONG64 Bytes, ULONG Workers, ULONG BatchBytes,
                        ULONG FetchMax)
{
    memset(P, 0, sizeof(*P));
    P->Process = Process;
    P->Bytes = Bytes;
    P->BatchBytes = BatchBytes;
    P->FetchMax = FetchMax;
    P->Workers = Workers;
    P->Image = malloc(Bytes);
    Paint(P->Image, Bytes);
    P->Control = CtlOpenHello(Process);
    for (ULONG i = 0; i < Workers; i++)
        P->Threads[i] = SimThreadCreate(Process, "provider", Worker, P);
}

void ProviderStart(PROVIDER *P, PSIM_PROCESS Process, ULONG64 Bytes, ULONG Workers)
{
    ProviderStartBatch(P, Process, Bytes, Workers, PLATTER_TRANSACT_DATA_OFFSET + 256 * 1024, PLATTER_MAX_BATCH);
}

NTSTATUS ProviderMount(PROVIDER *P, const struct platter_volume_create_in *Shape)
{
    struct platter_volume_create_out out;
    NTSTATUS status = CtlCreateVolume(P->Process, P->Control, Shape, &out);

    if (status != STATUS_SUCCESS)
        return status;
    P->VolumeId = out.volume_id;
    DeviceNameOf(out.device_name, P->Device, sizeof(P->Device));
    return CtlStartVolume(P->Process, P->Control, out.volume_id, &P->Info);
}

void ProviderMountDefault(PROVIDER *P)
{
    struct platter_volume_create_in shape = ShapeDefault(P->Bytes);
    NTSTATUS status = ProviderMount(P, &shape);

    if (status != STATUS_SUCCESS)
        SimBug("the mount fails: %08x", status);
}

static void Join(PROVIDER *p)
{
    for (ULONG i = 0; i < p->Workers; i++)
        SimThreadJoin(p->Threads[i]);
    p->Workers = 0;
}

void ProviderFree(PROVIDER *P)
{
    Join(P);
    for (ULONG i = 0; i < P->NextWorker; i++) {
        free(P->Batches[i]);
        free(P->Keeps[i]);
        free(P->Inputs[i]);
    }
    free(P->Image);
    P->Image = NULL;
}

void ProviderStop(PROVIDER *P)
{
    SimClose(P->Process, P->Control);
    ProviderFree(P);
    SimSettle();
}

void ProviderKill(PROVIDER *P)
{
    SimProcessKill(P->Process);
    ProviderFree(P);
    SimSettle();
}
