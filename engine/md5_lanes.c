/* SPDX-License-Identifier: MIT */
#include "md5_lanes.h"

#include <string.h>

#include "bytes.h"

#ifdef __x86_64__

typedef uint32_t lanes __attribute__((vector_size(4 * PLATTER_MD5_LANES)));

#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define SWITCH(x, y, z) ((y) ^ ((z) & ((x) ^ (y))))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define MIX(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, w, x, y, z, index, turn, constant)                                                                     \
    do {                                                                                                               \
        (w) += f(x, y, z) + word[index] + (constant);                                                                  \
        (w) = ((w) << (turn) | (w) >> (32 - (turn))) + (x);                                                            \
    } while (0)

/* What the unpack instructions do, in each half of a register. */
#define LOW_WORDS(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_WORDS(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)

/* Every x86-64 has SSE2: the compiler makes two of its registers one vector. */
#define LANES_FUNCTION with_sse2
#define LANES_TARGET
#include "md5_lanes_body.h"
#undef LANES_FUNCTION
#undef LANES_TARGET

/* GCC for Windows does not align its stack as AVX wants it: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=54412. */
#ifndef _WIN32
#define LANES_FUNCTION with_avx2
#define LANES_TARGET __attribute__((target("avx2")))
#include "md5_lanes_body.h"
#endif

bool platter_md5_lanes_present(void)
{
    return true;
}

void platter_md5_lanes(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                       uint8_t md5[PLATTER_MD5_LANES][16])
{
#ifndef _WIN32
    if (__builtin_cpu_supports("avx2")) {
        with_avx2(message, length, md5);
        return;
    }
#endif
    with_sse2(message, length, md5);
}

#else

bool platter_md5_lanes_present(void)
{
    return false;
}

void platter_md5_lanes(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                       uint8_t md5[PLATTER_MD5_LANES][16])
{
    (void)message;
    (void)length;
    (void)md5;
}

#endif
