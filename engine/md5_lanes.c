/* SPDX-License-Identifier: MIT */
#include "md5_lanes.h"

#include <string.h>

#include "bytes.h"

#ifdef __x86_64__

#define SET_LANES (PLATTER_MD5_LANES / 2)

typedef uint32_t lanes __attribute__((vector_size(4 * SET_LANES)));

#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define SWITCH(x, y, z) (((y) & ~(z)) + ((x) & (z)))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define MIX(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP_OF(f, w, x, y, z, word, turn, constant)                                                                   \
    do {                                                                                                               \
        (w) = (w) + ((word) + (constant)) + f(x, y, z);                                                                \
        (w) = ((w) << (turn) | (w) >> (32 - (turn))) + (x);                                                            \
    } while (0)
/* Each step waits for the one before: two sets that do not wait for one another fill the processor's time. */
#define STEP(f, w, x, y, z, index, turn, constant)                                                                     \
    do {                                                                                                               \
        STEP_OF(f, w##0, x##0, y##0, z##0, word[0][index], turn, constant);                                            \
        if (LANES_SETS > 1)                                                                                            \
            STEP_OF(f, w##1, x##1, y##1, z##1, word[LANES_SETS - 1][index], turn, constant);                           \
    } while (0)

/* What the unpack instructions do, in each half of a register. */
#define LOW_WORDS(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_WORDS(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)

/* Every x86-64 has SSE2: the compiler makes two of its registers one vector, and has none left for a second set. */
#define LANES_FUNCTION one_set_with_sse2
#define LANES_SETS 1
#define LANES_TARGET
#include "md5_lanes_body.h"
#undef LANES_FUNCTION
#undef LANES_SETS
#undef LANES_TARGET

static void with_sse2(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                      uint8_t md5[PLATTER_MD5_LANES][16])
{
    one_set_with_sse2(message, length, md5);
    one_set_with_sse2(message + SET_LANES, length, md5 + SET_LANES);
}

/* GCC for Windows does not align its stack as AVX wants it: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=54412. */
#ifndef __MINGW32__
#define WITH_AVX2
#endif

#ifdef WITH_AVX2
#define LANES_FUNCTION with_avx2
#define LANES_SETS 2
#define LANES_TARGET __attribute__((target("avx2")))
#include "md5_lanes_body.h"
#undef LANES_FUNCTION
#undef LANES_SETS

#define LANES_FUNCTION one_set_with_avx2
#define LANES_SETS 1
#include "md5_lanes_body.h"
#endif

bool platter_md5_lanes_present(void)
{
    return true;
}

void platter_md5_lanes_first(const uint8_t *const message[PLATTER_MD5_LANES], unsigned count, size_t length,
                             uint8_t md5[PLATTER_MD5_LANES][16])
{
#ifdef WITH_AVX2
    if (__builtin_cpu_supports("avx2")) {
        if (count > SET_LANES)
            with_avx2(message, length, md5);
        else
            one_set_with_avx2(message, length, md5);
        return;
    }
#endif
    if (count > SET_LANES)
        with_sse2(message, length, md5);
    else
        one_set_with_sse2(message, length, md5);
}

#else

bool platter_md5_lanes_present(void)
{
    return false;
}

void platter_md5_lanes_first(const uint8_t *const message[PLATTER_MD5_LANES], unsigned count, size_t length,
                             uint8_t md5[PLATTER_MD5_LANES][16])
{
    (void)message;
    (void)count;
    (void)length;
    (void)md5;
}

#endif

void platter_md5_lanes(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                       uint8_t md5[PLATTER_MD5_LANES][16])
{
    platter_md5_lanes_first(message, PLATTER_MD5_LANES, length, md5);
}
