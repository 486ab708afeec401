/* SPDX-License-Identifier: MIT */
/*
 * readvol DEVICE OUT: copies every byte of a drive (\\.\X:) into a file, four reads of 1 MiB in flight, as a backup
 * program would. Wine mounts no file systems, so this is how the demo and the tests look at a mounted volume.
 */
#include "wt.h"
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH = 4, BLOCK = 1 << 20 };

static DWORD copy(HANDLE drive, uint64_t length, FILE *out, uint64_t *at)
{
    struct wt_io io[DEPTH];
    unsigned char *buffers = malloc((size_t)DEPTH * BLOCK);
    uint64_t asked = 0;
    DWORD error = 0;

    if (buffers == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    for (int i = 0; i < DEPTH; i++)
        wt_io_init(&io[i]);
    for (unsigned turn = 0; *at < length && error == 0; turn++) {
        while (asked < length && asked < *at + (uint64_t)DEPTH * BLOCK) {
            unsigned slot = (unsigned)(asked / BLOCK % DEPTH);
            DWORD step = (DWORD)(length - asked < BLOCK ? length - asked : BLOCK);
            wt_io_read(&io[slot], drive, buffers + (size_t)slot * BLOCK, step, asked);
            asked += step;
        }
        DWORD want = (DWORD)(length - *at < BLOCK ? length - *at : BLOCK);
        DWORD done;
        error = wt_io_wait(&io[turn % DEPTH], 60000, &done);
        if (error == 0 && done != want)
            error = ERROR_HANDLE_EOF;
        if (error == 0 && fwrite(buffers + (size_t)(turn % DEPTH) * BLOCK, 1, done, out) != done)
            error = ERROR_WRITE_FAULT;
        if (error == 0)
            *at += done;
    }
    /* After an error requests may still be under way into the buffers; the program ends, so they are left to it. */
    if (error != 0)
        return error;
    for (int i = 0; i < DEPTH; i++)
        wt_io_free(&io[i]);
    free(buffers);
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    GET_LENGTH_INFORMATION info;
    uint64_t at = 0;

    if (argc != 3) {
        fputs("usage: readvol \\\\.\\X: OUT\n", stderr);
        return 2;
    }
    HANDLE drive = CreateFileW(argv[1], GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                               FILE_FLAG_OVERLAPPED, NULL);
    if (drive == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "readvol: cannot open %ls: error %lu\n", argv[1], GetLastError());
        return 1;
    }
    DWORD error = wt_control(drive, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &info, sizeof info, NULL);
    if (error != 0) {
        fprintf(stderr, "readvol: %ls does not tell its length: error %lu\n", argv[1], error);
        return 1;
    }
    FILE *out = _wfopen(argv[2], L"wb");
    if (out == NULL) {
        fprintf(stderr, "readvol: cannot write %ls\n", argv[2]);
        return 1;
    }
    uint64_t start = wt_now();
    uint64_t length = (uint64_t)info.Length.QuadPart;
    error = copy(drive, length, out, &at);
    if (fclose(out) != 0 && error == 0)
        error = ERROR_WRITE_FAULT;
    if (error != 0) {
        fprintf(stderr, "readvol: %ls: at byte %llu: error %lu\n", argv[1], (unsigned long long)at, error);
        return 1;
    }
    CloseHandle(drive);
    printf("%llu bytes in %llu ms\n", (unsigned long long)at, (unsigned long long)(wt_now() - start));
    return 0;
}
