/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include "ntsim/raw.h"

#ifdef SIM_RAW_FUNCTIONS
struct SimRaw SimRaw;

__attribute__((constructor(101))) static void Load(void)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

#define LOAD(name) *(void **)&SimRaw.name##_ = dlsym(libc, #name);
    SIM_RAW_FUNCTIONS(LOAD)
}
#endif

#ifdef SIM_TSAN
char *SimRawStrdup(const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(malloc(bytes), text, bytes);
}
#undef free
#undef memset
#endif

#ifdef SIM_FIBERS
#undef malloc
#undef calloc
#undef realloc
#undef free

enum { SMALLEST = 5, CLASSES = 18 }; /* 32 bytes to 128 KiB with the head, by powers of two */
#define ARENA_BYTES ((size_t)1 << 30)

typedef struct BLOCK {
    struct BLOCK *Next; /* while it is free */
    size_t Class;
} BLOCK;

static char *Arena;
static size_t ArenaUsed;
static BLOCK *Free[CLASSES];

static size_t ClassOf(size_t bytes)
{
    size_t of = 64 - (size_t)__builtin_clzll(bytes + sizeof(BLOCK) - 1);

    return of < SMALLEST ? SMALLEST : of;
}

void *SimOwnAllocate(size_t bytes)
{
    size_t of = bytes < (size_t)1 << (CLASSES - 1) ? ClassOf(bytes) : CLASSES;
    BLOCK *block;

    if (of >= CLASSES)
        return malloc(bytes);
    if ((block = Free[of]) != NULL) {
        Free[of] = block->Next;
        return block + 1;
    }
    if (!Arena) {
        Arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (Arena == MAP_FAILED)
            abort();
    }
    if (ARENA_BYTES - ArenaUsed < (size_t)1 << of)
        return malloc(bytes);
    block = (BLOCK *)(Arena + ArenaUsed);
    ArenaUsed += (size_t)1 << of;
    block->Class = of;
    return block + 1;
}

static int Owned(const void *block)
{
    return Arena && (uintptr_t)block - (uintptr_t)Arena < ARENA_BYTES;
}

void *SimOwnZeroed(size_t count, size_t bytes)
{
    void *block = SimOwnAllocate(count * bytes);

    return block ? memset(block, 0, count * bytes) : NULL;
}

void *SimOwnResize(void *block, size_t bytes)
{
    size_t held;
    void *wider;

    if (block && !Owned(block))
        return realloc(block, bytes);
    wider = SimOwnAllocate(bytes);
    if (!block || !wider)
        return wider;
    held = ((size_t)1 << ((BLOCK *)block - 1)->Class) - sizeof(BLOCK);
    memcpy(wider, block, held < bytes ? held : bytes);
    SimOwnFree(block);
    return wider;
}

char *SimOwnStrdup(const char *text)
{
    size_t bytes = strlen(text) + 1;

    return memcpy(SimOwnAllocate(bytes), text, bytes);
}

/* The first bytes are wiped: who goes on using the block stumbles over what is left of it. */
void SimOwnFree(void *block)
{
    BLOCK *head = (BLOCK *)block - 1;

    if (!Owned(block)) {
        free(block);
        return;
    }
    memset(block, 0xDD, 16);
    head->Next = Free[head->Class];
    Free[head->Class] = head;
}
#endif

void *SimGuarded(size_t bytes)
{
    return calloc(1, bytes);
}

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
