/* SPDX-License-Identifier: MIT */
/* Storms of cancellation: in the queue, with the provider, in a race with the answer. usage: wt_cancel LETTER */
#include "wt_session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISK = 4 << 20,
    CROWD = 256,
    CHUNK = 16384,
    CANCELS = 8, /* one by one; each takes Wine some 30 ms, and more on a busy machine */
};

static struct wt_io io[CROWD];
static unsigned char buffers[CROWD][CHUNK];

static void start_crowd(HANDLE drive)
{
    for (unsigned i = 0; i < CROWD; i++) {
        memset(buffers[i], 0, 8);
        wt_io_read(&io[i], drive, buffers[i], CHUNK, (uint64_t)(i % (DISK / CHUNK)) * CHUNK);
    }
}

struct outcome {
    unsigned good, wrong, cancelled, other;
};

static struct outcome end_crowd(void)
{
    struct outcome sum = {0};
    for (unsigned i = 0; i < CROWD; i++) {
        DWORD error = wt_io_wait(&io[i], WT_LIMIT_MS, NULL);
        if (error == WT_STUCK)
            wt_bail("request %u of the crowd never ended", i);
        bool right = error == 0 && wt_pattern_matches(buffers[i], (uint64_t)(i % (DISK / CHUNK)) * CHUNK, CHUNK);
        sum.good += right;
        sum.wrong += error == 0 && !right;
        sum.cancelled += error == ERROR_OPERATION_ABORTED;
        sum.other += error != 0 && error != ERROR_OPERATION_ABORTED;
    }
    return sum;
}

/* Nobody will ever answer: all must end by the cancellation alone, long before the deadline of a minute. */
static void test_all_cancelled(HANDLE drive, struct wt_disk *disk, enum wt_behaviour behaviour, const char *what)
{
    disk->behaviour = behaviour;
    Sleep(100);
    start_crowd(drive);
    Sleep(20);
    uint64_t start = wt_now();
    CancelIoEx(drive, NULL);
    struct outcome sum = end_crowd();
    wt_ok(sum.cancelled + sum.good == CROWD && sum.cancelled >= CROWD / 2 && wt_now() - start < 10000,
          "%s: %u of %u cancelled, %u were done already", what, sum.cancelled, CROWD, sum.good);
    disk->behaviour = WT_HONEST;
}

/* The answer and the cancellation race; whichever wins, the request ends once and what was read is right. */
static void test_race(HANDLE drive, struct wt_disk *disk)
{
    struct outcome total = {0};
    uint32_t seed = 4711;

    for (int round = 0; round < 4; round++) {
        disk->behaviour = round % 2 == 0 ? WT_HONEST : WT_SLOW;
        start_crowd(drive);
        for (int i = 0; i < CANCELS; i++)
            CancelIoEx(drive, &io[wt_random(&seed) % CROWD].overlapped);
        if (disk->behaviour == WT_SLOW)
            CancelIoEx(drive, NULL);
        struct outcome sum = end_crowd();
        total.good += sum.good;
        total.wrong += sum.wrong;
        total.cancelled += sum.cancelled;
        total.other += sum.other;
    }
    wt_ok(total.wrong == 0 && total.other == 0 && total.good != 0 && total.cancelled != 0,
          "cancel against answer: %u right, %u cancelled, %u wrong, %u other", total.good, total.cancelled, total.wrong,
          total.other);
    disk->behaviour = WT_HONEST;
}

/* The provider's own pending TRANSACT can be cancelled as well: it gets it back and may call again. */
static void test_transact_cancelled(void)
{
    static unsigned char batch[PLATTER_TRANSACT_MIN_BATCH];
    struct platter_transact_in in = {.fetch_max = 1};
    struct platter_hello_out hello;
    struct wt_io call;

    HANDLE control = wt_open_control();
    wt_hello(control, PLATTER_PROTOCOL_VERSION, &hello);
    wt_io_init(&call);
    unsigned ended = 0;
    for (int i = 0; i < 50; i++) {
        wt_io_control(&call, control, PLATTER_IOCTL_TRANSACT, &in, sizeof in, batch, sizeof batch);
        CancelIoEx(control, NULL);
        DWORD error = wt_io_wait(&call, 5000, NULL);
        if (error == WT_STUCK)
            wt_bail("a cancelled TRANSACT never ended");
        ended += error == ERROR_OPERATION_ABORTED;
    }
    wt_ok(ended == 50, "a waiting TRANSACT ends when it is cancelled (%u of 50)", ended);
    wt_io_free(&call);
    CloseHandle(control);
}

int wmain(int argc, wchar_t **argv)
{
    struct wt_session session;

    if (argc != 2)
        wt_bail("usage: wt_cancel LETTER");
    wt_watchdog(170);
    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, (char)argv[1][0], DISK, 60000);
    HANDLE drive = wt_open_drive((char)argv[1][0], GENERIC_READ | GENERIC_WRITE);
    if (drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open the drive: error %lu", GetLastError());
    for (unsigned i = 0; i < CROWD; i++)
        wt_io_init(&io[i]);

    test_all_cancelled(drive, disk, WT_SILENT, "requests that the provider holds");
    test_all_cancelled(drive, disk, WT_IDLE, "requests that nobody has fetched");
    test_race(drive, disk);
    test_transact_cancelled();

    /* A program that dies with requests in flight: its handle's requests must not keep the volume busy. */
    disk->behaviour = WT_SILENT;
    HANDLE second = wt_open_drive((char)argv[1][0], GENERIC_READ);
    wt_io_read(&io[0], second, buffers[0], CHUNK, 0);
    Sleep(50);
    CancelIoEx(second, NULL);
    CloseHandle(second);
    disk->behaviour = WT_HONEST;
    start_crowd(drive);
    struct outcome sum = end_crowd();
    wt_ok(sum.good == CROWD, "after all that, %u of %u reads are right", sum.good, CROWD);

    struct platter_volume_info info;
    uint64_t end = wt_now() + 5000;
    info.in_flight = 1;
    while (wt_volume_info(session.control, disk->volume_id, &info) == 0 && info.in_flight != 0 && wt_now() < end)
        Sleep(20);
    wt_ok(info.in_flight == 0, "no request is left in the driver (%lu)", (unsigned long)info.in_flight);
    CloseHandle(drive);
    wt_session_close(&session);
    return wt_finish();
}
