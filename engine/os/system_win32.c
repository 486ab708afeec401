/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <malloc.h>
#include <windows.h>
#include <ntsecapi.h>

/* Not in the headers of mingw-w64 10. */
#ifndef ERROR_DISK_QUOTA_EXCEEDED
#define ERROR_DISK_QUOTA_EXCEEDED 1295
#endif
#ifndef ERROR_FILE_SYSTEM_LIMITATION
#define ERROR_FILE_SYSTEM_LIMITATION 665
#endif

void platter_os_error_text(int os_error, char *buffer, size_t size)
{
    WCHAR wide[256];
    DWORD length;
    int bytes = 0;

    if (size == 0)
        return;
    length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                            NULL, (DWORD)os_error, 0, wide, sizeof(wide) / sizeof(wide[0]), NULL);
    while (length && (wide[length - 1] == L' ' || wide[length - 1] == L'.'))
        length--;
    if (length)
        bytes = WideCharToMultiByte(CP_UTF8, 0, wide, (int)length, buffer, (int)size - 1, NULL, NULL);
    buffer[bytes > 0 ? bytes : 0] = '\0';
}

enum platter_result platter_os_result(int os_error)
{
    switch (os_error) {
    case ERROR_SUCCESS:
        return PLATTER_OK;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_INVALID_NAME:
        return PLATTER_E_NOT_FOUND;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
        return PLATTER_E_ACCESS;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE:
        return PLATTER_E_BUSY;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED:
    case ERROR_FILE_TOO_LARGE:
    case ERROR_FILE_SYSTEM_LIMITATION:
        return PLATTER_E_NO_SPACE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return PLATTER_E_NO_MEMORY;
    case ERROR_WRITE_PROTECT:
        return PLATTER_E_READ_ONLY;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return PLATTER_E_EXISTS;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
        return PLATTER_E_UNSUPPORTED;
    case ERROR_FILENAME_EXCED_RANGE:
        return PLATTER_E_USAGE;
    case ERROR_OPERATION_ABORTED:
        return PLATTER_E_CANCELLED;
    default:
        return PLATTER_E_IO;
    }
}

bool platter_os_is_file_limit(int os_error)
{
    return os_error == ERROR_FILE_TOO_LARGE || os_error == ERROR_FILE_SYSTEM_LIMITATION;
}

unsigned platter_os_cpu_count(void)
{
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    return info.dwNumberOfProcessors ? info.dwNumberOfProcessors : 1;
}

uint64_t platter_os_monotonic_ms(void)
{
    return GetTickCount64();
}

enum platter_result platter_os_random(void *buffer, size_t length, struct platter_error *err)
{
    /* RtlGenRandom: in advapi32 of every Windows, and needs no provider to be opened. */
    if (length > ULONG_MAX || !RtlGenRandom(buffer, (ULONG)length))
        return platter_error_set(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, "no random numbers");
    return PLATTER_OK;
}

void *platter_os_aligned_alloc(size_t alignment, size_t size)
{
    return _aligned_malloc(size, alignment);
}

void platter_os_aligned_free(void *memory)
{
    _aligned_free(memory);
}
