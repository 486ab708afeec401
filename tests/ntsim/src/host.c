/* SPDX-License-Identifier: MIT */
/*
 * What simulated threads run on. Threads of the host, so that ThreadSanitizer tells them apart, handed on by a raw
 * futex, which it does not take for synchronisation; or, where fuzzers want speed (SIM_FIBERS), stacks of one thread.
 * Either is kept for the next simulated thread when one ends. Which runs next is sched.c's choice and the same on both.
 */
#include "internal.h"
#ifdef SIM_FIBERS
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#else
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define STACK_BYTES ((size_t)1 << 20)

struct _SIM_HOST {
    PSIM_THREAD Thread;
    PSIM_HOST Next; /* parked */
#ifdef SIM_FIBERS
    void *StackPointer; /* while others run */
    const void *Stack;  /* its lowest address */
    size_t StackBytes;
    void *FakeStack; /* AddressSanitizer's */
#else
    int Go; /* futex: 1 when it holds the baton */
#endif
};

static struct _SIM_HOST Main;
static PSIM_HOST Parked;

/* One simulated thread after the other, for ever. */
static void Loop(PSIM_HOST host)
{
    for (;;) {
        PSIM_HOST next = SimThreadRun(host->Thread);

        host->Thread = NULL;
        host->Next = Parked;
        Parked = host;
        SimHostSwitch(host, next);
    }
}

#ifdef SIM_FIBERS

static PSIM_HOST Leaving, Arriving;

/* SimHostSwap(&from, to): what the System V ABI lets a callee keep goes on the stack, and the stack is exchanged. */
void SimHostSwap(void **from, void *to);
__asm__(".text\n.globl SimHostSwap\n.type SimHostSwap,@function\nSimHostSwap:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size SimHostSwap, .-SimHostSwap\n");

static void Arrived(PSIM_HOST host)
{
    __sanitizer_finish_switch_fiber(host->FakeStack, &Leaving->Stack, &Leaving->StackBytes);
}

VOID SimHostSwitch(PSIM_HOST From, PSIM_HOST To)
{
    Leaving = From;
    Arriving = To;
    __sanitizer_start_switch_fiber(&From->FakeStack, To->Stack, To->StackBytes);
    SimHostSwap(&From->StackPointer, To->StackPointer);
    Arrived(From);
}

static void Begin(void)
{
    PSIM_HOST host = Arriving;

    Arrived(host);
    Loop(host);
}

static void Make(PSIM_HOST host)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void **top;

    if (stack == MAP_FAILED || mprotect(stack, PAGE_SIZE, PROT_NONE))
        SimBug("the host has no room for more stacks");
    host->Stack = stack;
    host->StackBytes = STACK_BYTES;
    top = (void **)(stack + STACK_BYTES) - 2;
    top[0] = (void *)Begin; /* top[1] stays zero: nobody called it */
    host->StackPointer = top - 6;
}

#else

static void FutexWait(int *word)
{
    for (;;) {
        if (__atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE) == 1)
            return;
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
}

VOID SimHostSwitch(PSIM_HOST From, PSIM_HOST To)
{
    __atomic_store_n(&To->Go, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &To->Go, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    FutexWait(&From->Go);
}

static void *Begin(void *context)
{
    FutexWait(&((PSIM_HOST)context)->Go);
    Loop(context);
    return NULL;
}

static void Make(PSIM_HOST host)
{
    pthread_t id;
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&id, &attributes, Begin, host))
        SimBug("the host makes no more threads");
    pthread_attr_destroy(&attributes);
    pthread_detach(id);
}

#endif

PSIM_HOST SimHostOf(PSIM_THREAD Thread)
{
    PSIM_HOST host = Parked;

    if (host) {
        Parked = host->Next;
    } else {
        host = calloc(1, sizeof(*host));
        Make(host);
    }
    host->Thread = Thread;
    return host;
}

PSIM_HOST SimHostMain(VOID)
{
    return &Main;
}
