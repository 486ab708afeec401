/* SPDX-License-Identifier: MIT */
/* The transport to platter.sys: one overlapped handle of its control device, any number of calls on it at once. */
#include "transport.h"

#include <windows.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../engine/os/file.h"

struct driver_transport {
    struct platter_transport base;
    HANDLE device;
    atomic_bool shut;
};

/* What a refusal means, by the Win32 form of the NTSTATUS (the pairs are those of RtlNtStatusToDosError). */
struct refusal {
    DWORD error;
    enum platter_result result;
    const char *sentence;
};

static const struct refusal refusals[] = {
    {ERROR_REVISION_MISMATCH, PLATTER_E_DRIVER, "the Platter driver is of another version than this program"},
    {ERROR_INVALID_FUNCTION, PLATTER_E_DRIVER, "the Platter driver does not know this request"},
    {ERROR_INVALID_PARAMETER, PLATTER_E_DRIVER, "the Platter driver found a value of the request invalid"},
    {ERROR_INSUFFICIENT_BUFFER, PLATTER_E_DRIVER, "the Platter driver found a buffer of the request too small"},
    {ERROR_BAD_LENGTH, PLATTER_E_DRIVER, "the Platter driver found a length of the request wrong"},
    {ERROR_BUSY, PLATTER_E_BUSY, "the volume is in use"},
    {ERROR_DEVICE_IN_USE, PLATTER_E_BUSY, "the volume is in use"},
    {ERROR_ALREADY_EXISTS, PLATTER_E_EXISTS, "the drive letter is already in use"},
    {ERROR_FILE_EXISTS, PLATTER_E_EXISTS, "the drive letter is already in use"},
    {ERROR_ACCESS_DENIED, PLATTER_E_ACCESS, "only its owner and administrators may do this to the volume"},
    {ERROR_ACCESS_DISABLED_BY_POLICY, PLATTER_E_ACCESS,
     "the policy of this machine allows this user no drives, or none that can be written"},
    {ERROR_OBJECT_ALREADY_EXISTS, PLATTER_E_BUSY, "a volume of this unique id is mounted already"},
    {ERROR_PRIVILEGE_NOT_HELD, PLATTER_E_ACCESS, "only its owner and administrators may do this to the volume"},
    {ERROR_NOT_FOUND, PLATTER_E_NOT_FOUND, "there is no such volume"},
    {ERROR_FILE_NOT_FOUND, PLATTER_E_NOT_FOUND, "there is no such volume"},
    {ERROR_DEV_NOT_EXIST, PLATTER_E_NOT_FOUND, "there is no such volume"},
    {ERROR_DEVICE_NOT_CONNECTED, PLATTER_E_NOT_FOUND, "the volume is gone"},
    {ERROR_DEVICE_REMOVED, PLATTER_E_NOT_FOUND, "the volume is gone"},
    {ERROR_NO_SYSTEM_RESOURCES, PLATTER_E_NO_MEMORY, "the system is out of kernel memory"},
    {ERROR_NOT_ENOUGH_MEMORY, PLATTER_E_NO_MEMORY, "the system is out of memory"},
    {ERROR_OUTOFMEMORY, PLATTER_E_NO_MEMORY, "the system is out of memory"},
    {ERROR_WORKING_SET_QUOTA, PLATTER_E_NO_MEMORY, "this process may not lock more memory"},
    {ERROR_NOT_ENOUGH_QUOTA, PLATTER_E_NO_MEMORY, "this process may not lock more memory"},
    {ERROR_NO_MORE_ITEMS, PLATTER_E_BUSY, "no drive letter is free"},
    {ERROR_SEM_TIMEOUT, PLATTER_E_DRIVER, "Windows did not take the drive in time"},
    {ERROR_TOO_MANY_NAMES, PLATTER_E_DRIVER, "the limit on volumes is reached"},
    {ERROR_BAD_COMMAND, PLATTER_E_BUSY, "the volume has been started before"},
    {ERROR_CRC, PLATTER_E_DAMAGED, "the volume's first read found damaged data"},
    {ERROR_IO_DEVICE, PLATTER_E_IO, "the volume's first read failed or was not answered in time"},
    {ERROR_GEN_FAILURE, PLATTER_E_DRIVER, "the Platter driver could not do it"},
    {ERROR_NOT_SUPPORTED, PLATTER_E_UNSUPPORTED, "the Platter driver does not support this here"},
};

static enum platter_result refused(DWORD error, struct platter_error *err)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (refusals[i].error == error)
            return platter_error_set_os(err, refusals[i].result, NULL, PLATTER_NO_OFFSET, (int)error, "%s",
                                        refusals[i].sentence);
    }
    return platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, (int)error,
                                "the Platter driver refused");
}

static enum platter_result cancelled(struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_CANCELLED, NULL, PLATTER_NO_OFFSET, "the provider is shutting down");
}

static enum platter_result driver_control(struct platter_transport *transport, uint32_t code, const void *input,
                                          uint32_t input_length, void *output, uint32_t output_length,
                                          uint32_t *returned, struct platter_error *err)
{
    struct driver_transport *driver = (struct driver_transport *)transport;
    OVERLAPPED overlapped = {0};
    DWORD count = 0, error = ERROR_SUCCESS;

    if (atomic_load(&driver->shut))
        return cancelled(err);
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!overlapped.hEvent)
        return platter_error_set_os(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, (int)GetLastError(),
                                    "cannot create an event");
    /* DeviceIoControl takes the input as void * though it only reads it. */
    void *in = (void *)(uintptr_t)input;
    if (!DeviceIoControl(driver->device, code, in, input_length, output, output_length, &count, &overlapped))
        error = GetLastError();
    if (error == ERROR_IO_PENDING) {
        /* A shutdown between the look above and the issue has not seen this call. */
        if (atomic_load(&driver->shut))
            CancelIoEx(driver->device, &overlapped);
        error = ERROR_SUCCESS;
    }
    /* Also for what did not pend: the count is in the OVERLAPPED either way. */
    if (error == ERROR_SUCCESS && !GetOverlappedResult(driver->device, &overlapped, &count, TRUE))
        error = GetLastError();
    CloseHandle(overlapped.hEvent);
    *returned = count;
    if (error == ERROR_SUCCESS)
        return PLATTER_OK;
    if (error == ERROR_OPERATION_ABORTED || atomic_load(&driver->shut))
        return cancelled(err);
    return refused(error, err);
}

static void driver_shutdown(struct platter_transport *transport)
{
    struct driver_transport *driver = (struct driver_transport *)transport;
    atomic_store(&driver->shut, true);
    CancelIoEx(driver->device, NULL); /* fails when nothing is pending */
}

static void driver_close(struct platter_transport *transport)
{
    struct driver_transport *driver = (struct driver_transport *)transport;
    CloseHandle(driver->device);
    free(driver);
}

static const struct platter_transport_ops driver_ops = {driver_control, driver_shutdown, driver_close};

enum platter_result platter_transport_driver_open(struct platter_transport **transport, struct platter_hello_out *hello,
                                                  struct platter_error *err)
{
    struct platter_hello_out answer;
    struct driver_transport *driver = calloc(1, sizeof(*driver));
    if (!driver)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    driver->base.ops = &driver_ops;
    atomic_init(&driver->shut, false);
    enum platter_result result;
    intptr_t handle;
    struct platter_error why = {.os_error = 0};

    /* As files are: another process may have to do it in our stead. */
    result = platter_os_handle_open(PLATTER_CONTROL_WIN32_NAME, PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_SHARE_WRITERS,
                                    &handle, &why);
    if (result != PLATTER_OK) {
        if (why.os_error == ERROR_FILE_NOT_FOUND || why.os_error == ERROR_PATH_NOT_FOUND)
            result = platter_error_set(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET,
                                       "the Platter driver is not running; `platter driver install` installs it");
        else if (why.os_error == ERROR_ACCESS_DENIED)
            result = platter_error_set_os(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET, why.os_error,
                                          "this user may not use the Platter driver");
        else
            result = platter_error_set_os(err, PLATTER_E_DRIVER, NULL, PLATTER_NO_OFFSET, why.os_error,
                                          "cannot open the Platter driver");
        goto free_driver;
    }
    driver->device = (HANDLE)handle;
    result = provider_hello(&driver->base, &answer, err);
    if (result != PLATTER_OK)
        goto close_device;
    if (hello)
        *hello = answer;
    *transport = &driver->base;
    return PLATTER_OK;

close_device:
    CloseHandle(driver->device);
free_driver:
    free(driver);
    return result;
}
