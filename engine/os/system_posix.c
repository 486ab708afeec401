/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void platter_os_error_text(int os_error, char *buffer, size_t size)
{
    const char *text = strerrordesc_np(os_error);

    (void)snprintf(buffer, size, "%s", text ? text : "");
}

enum platter_result platter_os_result(int os_error)
{
    switch (os_error) {
    case 0:
        return PLATTER_OK;
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
    case ELOOP:
        return PLATTER_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return PLATTER_E_ACCESS;
    case EBUSY:
    case ETXTBSY:
        return PLATTER_E_BUSY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* the process's or the file system's limit: as full as full can be */
        return PLATTER_E_NO_SPACE;
    case ENOMEM:
        return PLATTER_E_NO_MEMORY;
    case EROFS:
        return PLATTER_E_READ_ONLY;
    case EEXIST:
        return PLATTER_E_EXISTS;
    case EOPNOTSUPP:
    case ENOSYS:
        return PLATTER_E_UNSUPPORTED;
    case ENAMETOOLONG:
        return PLATTER_E_USAGE;
    case EMFILE:
    case ENFILE:
        return PLATTER_E_FAILED;
    default:
        return PLATTER_E_IO;
    }
}

bool platter_os_is_file_limit(int os_error)
{
    return os_error == EFBIG;
}

unsigned platter_os_cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : (unsigned)count;
}

uint64_t platter_os_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum platter_result platter_os_random(void *buffer, size_t length, struct platter_error *err)
{
    uint8_t *at = buffer;

    while (length) {
        ssize_t got = getrandom(at, length, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return platter_error_set_os(err, PLATTER_E_FAILED, NULL, PLATTER_NO_OFFSET, errno, "no random numbers");
        at += got;
        length -= (size_t)got;
    }
    return PLATTER_OK;
}

void *platter_os_aligned_alloc(size_t alignment, size_t size)
{
    void *memory = NULL;

    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&memory, alignment, size) ? NULL : memory;
}

void platter_os_aligned_free(void *memory)
{
    free(memory);
}
