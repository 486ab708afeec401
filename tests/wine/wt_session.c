/* SPDX-License-Identifier: MIT */
#include "wt_session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (PLATTER_TRANSACT_DATA_OFFSET + 2 * PLATTER_MAX_TRANSFER)

/* On the heap, and never freed: a call that is under way when its handle is closed may still be written to. */
struct worker_call {
    struct wt_io io;
    union {
        struct platter_transact_in head;
        unsigned char bytes[sizeof(struct platter_transact_in) + PLATTER_MAX_BATCH * sizeof(struct platter_answer)];
    } in;
    unsigned char *batch;
};

static struct platter_answer *answers_of(struct worker_call *call)
{
    return (struct platter_answer *)(void *)(call->in.bytes + sizeof(struct platter_transact_in));
}

static uint64_t pattern(uint64_t offset)
{
    return (offset / 8 + 1) * 0x9e3779b97f4a7c15ull;
}

bool wt_pattern_matches(const void *buffer, uint64_t offset, size_t length)
{
    const unsigned char *bytes = buffer;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t value;
        memcpy(&value, bytes + at, 8);
        if (value != pattern(offset + at)) {
            wt_note("byte %llu is not what it should be", (unsigned long long)(offset + at));
            return false;
        }
    }
    return true;
}

/* ---- Control calls ---- */

HANDLE wt_open_control(void)
{
    HANDLE control = CreateFileA(PLATTER_CONTROL_WIN32_NAME, GENERIC_READ | GENERIC_WRITE,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (control == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %s: error %lu", PLATTER_CONTROL_WIN32_NAME, GetLastError());
    return control;
}

DWORD wt_hello(HANDLE control, uint32_t version, struct platter_hello_out *out)
{
    struct platter_hello_in in = {.magic = PLATTER_HELLO_MAGIC, .protocol_version = version};
    return wt_control(control, PLATTER_IOCTL_HELLO, &in, sizeof in, out, sizeof *out, NULL);
}

struct platter_volume_create_in wt_volume(uint64_t length)
{
    static volatile LONG serial;
    struct platter_volume_create_in in = {
        .length_bytes = length,
        .sector_size = 512,
        .physical_sector_size = 512,
        .flags = PLATTER_VOLUME_WHOLE_DISK | PLATTER_VOLUME_NO_LETTER,
    };
    uint32_t words[4] = {GetCurrentProcessId(), GetTickCount(), (uint32_t)InterlockedIncrement(&serial), 1};
    memcpy(in.unique_id, words, sizeof words);
    memcpy(in.label, L"test", sizeof L"test");
    memcpy(in.image_name, L"Z:\\test", sizeof L"Z:\\test");
    return in;
}

DWORD wt_volume_create(HANDLE control, const struct platter_volume_create_in *in, struct platter_volume_create_out *out)
{
    return wt_control(control, PLATTER_IOCTL_VOLUME_CREATE, in, sizeof *in, out, sizeof *out, NULL);
}

DWORD wt_volume_start(HANDLE control, uint64_t id, struct platter_volume_info *info)
{
    struct platter_volume_start_in in = {.volume_id = id};
    return wt_control(control, PLATTER_IOCTL_VOLUME_START, &in, sizeof in, info, sizeof *info, NULL);
}

DWORD wt_volume_remove(HANDLE control, uint64_t id, uint32_t flags)
{
    struct platter_volume_remove_in in = {.volume_id = id, .flags = flags};
    return wt_control(control, PLATTER_IOCTL_VOLUME_REMOVE, &in, sizeof in, NULL, 0, NULL);
}

DWORD wt_volume_info(HANDLE control, uint64_t id, struct platter_volume_info *info)
{
    struct platter_volume_list_in in = {.after_id = id - 1};
    unsigned char out[sizeof(struct platter_volume_list_out) + sizeof *info];
    struct platter_volume_list_out head;
    DWORD done = 0;
    DWORD error = wt_control(control, PLATTER_IOCTL_VOLUME_LIST, &in, sizeof in, out, sizeof out, &done);
    if (error != 0)
        return error;
    memcpy(&head, out, sizeof head);
    if (head.count != 1 || done != sizeof out)
        return ERROR_NOT_FOUND;
    memcpy(info, out + sizeof head, sizeof *info);
    return info->volume_id == id ? 0 : ERROR_NOT_FOUND;
}

/* ---- Serving ---- */

static struct wt_disk *find_disk(struct wt_session *session, uint64_t volume_id)
{
    for (unsigned i = 0; i < session->disk_count; i++) {
        if (session->disks[i].volume_id == volume_id)
            return &session->disks[i];
    }
    return NULL;
}

/* What a decent provider does with a request; returns an enum platter_status. */
static uint32_t serve(struct wt_disk *disk, const struct platter_request *request, unsigned char *batch)
{
    if (request->op == PLATTER_OP_FLUSH) {
        InterlockedIncrement(&disk->flushes);
        return PLATTER_STATUS_OK;
    }
    if (request->op == PLATTER_OP_DISCARD)
        return PLATTER_STATUS_OK;
    /* The driver must never ask for what is outside the volume or give places outside the buffer. */
    if (request->length == 0 || request->length > PLATTER_MAX_TRANSFER || request->offset > disk->length ||
        request->length > disk->length - request->offset || request->data_offset < PLATTER_TRANSACT_DATA_OFFSET ||
        request->data_offset > BATCH_BYTES || request->length > BATCH_BYTES - request->data_offset) {
        wt_ok(false, "the driver asked for %lu bytes at %llu, data at %lu", (unsigned long)request->length,
              (unsigned long long)request->offset, (unsigned long)request->data_offset);
        return PLATTER_STATUS_OUT_OF_RANGE;
    }
    if (request->op == PLATTER_OP_READ) {
        memcpy(batch + request->data_offset, disk->bytes + request->offset, request->length);
        return PLATTER_STATUS_OK;
    }
    if (request->op == PLATTER_OP_WRITE) {
        InterlockedIncrement(&disk->writes);
        memcpy(disk->bytes + request->offset, batch + request->data_offset, request->length);
        return PLATTER_STATUS_OK;
    }
    wt_ok(false, "the driver asked for operation %lu", (unsigned long)request->op);
    return PLATTER_STATUS_NOT_SUPPORTED;
}

/* Writes the answers that this disk's behaviour calls for; returns how many (0 to 2). */
static unsigned answer(struct wt_disk *disk, const struct platter_request *request, unsigned char *batch,
                       struct platter_answer *out)
{
    *out = (struct platter_answer){.request_id = request->request_id,
                                   .status = serve(disk, request, batch),
                                   .length = request->length,
                                   .data_offset = request->op == PLATTER_OP_READ ? request->data_offset : 0};
    switch ((enum wt_behaviour)disk->behaviour) {
    case WT_HONEST:
    case WT_IDLE:
        break;
    case WT_SLOW:
        Sleep((DWORD)disk->delay_ms);
        break;
    case WT_SILENT:
        return 0;
    case WT_WRONG_ID:
        out->request_id ^= 0x5555000000000000ull;
        break;
    case WT_TWICE:
        out[1] = out[0];
        return 2;
    case WT_SHORT:
        out->length = request->length / 2;
        break;
    case WT_LONG:
        out->length = request->length + 512;
        break;
    case WT_FAR:
        out->data_offset = BATCH_BYTES;
        break;
    case WT_WRAP:
        out->data_offset = 0xffffff00u;
        break;
    case WT_ODD_STATUS:
        out->status = 0x7fffffffu;
        break;
    case WT_ERROR:
        out->status = (uint32_t)disk->error;
        break;
    }
    return 1;
}

static bool any_idle(const struct wt_session *session)
{
    for (unsigned i = 0; i < session->disk_count; i++) {
        if (session->disks[i].behaviour == WT_IDLE)
            return true;
    }
    return false;
}

/* One TRANSACT; false when the session is over. A closed handle does not wake the event on every system, so look often. */
static bool transact(struct wt_session *session, struct worker_call *call)
{
    DWORD in_length = (DWORD)(sizeof call->in.head + call->in.head.answer_count * sizeof(struct platter_answer));
    DWORD error = WT_STUCK;
    wt_io_control(&call->io, session->control, PLATTER_IOCTL_TRANSACT, &call->in, in_length, call->batch, BATCH_BYTES);
    while (error == WT_STUCK && !session->stop)
        error = wt_io_wait(&call->io, 50, NULL);
    if (error == WT_STUCK)
        wt_io_wait(&call->io, 100, NULL);
    return error == 0 && !session->stop;
}

static DWORD WINAPI worker(void *context)
{
    struct wt_session *session = context;
    struct worker_call *call = calloc(1, sizeof *call);

    if (call == NULL || (call->batch = malloc(BATCH_BYTES)) == NULL)
        wt_bail("no memory for a worker");
    wt_io_init(&call->io);
    for (;;) {
        while (any_idle(session) && !session->stop)
            Sleep(10);
        call->in.head.fetch_max = PLATTER_MAX_BATCH / 2; /* twice as many answers fit */
        if (!transact(session, call))
            break;
        struct platter_transact_out out;
        memcpy(&out, call->batch, sizeof out);
        InterlockedExchangeAdd(&session->late, (LONG)out.answers_late);
        if (out.request_count > PLATTER_MAX_BATCH / 2) {
            wt_ok(false, "asked for %u requests, got %lu", PLATTER_MAX_BATCH / 2, (unsigned long)out.request_count);
            break;
        }
        unsigned count = 0;
        for (uint32_t i = 0; i < out.request_count; i++) {
            struct platter_request request;
            memcpy(&request, call->batch + sizeof out + i * sizeof request, sizeof request);
            struct wt_disk *disk = find_disk(session, request.volume_id);
            if (disk == NULL)
                wt_ok(false, "the driver asked for volume %llu", (unsigned long long)request.volume_id);
            else
                count += answer(disk, &request, call->batch, answers_of(call) + count);
        }
        call->in.head.answer_count = count;
    }
    return 0;
}

void wt_session_open(struct wt_session *session)
{
    struct platter_hello_out hello;
    *session = (struct wt_session){.control = wt_open_control()};
    DWORD error = wt_hello(session->control, PLATTER_PROTOCOL_VERSION, &hello);
    if (error != 0 || hello.accepted != 1)
        wt_bail("HELLO: error %lu, accepted %lu", error, (unsigned long)hello.accepted);
    for (int i = 0; i < WT_WORKERS; i++) {
        session->workers[i] = CreateThread(NULL, 0, worker, session, 0, NULL);
        if (session->workers[i] == NULL)
            wt_bail("no thread: error %lu", GetLastError());
    }
}

struct wt_disk *wt_session_add(struct wt_session *session, const struct platter_volume_create_in *in)
{
    struct platter_volume_create_out out;
    if (session->disk_count == WT_DISKS)
        wt_bail("too many disks for one test");
    struct wt_disk *disk = &session->disks[session->disk_count];
    *disk = (struct wt_disk){.delay_ms = 2, .length = in->length_bytes, .bytes = malloc((size_t)in->length_bytes)};
    if (disk->bytes == NULL)
        wt_bail("no memory for a disk");
    for (uint64_t at = 0; at < disk->length; at += 8) {
        uint64_t value = pattern(at);
        memcpy(disk->bytes + at, &value, 8);
    }
    DWORD error = wt_volume_create(session->control, in, &out);
    if (error != 0)
        wt_bail("VOLUME_CREATE: error %lu", error);
    disk->volume_id = out.volume_id;
    session->disk_count++;
    return disk;
}

struct wt_disk *wt_session_mount(struct wt_session *session, char letter, uint64_t length, uint32_t deadline_ms)
{
    struct platter_volume_info info;
    struct platter_volume_create_in in = wt_volume(length);
    in.flags &= ~(uint32_t)PLATTER_VOLUME_NO_LETTER;
    in.letter = (uint32_t)letter;
    in.deadline_ms = deadline_ms;
    struct wt_disk *disk = wt_session_add(session, &in);
    DWORD error = wt_volume_start(session->control, disk->volume_id, &info);
    if (error != 0 || info.letter != (uint32_t)letter || !wt_wait_drive(letter, true, 5000))
        wt_bail("VOLUME_START for %c: gave error %lu, letter %lu", letter, error, (unsigned long)info.letter);
    return disk;
}

void wt_session_drop(struct wt_session *session)
{
    InterlockedExchange(&session->stop, 1);
    CloseHandle(session->control);
    if (WaitForMultipleObjects(WT_WORKERS, session->workers, TRUE, WT_LIMIT_MS) == WAIT_TIMEOUT)
        wt_bail("the workers did not end");
    for (int i = 0; i < WT_WORKERS; i++)
        CloseHandle(session->workers[i]);
    for (unsigned i = 0; i < session->disk_count; i++)
        free(session->disks[i].bytes);
}

void wt_session_close(struct wt_session *session)
{
    for (unsigned i = 0; i < session->disk_count; i++)
        wt_volume_remove(session->control, session->disks[i].volume_id, PLATTER_REMOVE_FORCE);
    wt_session_drop(session);
}
