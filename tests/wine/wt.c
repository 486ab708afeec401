/* SPDX-License-Identifier: MIT */
#include "wt.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned cases;
static unsigned failures;

static void print(const char *before, const char *format, va_list arguments)
{
    fputs(before, stdout);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
}

bool wt_ok(bool passed, const char *format, ...)
{
    static uint64_t last;
    char before[32];
    va_list arguments;
    cases++;
    failures += !passed;
    snprintf(before, sizeof before, "%sok %u - ", passed ? "" : "not ", cases);
    va_start(arguments, format);
    print(before, format, arguments);
    va_end(arguments);
    if (wt_now() - last > 2000)
        wt_note("after %llu ms", (unsigned long long)(wt_now() - last));
    last = wt_now();
    return passed;
}

void wt_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("# ", format, arguments);
    va_end(arguments);
}

void wt_bail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("not ok %u - ", ++cases);
    print("gave up: ", format, arguments);
    va_end(arguments);
    printf("1..%u\n", cases);
    fflush(stdout);
    ExitProcess(1);
}

int wt_finish(void)
{
    printf("1..%u\n", cases);
    fflush(stdout);
    return failures != 0 || cases == 0;
}

static DWORD WINAPI watchdog(void *context)
{
    Sleep((DWORD)(uintptr_t)context * 1000);
    printf("not ok %u - the program did not end in %u s\n", cases + 1, (unsigned)(uintptr_t)context);
    fflush(stdout);
    /* Not ExitProcess: it waits for locks that a stuck thread may hold. */
    TerminateProcess(GetCurrentProcess(), 1);
    return 0;
}

void wt_watchdog(unsigned seconds)
{
    HANDLE thread = CreateThread(NULL, 0, watchdog, (void *)(uintptr_t)seconds, 0, NULL);
    if (thread == NULL)
        wt_bail("no thread for the watchdog: error %lu", GetLastError());
    CloseHandle(thread);
}

uint64_t wt_now(void)
{
    static ULONGLONG start;
    if (start == 0)
        start = GetTickCount64();
    return GetTickCount64() - start;
}

uint32_t wt_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

void wt_io_init(struct wt_io *io)
{
    *io = (struct wt_io){.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    if (io->overlapped.hEvent == NULL)
        wt_bail("no event: error %lu", GetLastError());
}

void wt_io_free(struct wt_io *io)
{
    CloseHandle(io->overlapped.hEvent);
    io->overlapped.hEvent = NULL;
}

static void begin(struct wt_io *io, HANDLE file, uint64_t offset)
{
    HANDLE event = io->overlapped.hEvent;
    io->overlapped = (OVERLAPPED){.hEvent = event};
    io->overlapped.Offset = (DWORD)offset;
    io->overlapped.OffsetHigh = (DWORD)(offset >> 32);
    io->file = file;
    ResetEvent(event);
}

void wt_io_read(struct wt_io *io, HANDLE file, void *buffer, DWORD length, uint64_t offset)
{
    begin(io, file, offset);
    io->started = ReadFile(file, buffer, length, NULL, &io->overlapped) ? ERROR_IO_PENDING : GetLastError();
}

void wt_io_write(struct wt_io *io, HANDLE file, const void *buffer, DWORD length, uint64_t offset)
{
    begin(io, file, offset);
    io->started = WriteFile(file, buffer, length, NULL, &io->overlapped) ? ERROR_IO_PENDING : GetLastError();
}

void wt_io_control(struct wt_io *io, HANDLE file, DWORD code, const void *in, DWORD in_length, void *out,
                   DWORD out_length)
{
    begin(io, file, 0);
    BOOL done = DeviceIoControl(file, code, (void *)(uintptr_t)in, in_length, out, out_length, NULL, &io->overlapped);
    io->started = done ? ERROR_IO_PENDING : GetLastError();
}

DWORD wt_io_wait(struct wt_io *io, DWORD limit_ms, DWORD *done)
{
    DWORD bytes = 0;
    DWORD error = io->started;
    /* Some errors and all warnings leave the result in the OVERLAPPED; an immediate failure does not touch it. */
    if (error == ERROR_IO_PENDING) {
        if (WaitForSingleObject(io->overlapped.hEvent, limit_ms) != WAIT_OBJECT_0)
            return WT_STUCK;
        error = GetOverlappedResult(io->file, &io->overlapped, &bytes, FALSE) ? 0 : GetLastError();
    }
    if (done != NULL)
        *done = bytes;
    return error;
}

/* A request that is stuck keeps its OVERLAPPED and buffer: the program must not go on as if nothing were. */
static DWORD finish(struct wt_io *io, DWORD *done, const char *what)
{
    DWORD error = wt_io_wait(io, WT_LIMIT_MS, done);
    if (error == WT_STUCK)
        wt_bail("%s did not end within %u ms", what, WT_LIMIT_MS);
    wt_io_free(io);
    return error;
}

DWORD wt_read(HANDLE file, void *buffer, DWORD length, uint64_t offset, DWORD *done)
{
    struct wt_io io;
    wt_io_init(&io);
    wt_io_read(&io, file, buffer, length, offset);
    return finish(&io, done, "a read");
}

DWORD wt_write(HANDLE file, const void *buffer, DWORD length, uint64_t offset, DWORD *done)
{
    struct wt_io io;
    wt_io_init(&io);
    wt_io_write(&io, file, buffer, length, offset);
    return finish(&io, done, "a write");
}

DWORD wt_control(HANDLE file, DWORD code, const void *in, DWORD in_length, void *out, DWORD out_length, DWORD *done)
{
    struct wt_io io;
    char what[64];
    wt_io_init(&io);
    wt_io_control(&io, file, code, in, in_length, out, out_length);
    snprintf(what, sizeof what, "control code 0x%lx", code);
    return finish(&io, done, what);
}

HANDLE wt_open_drive(char letter, DWORD access)
{
    WCHAR path[] = L"\\\\.\\?:";
    path[4] = (WCHAR)letter;
    return CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED,
                       NULL);
}

bool wt_drive_exists(char letter)
{
    WCHAR name[] = L"?:";
    WCHAR target[512];
    name[0] = (WCHAR)letter;
    return QueryDosDeviceW(name, target, ARRAYSIZE(target)) != 0;
}

bool wt_wait_drive(char letter, bool present, DWORD limit_ms)
{
    uint64_t end = wt_now() + limit_ms;
    while (wt_drive_exists(letter) != present) {
        if (wt_now() >= end)
            return false;
        Sleep(20);
    }
    return true;
}
