/* SPDX-License-Identifier: MIT */
/*
 * GCC's stack protector asks for two names that the kernel does not have. Natively, where the sources are compiled for
 * the simulator, the C library has them.
 */
#include "driver.h"
#include "guard.h"

#ifdef _WIN32

#define BUGCHECK_DRIVER_OVERRAN_STACK_BUFFER 0xF7u

void *__stack_chk_guard;
void __stack_chk_fail(void);

void
GuardSeed(void)
{
    LARGE_INTEGER counter = KeQueryPerformanceCounter(NULL);
    ULONG_PTR seed = (ULONG_PTR)counter.QuadPart;

    /* Where image and stack lie differs from boot to boot and thread to thread; multiply to spread the bits. */
    seed ^= (ULONG_PTR)&__stack_chk_guard ^ ((ULONG_PTR)&counter << 7);
#ifdef _WIN64
    seed *= 0x9e3779b97f4a7c15u;
#else
    seed *= 0x9e3779b9u;
#endif
    /* A zero byte stops string functions from writing the secret back. */
    __stack_chk_guard = (void *)(seed & ~(ULONG_PTR)0xff);
}

void
__stack_chk_fail(void)
{
    KeBugCheckEx(BUGCHECK_DRIVER_OVERRAN_STACK_BUFFER, (ULONG_PTR)__builtin_return_address(0),
                 (ULONG_PTR)__stack_chk_guard, 0, 0);
}

#else

void
GuardSeed(void)
{
}

#endif
