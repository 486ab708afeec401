/* SPDX-License-Identifier: MIT */
#include "crc32c.h"

#include "bytes.h"
#include "os/thread.h"

#define POLYNOMIAL 0x82F63B78u /* bit-reversed */

/* tables[k][b]: what byte b does to the checksum when k more bytes follow it. */
static uint32_t tables[8][256];
static struct platter_once tables_made = PLATTER_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (int more = 1; more < 8; more++) {
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[more][byte] = tables[more - 1][byte] >> 8 ^ tables[0][tables[more - 1][byte] & 0xFF];
    }
}

uint32_t platter_crc32c_by_table(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *at = data;

    platter_once_run(&tables_made, make_tables);
    crc = ~crc;
    for (; length >= 8; length -= 8, at += 8) {
        uint32_t low = crc ^ platter_le32(at), high = platter_le32(at + 4);

        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
              tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^ tables[1][high >> 16 & 0xFF] ^
              tables[0][high >> 24];
    }
    for (; length; length--, at++)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

#ifdef __x86_64__

/* SSE 4.2 has an instruction for this very polynomial. */
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *at, size_t length)
{
    uint64_t sum = (uint32_t)~crc;

    for (; length >= 8; length -= 8, at += 8)
        sum = __builtin_ia32_crc32di(sum, platter_le64(at));
    for (; length; length--, at++)
        sum = __builtin_ia32_crc32qi((uint32_t)sum, *at);
    return ~(uint32_t)sum;
}

uint32_t platter_crc32c(uint32_t crc, const void *data, size_t length)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, length)
                                            : platter_crc32c_by_table(crc, data, length);
}

#else

uint32_t platter_crc32c(uint32_t crc, const void *data, size_t length)
{
    return platter_crc32c_by_table(crc, data, length);
}

#endif
