/* SPDX-License-Identifier: MIT */
/*
 * Providers that stall, lie and die. Whatever they do, every request of a program ends within bounded time, and the
 * next mount works. usage: wt_provider LETTER
 */
#include "wt_session.h"
#include "platter/protocol.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISK = 8 << 20, CROWD = 64, CHUNK = 65536 };

static char letter;

static HANDLE open_drive(void)
{
    HANDLE drive = wt_open_drive(letter, GENERIC_READ | GENERIC_WRITE);
    if (drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %c:, error %lu", letter, GetLastError());
    return drive;
}

/* The driver is alive and the letter free: what has to hold after each misdeed. */
static void works_again(const char *after)
{
    static unsigned char buffer[CHUNK];
    struct wt_session session;

    if (!wt_wait_drive(letter, false, 5000)) {
        wt_ok(false, "after %s the letter is free again", after);
        return;
    }
    wt_session_open(&session);
    wt_session_mount(&session, letter, DISK, 0);
    HANDLE drive = open_drive();
    DWORD error = wt_read(drive, buffer, CHUNK, 4096, NULL);
    wt_ok(error == 0 && wt_pattern_matches(buffer, 4096, CHUNK), "after %s the next mount works (error %lu)", after,
          error);
    CloseHandle(drive);
    wt_session_close(&session);
}

static void test_deadline(void)
{
    static unsigned char buffer[CHUNK];
    struct wt_session session;
    struct platter_volume_info info;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, DISK, 800);
    HANDLE drive = open_drive();
    disk->behaviour = WT_SILENT;
    uint64_t start = wt_now();
    DWORD error = wt_read(drive, buffer, CHUNK, 0, NULL);
    uint64_t took = wt_now() - start;
    wt_ok(error == ERROR_IO_DEVICE, "a provider that never answers: the read fails (error %lu)", error);
    wt_ok(took >= 700 && took < 5000, "after its deadline of 800 ms (%llu ms)", (unsigned long long)took);
    error = wt_write(drive, buffer, CHUNK, 0, NULL);
    wt_ok(error == ERROR_IO_DEVICE, "so does a write (error %lu)", error);
    wt_ok(!FlushFileBuffers(drive), "and a flush (error %lu)", GetLastError());

    disk->behaviour = WT_IDLE;
    Sleep(100); /* what is waiting in the driver already fetches once more */
    for (int i = 0; i < 2; i++)
        error = wt_read(drive, buffer, CHUNK, 0, NULL);
    wt_ok(error == ERROR_IO_DEVICE, "a provider that does not even fetch: the read fails (error %lu)", error);
    wt_ok(wt_volume_info(session.control, disk->volume_id, &info) == 0 && info.failed_requests >= 5,
          "the list counts the failures (%llu)", (unsigned long long)info.failed_requests);

    disk->behaviour = WT_HONEST;
    error = wt_read(drive, buffer, CHUNK, 0, NULL);
    wt_ok(error == 0, "and when it comes back to its senses, reads work (error %lu)", error);
    CloseHandle(drive);
    wt_session_close(&session);
    works_again("a stalled provider");
}

/* Announce only what works: a volume whose provider cannot answer the probe never gets its letter. */
static void test_probe(enum wt_behaviour behaviour, const char *what)
{
    struct wt_session session;
    struct platter_volume_info info;
    struct platter_volume_create_in in = wt_volume(DISK);

    wt_session_open(&session);
    in.flags &= ~(uint32_t)PLATTER_VOLUME_NO_LETTER;
    in.letter = (uint32_t)letter;
    in.deadline_ms = 800;
    struct wt_disk *disk = wt_session_add(&session, &in);
    disk->error = PLATTER_STATUS_IO_ERROR;
    disk->behaviour = behaviour;
    uint64_t start = wt_now();
    DWORD error = wt_volume_start(session.control, disk->volume_id, &info);
    wt_ok(error != 0 && wt_now() - start < 5000, "a probe that %s fails the start (error %lu)", what, error);
    wt_ok(!wt_drive_exists(letter), "and there is no letter");
    wt_session_drop(&session);
}

static void test_lie(enum wt_behaviour behaviour, const char *what)
{
    static unsigned char buffer[CHUNK];
    struct wt_session session;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, DISK, 800);
    HANDLE drive = open_drive();
    disk->behaviour = behaviour;
    memset(buffer, 0, sizeof buffer);
    DWORD error = wt_read(drive, buffer, CHUNK, 8192, NULL);
    wt_ok(error != 0, "%s: the read fails (error %lu)", what, error);
    disk->behaviour = WT_HONEST;
    error = wt_read(drive, buffer, CHUNK, 8192, NULL);
    wt_ok(error == 0 && wt_pattern_matches(buffer, 8192, CHUNK), "and nothing else is spoilt (error %lu)", error);
    CloseHandle(drive);
    wt_session_close(&session);
}

static void test_twice(void)
{
    static unsigned char buffer[CHUNK];
    struct wt_session session;
    bool right = true;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, DISK, 800);
    HANDLE drive = open_drive();
    disk->behaviour = WT_TWICE;
    for (uint64_t at = 0; at < 20 * CHUNK && right; at += CHUNK)
        right = wt_read(drive, buffer, CHUNK, at, NULL) == 0 && wt_pattern_matches(buffer, at, CHUNK);
    wt_ok(right, "each request answered twice: reads are right");
    wt_ok(session.late >= 10, "and the second answers are counted late (%ld)", session.late);
    CloseHandle(drive);
    wt_session_close(&session);
}

static void test_statuses(void)
{
    static const struct {
        LONG status;
        DWORD error;
    } table[] = {
        {PLATTER_STATUS_IO_ERROR, ERROR_IO_DEVICE},
        {PLATTER_STATUS_DAMAGED, ERROR_CRC},
        {PLATTER_STATUS_NO_SPACE, ERROR_DISK_FULL},
        {PLATTER_STATUS_READ_ONLY, ERROR_WRITE_PROTECT},
        {PLATTER_STATUS_OUT_OF_RANGE, ERROR_SECTOR_NOT_FOUND},
        {PLATTER_STATUS_NO_MEMORY, ERROR_NO_SYSTEM_RESOURCES},
        {PLATTER_STATUS_NOT_SUPPORTED, ERROR_INVALID_FUNCTION},
        {PLATTER_STATUS_MEDIA_GONE, ERROR_DEVICE_NOT_CONNECTED},
    };
    static unsigned char buffer[CHUNK];
    struct wt_session session;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, DISK, 0);
    HANDLE drive = open_drive();
    disk->behaviour = WT_ERROR;
    for (size_t i = 0; i < ARRAYSIZE(table); i++) {
        disk->error = table[i].status;
        DWORD error = wt_write(drive, buffer, 512, 0, NULL);
        wt_ok(error == table[i].error, "status %ld reaches the program as error %lu (%lu)", table[i].status,
              table[i].error, error);
    }
    disk->behaviour = WT_ODD_STATUS;
    DWORD error = wt_read(drive, buffer, 512, 0, NULL);
    wt_ok(error == ERROR_IO_DEVICE, "an unknown status is an I/O error (%lu)", error);
    CloseHandle(drive);
    wt_session_close(&session);
}

/* The provider's handle goes away under a crowd of requests. */
static void test_death(enum wt_behaviour behaviour, const char *what)
{
    static struct wt_io io[CROWD];
    static unsigned char buffers[CROWD][CHUNK];
    struct wt_session session;
    unsigned stuck = 0, failed = 0;

    wt_session_open(&session);
    struct wt_disk *disk = wt_session_mount(&session, letter, DISK, 60000);
    HANDLE drive = open_drive();
    disk->delay_ms = 20;
    disk->behaviour = behaviour;
    for (unsigned i = 0; i < CROWD; i++) {
        wt_io_init(&io[i]);
        if (i % 4 == 3)
            wt_io_write(&io[i], drive, buffers[i], CHUNK, (uint64_t)i * CHUNK);
        else
            wt_io_read(&io[i], drive, buffers[i], CHUNK, (uint64_t)i * CHUNK);
    }
    Sleep(30);
    uint64_t start = wt_now();
    wt_session_drop(&session);
    for (unsigned i = 0; i < CROWD; i++) {
        DWORD error = wt_io_wait(&io[i], 10000, NULL);
        stuck += error == WT_STUCK;
        failed += error != 0;
    }
    if (stuck != 0)
        wt_bail("%s dies: %u of %u requests never ended", what, stuck, CROWD);
    /* A busy machine lets the busy provider finish first. */
    wt_ok(failed > 0 || behaviour == WT_SLOW, "%s dies: every request ends, %u of %u with an error, in %llu ms", what,
          failed, CROWD, (unsigned long long)(wt_now() - start));
    DWORD error = wt_read(drive, buffers[0], 512, 0, NULL);
    wt_ok(error != 0, "later reads of the old handle fail (error %lu)", error);
    CloseHandle(drive);
    for (unsigned i = 0; i < CROWD; i++)
        wt_io_free(&io[i]);
    works_again(what);
}

int wmain(int argc, wchar_t **argv)
{
    if (argc != 2)
        wt_bail("usage: wt_provider LETTER");
    letter = (char)argv[1][0];
    wt_watchdog(170);
    test_deadline();
    test_probe(WT_SILENT, "is never answered");
    test_probe(WT_ERROR, "fails");
    test_probe(WT_SHORT, "comes back short");
    works_again("probes that failed");
    test_lie(WT_WRONG_ID, "answers to ids never asked");
    test_lie(WT_SHORT, "an answer with half the bytes");
    test_lie(WT_LONG, "an answer with more bytes than asked");
    test_lie(WT_FAR, "bytes said to lie behind the buffer");
    test_lie(WT_WRAP, "bytes whose place wraps round");
    test_twice();
    test_statuses();
    works_again("lies");
    test_death(WT_SILENT, "a silent provider");
    test_death(WT_SLOW, "a busy provider");
    return wt_finish();
}
