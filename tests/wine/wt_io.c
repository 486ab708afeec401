/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of a mounted drive against the image file it comes from.
 *
 * usage: wt_io X IMAGE OFFSET LENGTH SECTOR ro            the drive is bytes OFFSET to OFFSET+LENGTH of IMAGE, read-only
 *        wt_io X IMAGE OFFSET LENGTH SECTOR rw SHADOW     writable; each write is done to the file SHADOW as well, so that the
 *                                                         caller can compare IMAGE with it when the drive is unmounted
 */
#include "wt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROWD = 256, LARGE = 1 << 20 };

static struct {
    HANDLE drive, image, shadow;
    uint64_t offset, length;
    uint32_t sector;
    bool writable;
} t;

static HANDLE open_file(const wchar_t *path, DWORD access)
{
    HANDLE file =
        CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (file == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %ls: error %lu", path, GetLastError());
    return file;
}

static unsigned char *memory(size_t bytes)
{
    unsigned char *result = malloc(bytes);
    if (result == NULL)
        wt_bail("no memory");
    return result;
}

/* Whether `data` is what the image has there. */
static bool same_as_image(const unsigned char *data, uint64_t at, DWORD length)
{
    static unsigned char *expected;
    DWORD done = 0;
    if (expected == NULL)
        expected = memory(16 * LARGE);
    DWORD error = wt_read(t.image, expected, length, t.offset + at, &done);
    if (error != 0 || done != length)
        wt_bail("cannot read the image at %llu: error %lu", (unsigned long long)(t.offset + at), error);
    return memcmp(data, expected, length) == 0;
}

static DWORD random_size(uint32_t *seed)
{
    /* 4 KiB to 128 KiB, and one in sixteen a whole MiB: what caches, scanners and backups send. */
    return wt_random(seed) % 16 == 0 ? LARGE : 4096 * (1 + wt_random(seed) % 32);
}

static void test_crowd(uint32_t seed)
{
    static struct wt_io io[CROWD];
    static unsigned char *buffers[CROWD];
    static DWORD sizes[CROWD];
    static uint64_t places[CROWD];
    unsigned wrong = 0, failed = 0;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < CROWD; i++) {
        sizes[i] = random_size(&seed);
        places[i] = wt_random(&seed) % ((t.length - sizes[i]) / t.sector + 1) * t.sector;
        buffers[i] = memory(sizes[i]);
        memset(buffers[i], 0xee, sizes[i]);
        bytes += sizes[i];
        wt_io_init(&io[i]);
    }
    uint64_t start = wt_now();
    for (unsigned i = 0; i < CROWD; i++)
        wt_io_read(&io[i], t.drive, buffers[i], sizes[i], places[i]);
    for (unsigned i = 0; i < CROWD; i++) {
        DWORD done = 0;
        DWORD error = wt_io_wait(&io[i], WT_LIMIT_MS, &done);
        if (error == WT_STUCK)
            wt_bail("one of %u reads in flight never ended", CROWD);
        if (error != 0 || done != sizes[i]) {
            wt_note("read of %lu at %llu: error %lu, %lu bytes", sizes[i], (unsigned long long)places[i], error, done);
            failed++;
        }
    }
    uint64_t took = wt_now() - start;
    for (unsigned i = 0; i < CROWD; i++) {
        wrong += !same_as_image(buffers[i], places[i], sizes[i]);
        free(buffers[i]);
        wt_io_free(&io[i]);
    }
    wt_ok(failed == 0 && wrong == 0, "%u reads in flight, %llu MiB in %llu ms: %u failed, %u wrong", CROWD,
          (unsigned long long)(bytes >> 20), (unsigned long long)took, failed, wrong);
}

/* Longer than a provider's buffer: the driver must cut it into pieces and put them together again. */
static void test_long_reads(void)
{
    static const DWORD sizes[] = {LARGE + 4096, 3 * LARGE + 512 * 8, 8 * LARGE};
    for (size_t i = 0; i < ARRAYSIZE(sizes); i++) {
        DWORD done = 0;
        if (sizes[i] > t.length)
            continue;
        unsigned char *buffer = memory(sizes[i]);
        uint64_t at = t.length - sizes[i];
        DWORD error = wt_read(t.drive, buffer, sizes[i], at, &done);
        wt_ok(error == 0 && done == sizes[i] && same_as_image(buffer, at, sizes[i]),
              "one read of %lu bytes up to the end (error %lu)", sizes[i], error);
        free(buffer);
    }
}

static void test_errors(void)
{
    static unsigned char buffer[8192];
    const uint64_t end = t.length;
    const DWORD sector = t.sector;
    const struct {
        const char *what;
        uint64_t offset;
        DWORD length;
    } refused[] = {
        {"one byte", 0, 1},
        {"a sector and a half", 0, sector + sector / 2},
        {"a sector from the middle of one", sector / 2, sector},
        {"the sector behind the last", end, sector},
        {"two sectors from the last", end - sector, 2 * sector},
        {"a sector far behind the end", end + (1ull << 40), sector},
        {"a sector at the largest offset", 0x7fffffffffffffffull & ~(uint64_t)(sector - 1), sector},
    };
    for (size_t i = 0; i < ARRAYSIZE(refused); i++) {
        DWORD done = 0;
        DWORD error = wt_read(t.drive, buffer, refused[i].length, refused[i].offset, &done);
        wt_ok(error == ERROR_INVALID_PARAMETER && done == 0, "a read of %s is refused (error %lu)", refused[i].what,
              error);
        error = wt_write(t.drive, buffer, refused[i].length, refused[i].offset, &done);
        wt_ok(error == (t.writable ? ERROR_INVALID_PARAMETER : ERROR_WRITE_PROTECT) && done == 0,
              "and a write (error %lu)", error);
    }
    DWORD done = 0;
    DWORD error = wt_read(t.drive, buffer, sector, end - sector, &done);
    wt_ok(error == 0 && done == sector && same_as_image(buffer, end - sector, sector),
          "the last sector reads (error %lu)", error);
    error = wt_read(t.drive, buffer, 0, 0, &done);
    wt_ok(error == 0 && done == 0, "a read of nothing succeeds (error %lu)", error);
}

static void test_read_only(void)
{
    static unsigned char buffer[4096];
    DWORD error = wt_write(t.drive, buffer, sizeof buffer, 0, NULL);
    wt_ok(error == ERROR_WRITE_PROTECT, "a write is refused as write-protected (error %lu)", error);
    wt_ok(FlushFileBuffers(t.drive), "a flush succeeds (error %lu)", GetLastError());
    wt_read(t.drive, buffer, sizeof buffer, 0, NULL);
    wt_ok(same_as_image(buffer, 0, sizeof buffer), "and nothing was changed");
}

/* Many writes in flight, none over another, done to the shadow as well; then all is read back. */
static void test_writes(void)
{
    enum { WRITES = 64 };
    static struct wt_io io[WRITES];
    static unsigned char *buffers[WRITES];
    static DWORD sizes[WRITES];
    static uint64_t places[WRITES];
    uint32_t seed = 77;
    uint64_t at = 0;
    unsigned count = 0, failed = 0, wrong = 0;
    unsigned char *back = memory(LARGE);

    while (count < WRITES) {
        DWORD size = random_size(&seed);
        at += wt_random(&seed) % 16 * t.sector;
        if (at + size > t.length)
            break;
        sizes[count] = size;
        places[count] = at;
        buffers[count] = memory(size);
        for (DWORD i = 0; i < size; i += 4) {
            uint32_t value = wt_random(&seed);
            memcpy(buffers[count] + i, &value, 4);
        }
        at += size;
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        wt_io_init(&io[i]);
        wt_io_write(&io[i], t.drive, buffers[i], sizes[i], places[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        DWORD done = 0;
        DWORD error = wt_io_wait(&io[i], WT_LIMIT_MS, &done);
        if (error == WT_STUCK)
            wt_bail("one of %u writes in flight never ended", count);
        failed += error != 0 || done != sizes[i];
        wt_io_free(&io[i]);
    }
    wt_ok(failed == 0 && count >= 16, "%u writes in flight up to byte %llu: %u failed", count, (unsigned long long)at,
          failed);
    wt_ok(FlushFileBuffers(t.drive), "a flush succeeds (error %lu)", GetLastError());
    for (unsigned i = 0; i < count; i++) {
        DWORD error = wt_read(t.drive, back, sizes[i], places[i], NULL);
        wrong += error != 0 || memcmp(back, buffers[i], sizes[i]) != 0;
        /* After a flush the bytes are in the image file, for everybody to see. */
        wrong += !same_as_image(buffers[i], places[i], sizes[i]);
        if (wt_write(t.shadow, buffers[i], sizes[i], t.offset + places[i], NULL) != 0)
            wt_bail("cannot write the shadow");
        free(buffers[i]);
    }
    wt_ok(wrong == 0, "all are read back, from the drive and from the image file: %u wrong", wrong);
    free(back);
}

int wmain(int argc, wchar_t **argv)
{
    GET_LENGTH_INFORMATION info = {0};

    t.writable = argc == 8 && wcscmp(argv[6], L"rw") == 0;
    if (!t.writable && !(argc == 7 && wcscmp(argv[6], L"ro") == 0))
        wt_bail("usage: wt_io X IMAGE OFFSET LENGTH SECTOR ro|rw [SHADOW]");
    wt_watchdog(110);
    t.offset = _wcstoui64(argv[3], NULL, 10);
    t.length = _wcstoui64(argv[4], NULL, 10);
    t.sector = (uint32_t)wcstoul(argv[5], NULL, 10);
    t.image = open_file(argv[2], GENERIC_READ);
    if (t.writable)
        t.shadow = open_file(argv[7], GENERIC_READ | GENERIC_WRITE);
    t.drive = wt_open_drive((char)argv[1][0], GENERIC_READ | GENERIC_WRITE);
    if (t.drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %lc:, error %lu", argv[1][0], GetLastError());

    DWORD error = wt_control(t.drive, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &info, sizeof info, NULL);
    wt_ok(error == 0 && (uint64_t)info.Length.QuadPart == t.length, "the drive is as long as the partition (error %lu)",
          error);
    test_crowd(1);
    test_crowd(2);
    test_long_reads();
    test_errors();
    if (t.writable)
        test_writes();
    else
        test_read_only();
    return wt_finish();
}
