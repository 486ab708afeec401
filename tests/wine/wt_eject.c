/* SPDX-License-Identifier: MIT */
/* wt_eject X: ejects the drive as Explorer's menu does, by IOCTL_STORAGE_EJECT_MEDIA on \\.\X:, and waits until it is gone. */
#include "wt.h"

int wmain(int argc, wchar_t **argv)
{
    if (argc != 2)
        wt_bail("usage: wt_eject X");
    wt_watchdog(60);
    HANDLE drive = wt_open_drive((char)argv[1][0], GENERIC_READ);
    if (drive == INVALID_HANDLE_VALUE)
        wt_bail("cannot open %lc:, error %lu", argv[1][0], GetLastError());
    DWORD error = wt_control(drive, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, NULL);
    /* On Wine the device may be gone before the answer is delivered, which is then this error; that it goes is told below. */
    wt_ok(error == 0 || error == ERROR_ACCESS_DENIED, "the drive takes the request to be ejected (error %lu)", error);
    CloseHandle(drive);
    wt_ok(wt_wait_drive((char)argv[1][0], false, 20000), "it goes");
    return wt_finish();
}
