/* SPDX-License-Identifier: MIT */
/*
 * ThreadSanitizer intercepts the C library, and so would see what the simulator and the tests do with their own memory,
 * which only the schedule orders. Under it (SIM_TSAN) they call the library itself. For fuzzers (SIM_FIBERS) they do, too:
 * a third of the time went into AddressSanitizer's guard of what the driver never sees. The same inputs
 * run with all of them guarded in the asan build. Include after all other headers.
 */
#ifndef NTSIM_RAW_H
#define NTSIM_RAW_H

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <stdio.h>

/* Memory that the driver sees: its end is told to the sanitizers, whoever frees it. */
void *SimVisibleAllocate(size_t bytes, size_t alignment); /* zeroed */
void *SimVisibleBlock(size_t bytes, size_t alignment);    /* not zeroed */
void SimVisibleFree(void *block);
/* The same for what is freed with free(): zeroed, and always a block of its own for AddressSanitizer. */
void *SimGuarded(size_t bytes);

#ifdef SIM_FIBERS
#define SIM_RAW_FUNCTIONS(X)                                                                                           \
    X(strlen) X(strcmp) X(strncmp) X(strcasecmp) X(strncasecmp) X(strchr) X(strrchr) X(snprintf) X(vsnprintf)
#endif
#ifdef SIM_TSAN
/* It lays this out anew each time. */
/* clang-format off */
#define SIM_RAW_FUNCTIONS(X) \
    X(malloc) X(calloc) X(free) X(strlen) X(strcmp) X(strncmp) \
    X(strcasecmp) X(strncasecmp) X(strchr) X(strrchr) X(strcspn) X(strcpy) \
    X(strtok_r) X(memcpy) X(memset) X(memmove) X(memcmp) X(snprintf) \
    X(vsnprintf)
/* clang-format on */
#endif
#ifdef SIM_RAW_FUNCTIONS
struct SimRaw {
#define SIM_RAW_FIELD(name) __typeof__(&name) name##_;
    SIM_RAW_FUNCTIONS(SIM_RAW_FIELD)
};
extern struct SimRaw SimRaw;
#define strlen SimRaw.strlen_
#undef strcmp
#define strcmp SimRaw.strcmp_
#undef strncmp
#define strncmp SimRaw.strncmp_
#define strcasecmp SimRaw.strcasecmp_
#define strncasecmp SimRaw.strncasecmp_
#define strchr SimRaw.strchr_
#define strrchr SimRaw.strrchr_
#define snprintf SimRaw.snprintf_
#define vsnprintf SimRaw.vsnprintf_
#endif

#ifdef SIM_FIBERS
/* The simulator's and the tests' own memory; SimOwnFree also takes what the library has allocated. */
void *SimOwnAllocate(size_t bytes);
void *SimOwnZeroed(size_t count, size_t bytes);
void *SimOwnResize(void *block, size_t bytes);
char *SimOwnStrdup(const char *text);
void SimOwnFree(void *block);
#define malloc SimOwnAllocate
#define calloc SimOwnZeroed
#define realloc SimOwnResize
#undef strdup
#define strdup SimOwnStrdup
#define free SimOwnFree
#endif

#ifdef SIM_TSAN
#define malloc SimRaw.malloc_
#define calloc SimRaw.calloc_
#define free SimRaw.free_
#undef strdup
#define strdup SimRawStrdup /* the library's would call malloc as others do */
char *SimRawStrdup(const char *text);
#define strcspn SimRaw.strcspn_
#define strcpy SimRaw.strcpy_
#define strtok_r SimRaw.strtok_r_
#define memcpy SimRaw.memcpy_
#define memset SimRaw.memset_
#define memmove SimRaw.memmove_
#define memcmp SimRaw.memcmp_
#endif

#endif
