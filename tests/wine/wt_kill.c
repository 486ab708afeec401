/* SPDX-License-Identifier: MIT */
/*
 * Kills the real provider, platter.exe, in the middle of transfers, as the Task Manager would.
 * usage: wt_kill LETTER PLATTER.EXE IMAGE
 */
#include "wt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROWD = 64, CHUNK = 1 << 18 };

static struct wt_io io[CROWD];
static unsigned char *buffers;

static HANDLE spawn(char letter, const wchar_t *platter, const wchar_t *image)
{
    wchar_t command[2048];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;

    _snwprintf(command, ARRAYSIZE(command), L"\"%ls\" mount \"%ls\" --letter %c --partition 1 --read-only --foreground",
               platter, image, letter);
    command[ARRAYSIZE(command) - 1] = 0;
    if (!CreateProcessW(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        wt_bail("cannot start %ls: error %lu", platter, GetLastError());
    CloseHandle(process.hThread);
    if (!wt_wait_drive(letter, true, 15000)) {
        TerminateProcess(process.hProcess, 1);
        wt_bail("no drive %c: after 15 s", letter);
    }
    return process.hProcess;
}

static void kill_in_transfer(char letter, HANDLE provider, DWORD delay_ms)
{
    unsigned failed = 0;
    HANDLE drive = wt_open_drive(letter, GENERIC_READ);
    if (drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %c:, error %lu", letter, GetLastError());
    for (unsigned i = 0; i < CROWD; i++)
        wt_io_read(&io[i], drive, buffers + (size_t)i * CHUNK, CHUNK, (uint64_t)(i % 32) * CHUNK);
    Sleep(delay_ms);
    TerminateProcess(provider, 9);
    uint64_t start = wt_now();
    for (unsigned i = 0; i < CROWD; i++) {
        DWORD error = wt_io_wait(&io[i], 15000, NULL);
        if (error == WT_STUCK)
            wt_bail("request %u never ended after the provider was killed", i);
        failed += error != 0;
    }
    wt_ok(true, "killed after %lu ms: all %u requests ended within %llu ms, %u of them with an error", delay_ms, CROWD,
          (unsigned long long)(wt_now() - start), failed);
    wt_ok(wt_wait_drive(letter, false, 10000), "the drive letter is gone");
    DWORD error = wt_read(drive, buffers, 512, 0, NULL);
    wt_ok(error != 0, "and the old handle fails (error %lu)", error);
    CloseHandle(drive);
    CloseHandle(provider);
}

int wmain(int argc, wchar_t **argv)
{
    static const DWORD delays[] = {0, 5, 25};

    if (argc != 4)
        wt_bail("usage: wt_kill LETTER PLATTER.EXE IMAGE");
    wt_watchdog(110);
    char letter = (char)argv[1][0];
    buffers = malloc((size_t)CROWD * CHUNK);
    if (buffers == NULL)
        wt_bail("no memory");
    for (unsigned i = 0; i < CROWD; i++)
        wt_io_init(&io[i]);
    for (size_t i = 0; i < ARRAYSIZE(delays); i++)
        kill_in_transfer(letter, spawn(letter, argv[2], argv[3]), delays[i]);

    HANDLE provider = spawn(letter, argv[2], argv[3]);
    HANDLE drive = wt_open_drive(letter, GENERIC_READ);
    DWORD error = wt_read(drive, buffers, CHUNK, 0, NULL);
    wt_ok(error == 0, "the next mount has the same letter and works (error %lu)", error);
    CloseHandle(drive);
    TerminateProcess(provider, 9);
    wt_ok(wt_wait_drive(letter, false, 10000), "and goes when its provider is killed at rest");
    return wt_finish();
}
