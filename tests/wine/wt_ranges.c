/* SPDX-License-Identifier: MIT */
/*
 * Copies parts of a drive, for drives of which all would be too much.
 *
 * usage: wt_ranges X read FILE RANGES    the ranges of the drive go to the same places of FILE, which is made
 *        wt_ranges X write FILE RANGES   those of FILE to the same places of the drive
 *
 * RANGES is a file of lines "OFFSET LENGTH", whole sectors.
 */
#include "wt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

static void copy(HANDLE from, HANDLE to, unsigned char *buffer, uint64_t offset, uint64_t length)
{
    while (length) {
        DWORD piece = length < PIECE ? (DWORD)length : PIECE, done = 0;
        DWORD error = wt_read(from, buffer, piece, offset, &done);

        if (error || done != piece)
            wt_bail("reading %lu bytes at %llu: error %lu, %lu bytes", piece, (unsigned long long)offset, error, done);
        error = wt_write(to, buffer, piece, offset, &done);
        if (error || done != piece)
            wt_bail("writing %lu bytes at %llu: error %lu, %lu bytes", piece, (unsigned long long)offset, error, done);
        offset += piece;
        length -= piece;
    }
}

int wmain(int argc, wchar_t **argv)
{
    unsigned long long offset, length, all = 0;
    unsigned char *buffer = malloc(PIECE);
    bool writing;
    HANDLE drive, file;
    FILE *ranges;

    wt_watchdog(170);
    if (argc != 5 || !buffer)
        wt_bail("usage: wt_ranges X read|write FILE RANGES");
    writing = wcscmp(argv[2], L"write") == 0;
    drive = wt_open_drive((char)argv[1][0], GENERIC_READ | (writing ? GENERIC_WRITE : 0));
    file = CreateFileW(argv[3], GENERIC_READ | (writing ? 0 : GENERIC_WRITE), FILE_SHARE_READ, NULL,
                       writing ? OPEN_EXISTING : CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
    ranges = _wfopen(argv[4], L"r");
    if (drive == INVALID_HANDLE_VALUE || file == INVALID_HANDLE_VALUE || !ranges)
        wt_bail("cannot open the drive, the file or the list: error %lu", GetLastError());
    while (fscanf(ranges, "%llu %llu", &offset, &length) == 2) {
        copy(writing ? file : drive, writing ? drive : file, buffer, offset, length);
        all += length;
    }
    wt_ok(all > 0, "%llu bytes are %s", all, writing ? "written" : "read");
    fclose(ranges);
    CloseHandle(file);
    CloseHandle(drive);
    free(buffer);
    return wt_finish();
}
