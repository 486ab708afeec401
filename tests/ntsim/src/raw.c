/* SPDX-License-Identifier: MIT */
#ifdef SIM_TSAN
#include <dlfcn.h>
#endif
#include "ntsim/raw.h"

#ifdef SIM_TSAN
struct SimRaw SimRaw;

__attribute__((constructor(101))) static void Load(void)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

#define LOAD(name) *(void **)&SimRaw.name##_ = dlsym(libc, #name);
    SIM_RAW_FUNCTIONS(LOAD)
}
char *SimRawStrdup(const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(malloc(bytes), text, bytes);
}
#undef free
#undef memset
#endif

void *SimVisibleBlock(size_t bytes, size_t alignment)
{
    void *block;

    if (posix_memalign(&block, alignment < 16 ? 16 : alignment, bytes ? bytes : 1))
        abort();
    return block;
}

void *SimVisibleAllocate(size_t bytes, size_t alignment)
{
    void *block = SimVisibleBlock(bytes, alignment);

    memset(block, 0, bytes);
    return block;
}

void SimVisibleFree(void *block)
{
    free(block);
}

#ifdef SIM_TSAN
/*
 * The driver is compiled with tsan-distinguish-volatile: reading an aligned volatile word that others change by
 * interlocked operations is how NT drivers do it, and no race. So these say nothing.
 */
#define VOLATILE_ACCESS(name)                                                                                          \
    void __tsan_##name(void *address);                                                                                 \
    void __tsan_##name(void *address)                                                                                  \
    {                                                                                                                  \
        (void)address;                                                                                                 \
    }
VOLATILE_ACCESS(volatile_read1)
VOLATILE_ACCESS(volatile_read2)
VOLATILE_ACCESS(volatile_read4)
VOLATILE_ACCESS(volatile_read8)
VOLATILE_ACCESS(volatile_write1)
VOLATILE_ACCESS(volatile_write2)
VOLATILE_ACCESS(volatile_write4)
VOLATILE_ACCESS(volatile_write8)
#endif
