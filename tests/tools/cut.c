/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a process, ends it at its PLATTER_CUT_AT-th change of a file, before that change: a power cut as a
 * program sees it. Without the variable it counts, and says the number on stderr at the end.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long changes;

static void change(void)
{
    static long at = -1;

    if (at < 0)
        at = getenv("PLATTER_CUT_AT") ? atol(getenv("PLATTER_CUT_AT")) : 0;
    if (__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED) == at)
        _exit(77);
}

__attribute__((destructor)) static void tell(void)
{
    if (!getenv("PLATTER_CUT_AT"))
        fprintf(stderr, "changes %ld\n", changes);
}

/* glibc has one body for each pair of these names; a program calls whichever its headers chose. */
#define PWRITE(name)                                                                                                   \
    ssize_t name(int fd, const void *data, size_t length, off_t offset);                                               \
    ssize_t name(int fd, const void *data, size_t length, off_t offset)                                                \
    {                                                                                                                  \
        ssize_t (*real)(int, const void *, size_t, off_t);                                                             \
                                                                                                                       \
        change();                                                                                                      \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                     \
        return real(fd, data, length, offset);                                                                         \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                                                \
    int name(int fd, off_t length);                                                                                    \
    int name(int fd, off_t length)                                                                                     \
    {                                                                                                                  \
        int (*real)(int, off_t);                                                                                       \
                                                                                                                       \
        change();                                                                                                      \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                     \
        return real(fd, length);                                                                                       \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

/* The cut is a process's end, which takes nothing from the system's cache: waiting for the disk would test the disk. */
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return 0;
}
