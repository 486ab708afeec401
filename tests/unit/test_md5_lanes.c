/* SPDX-License-Identifier: MIT */
/* MD5 in lanes against libgcrypt's, for each instruction set there is; the file itself is included to reach them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <gcrypt.h>

#include "../../engine/md5_lanes.c"

#define LONGEST 65536u

typedef void lanes_fn(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                      uint8_t md5[PLATTER_MD5_LANES][16]);

static void compare(lanes_fn *function)
{
    uint8_t *data = malloc(PLATTER_MD5_LANES * LONGEST), ours[PLATTER_MD5_LANES][16], theirs[16];
    const uint8_t *message[PLATTER_MD5_LANES];
    uint32_t state = 1;

    assert_non_null(data);
    for (size_t i = 0; i < PLATTER_MD5_LANES * LONGEST; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (uint8_t)(state >> 24);
    }
    for (size_t length = 0; length <= LONGEST; length += length < 512 ? 64 : 5056) {
        /* Odd addresses, and the same message in two lanes. */
        for (size_t i = 0; i < PLATTER_MD5_LANES; i++)
            message[i] = data + (i == 5 ? 0 : i) * (LONGEST - 1);
        function(message, length, ours);
        for (size_t i = 0; i < PLATTER_MD5_LANES; i++) {
            gcry_md_hash_buffer(GCRY_MD_MD5, theirs, message[i], length);
            assert_memory_equal(ours[i], theirs, sizeof(theirs));
        }
    }
    free(data);
}

static void all_of_them(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                        uint8_t md5[PLATTER_MD5_LANES][16])
{
    uint8_t some[PLATTER_MD5_LANES][16];

    platter_md5_lanes(message, length, md5);
    /* However few are wanted, those are right. */
    for (unsigned count = 1; count < PLATTER_MD5_LANES; count += 3) {
        platter_md5_lanes_first(message, count, length, some);
        assert_memory_equal(some, md5, (size_t)count * 16);
    }
}

static void test_present(void **state)
{
    (void)state;
    if (!platter_md5_lanes_present())
        skip();
    compare(all_of_them);
}

#ifdef __x86_64__
static void test_sse2(void **state)
{
    (void)state;
    compare(with_sse2);
}

static void test_avx2(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("avx2"))
        skip();
    compare(with_avx2);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_present),
#ifdef __x86_64__
        cmocka_unit_test(test_sse2),
        cmocka_unit_test(test_avx2),
#endif
    };

    (void)gcry_check_version(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
