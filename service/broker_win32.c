/* SPDX-License-Identifier: MIT */
#include "broker_win32.h"

#include <platter/protocol.h>
#include <string.h>

#include "../engine/os/file.h"
#include "access.h"
#include "identity_win32.h"

#define OPENED_MOST 4096u /* a backup's set and a chain of parents are some hundreds, each opened a few times */
#define HELLO_MS 10000u

/* As the owner, whom the thread acts for. */
static bool say_hello(HANDLE device, DWORD *error)
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

static enum platter_result open_as_owner(const struct service_broker *broker, const char *path, uint32_t flags,
                                         bool device, HANDLE *opened, struct platter_error *err)
{
    enum platter_result result;
    DWORD error = ERROR_SUCCESS;
    intptr_t handle = 0;

    if (!service_impersonate(broker->owner))
        return platter_error_set_os(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "the service cannot act for the owner of the mount");
    result = platter_os_handle_open(path, flags, &handle, err);
    if (result == PLATTER_OK && device && !say_hello((HANDLE)handle, &error))
        result = platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error,
                                      "the Platter driver does not answer");
    service_revert();
    *opened = (HANDLE)handle;
    if (result && handle && (HANDLE)handle != INVALID_HANDLE_VALUE)
        CloseHandle((HANDLE)handle);
    return result;
}

enum platter_result service_broker_open(struct service_broker *broker, const char *path, uint32_t flags,
                                        uint64_t *handle, struct platter_error *err)
{
    bool device = strcmp(path, PLATTER_CONTROL_WIN32_NAME) == 0;
    enum platter_result result = PLATTER_OK;
    HANDLE opened = NULL, theirs = NULL;

    if (broker->opened++ >= OPENED_MOST)
        return platter_error_set(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET,
                                 "the image refers to more files than the Platter service opens for one");
    if (!device)
        result = service_access_check(broker->mount, path, flags, err);
    if (result == PLATTER_OK)
        result = open_as_owner(broker, path, device ? PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_SHARE_WRITERS : flags,
                               device, &opened, err);
    if (result)
        return result;
    /* A pipe could be had by a file's name; reading it would be talking to somebody. */
    if (!device && GetFileType(opened) != FILE_TYPE_DISK) {
        CloseHandle(opened);
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is not a file, so not an image");
    }
    if (!DuplicateHandle(GetCurrentProcess(), opened, broker->process, &theirs, 0, FALSE,
                         DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE))
        return platter_error_set_os(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "cannot be handed to the worker");
    *handle = (uint64_t)(uintptr_t)theirs;
    return PLATTER_OK;
}
