/* SPDX-License-Identifier: MIT */
/* What only the compiled driver calls: the compiler's own calls, and what the sources have behind #ifdef _WIN32. */
#include "../src/internal.h"

/* Their names are taken by the C library, which has them in the host's convention; imports are bound to Pe<name>. */
void *NTSIM_ABI Pememcpy(void *to, const void *from, size_t bytes);
void *NTSIM_ABI Pememset(void *to, int value, size_t bytes);

void *NTSIM_ABI Pememcpy(void *to, const void *from, size_t bytes)
{
    return memcpy(to, from, bytes);
}

void *NTSIM_ABI Pememset(void *to, int value, size_t bytes)
{
    return memset(to, value, bytes);
}

/* A large structure comes back through a hidden pointer in both conventions; LARGE_INTEGER fits a register. */
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER now;

    if (PerformanceFrequency)
        PerformanceFrequency->QuadPart = 10000000;
    now.QuadPart = (LONGLONG)Sim.Now;
    return now;
}
