/* SPDX-License-Identifier: MIT */
#include "hello_win32.h"

#include <platter/protocol.h>

#define HELLO_MS 10000u

bool service_hello(HANDLE device, DWORD *error)
{
    struct platter_hello_in in = {.magic = PLATTER_HELLO_MAGIC, .protocol_version = PLATTER_PROTOCOL_VERSION};
    struct platter_hello_out out;
    OVERLAPPED overlapped = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD moved = 0;
    BOOL done;

    if (!overlapped.hEvent) {
        *error = GetLastError();
        return false;
    }
    done = DeviceIoControl(device, PLATTER_IOCTL_HELLO, &in, sizeof(in), &out, sizeof(out), NULL, &overlapped);
    if (!done && GetLastError() == ERROR_IO_PENDING) {
        if (WaitForSingleObject(overlapped.hEvent, HELLO_MS) != WAIT_OBJECT_0)
            CancelIoEx(device, &overlapped);
        done = TRUE;
    }
    done = done && GetOverlappedResult(device, &overlapped, &moved, TRUE);
    *error = done ? ERROR_SUCCESS : GetLastError();
    CloseHandle(overlapped.hEvent);
    return done;
}
