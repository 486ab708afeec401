/* SPDX-License-Identifier: MIT */
/*
 * wt_hold X FLAG: opens \\.\X:, creates the file FLAG to say so, and keeps the handle until FLAG is deleted: a program
 * that has the drive in use while the command line tries to unmount it. With a path instead of X it is that file, which then
 * can be neither removed nor renamed.
 */
#include "wt.h"
#include <stdio.h>

int wmain(int argc, wchar_t **argv)
{
    char sector[4096];

    if (argc != 3)
        wt_bail("usage: wt_hold X FLAG");
    wt_watchdog(60);
    HANDLE drive = argv[1][1] ? CreateFileW(argv[1], GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL)
                              : wt_open_drive((char)argv[1][0], GENERIC_READ);
    if (drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %ls, error %lu", argv[1], GetLastError());
    /* Wine lets an open return before the driver has seen it; a read comes after. */
    DWORD error = argv[1][1] ? 0 : wt_read(drive, sector, sizeof sector, 0, NULL);
    wt_ok(error == 0, "the drive reads (error %lu)", error);
    HANDLE flag = CreateFileW(argv[2], GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (flag == INVALID_HANDLE_VALUE)
        wt_bail("cannot create %ls: error %lu", argv[2], GetLastError());
    CloseHandle(flag);
    while (GetFileAttributesW(argv[2]) != INVALID_FILE_ATTRIBUTES)
        Sleep(20);
    CloseHandle(drive);
    return wt_finish();
}
