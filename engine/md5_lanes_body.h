/* SPDX-License-Identifier: MIT */
/*
 * The body of md5_lanes.c, compiled once for each instruction set: LANES_FUNCTION names the function, LANES_TARGET is
 * its attribute, LANES_SETS how many sets it works on in turn. RFC 1321 is the source of all constants.
 */
static LANES_TARGET void LANES_FUNCTION(const uint8_t *const *message, size_t length, uint8_t (*md5)[16])
{
    /* What follows the message: a set bit, zeros, its length in bits. */
    uint8_t padding[64] = {0x80};
    lanes sum[LANES_SETS][4];

    for (unsigned set = 0; set < LANES_SETS; set++) {
        sum[set][0] = (lanes){0} + 0x67452301u;
        sum[set][1] = (lanes){0} + 0xefcdab89u;
        sum[set][2] = (lanes){0} + 0x98badcfeu;
        sum[set][3] = (lanes){0} + 0x10325476u;
    }
    platter_put_le64(padding + 56, (uint64_t)length * 8);
    for (size_t at = 0; at <= length; at += 64) {
        lanes *one = sum[0], *two = sum[LANES_SETS - 1], word[LANES_SETS][16];
        lanes a0 = one[0], b0 = one[1], c0 = one[2], d0 = one[3], a1 = two[0], b1 = two[1], c1 = two[2], d1 = two[3];

        for (unsigned part = 0; part < 2 * LANES_SETS; part++) {
            unsigned set = part / 2, half = part % 2;
            lanes row[8], pair[8];

            for (unsigned lane = 0; lane < SET_LANES; lane++)
                memcpy(&row[lane], (at < length ? message[SET_LANES * set + lane] + at : padding) + 32 * half, 32);
            /* Rows, each eight words of one message, become words of eight messages. */
            for (unsigned i = 0; i < 8; i += 4) {
                lanes low0 = LOW_WORDS(row[i], row[i + 1]), high0 = HIGH_WORDS(row[i], row[i + 1]);
                lanes low1 = LOW_WORDS(row[i + 2], row[i + 3]), high1 = HIGH_WORDS(row[i + 2], row[i + 3]);

                pair[i] = LOW_PAIRS(low0, low1);
                pair[i + 1] = HIGH_PAIRS(low0, low1);
                pair[i + 2] = LOW_PAIRS(high0, high1);
                pair[i + 3] = HIGH_PAIRS(high0, high1);
            }
            for (unsigned i = 0; i < 4; i++) {
                word[set][8 * half + i] = __builtin_shufflevector(pair[i], pair[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
                word[set][8 * half + i + 4] = __builtin_shufflevector(pair[i], pair[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
            }
        }
        STEP(CHOOSE, a, b, c, d, 0, 7, 0xd76aa478u);
        STEP(CHOOSE, d, a, b, c, 1, 12, 0xe8c7b756u);
        STEP(CHOOSE, c, d, a, b, 2, 17, 0x242070dbu);
        STEP(CHOOSE, b, c, d, a, 3, 22, 0xc1bdceeeu);
        STEP(CHOOSE, a, b, c, d, 4, 7, 0xf57c0fafu);
        STEP(CHOOSE, d, a, b, c, 5, 12, 0x4787c62au);
        STEP(CHOOSE, c, d, a, b, 6, 17, 0xa8304613u);
        STEP(CHOOSE, b, c, d, a, 7, 22, 0xfd469501u);
        STEP(CHOOSE, a, b, c, d, 8, 7, 0x698098d8u);
        STEP(CHOOSE, d, a, b, c, 9, 12, 0x8b44f7afu);
        STEP(CHOOSE, c, d, a, b, 10, 17, 0xffff5bb1u);
        STEP(CHOOSE, b, c, d, a, 11, 22, 0x895cd7beu);
        STEP(CHOOSE, a, b, c, d, 12, 7, 0x6b901122u);
        STEP(CHOOSE, d, a, b, c, 13, 12, 0xfd987193u);
        STEP(CHOOSE, c, d, a, b, 14, 17, 0xa679438eu);
        STEP(CHOOSE, b, c, d, a, 15, 22, 0x49b40821u);
        STEP(SWITCH, a, b, c, d, 1, 5, 0xf61e2562u);
        STEP(SWITCH, d, a, b, c, 6, 9, 0xc040b340u);
        STEP(SWITCH, c, d, a, b, 11, 14, 0x265e5a51u);
        STEP(SWITCH, b, c, d, a, 0, 20, 0xe9b6c7aau);
        STEP(SWITCH, a, b, c, d, 5, 5, 0xd62f105du);
        STEP(SWITCH, d, a, b, c, 10, 9, 0x02441453u);
        STEP(SWITCH, c, d, a, b, 15, 14, 0xd8a1e681u);
        STEP(SWITCH, b, c, d, a, 4, 20, 0xe7d3fbc8u);
        STEP(SWITCH, a, b, c, d, 9, 5, 0x21e1cde6u);
        STEP(SWITCH, d, a, b, c, 14, 9, 0xc33707d6u);
        STEP(SWITCH, c, d, a, b, 3, 14, 0xf4d50d87u);
        STEP(SWITCH, b, c, d, a, 8, 20, 0x455a14edu);
        STEP(SWITCH, a, b, c, d, 13, 5, 0xa9e3e905u);
        STEP(SWITCH, d, a, b, c, 2, 9, 0xfcefa3f8u);
        STEP(SWITCH, c, d, a, b, 7, 14, 0x676f02d9u);
        STEP(SWITCH, b, c, d, a, 12, 20, 0x8d2a4c8au);
        STEP(PARITY, a, b, c, d, 5, 4, 0xfffa3942u);
        STEP(PARITY, d, a, b, c, 8, 11, 0x8771f681u);
        STEP(PARITY, c, d, a, b, 11, 16, 0x6d9d6122u);
        STEP(PARITY, b, c, d, a, 14, 23, 0xfde5380cu);
        STEP(PARITY, a, b, c, d, 1, 4, 0xa4beea44u);
        STEP(PARITY, d, a, b, c, 4, 11, 0x4bdecfa9u);
        STEP(PARITY, c, d, a, b, 7, 16, 0xf6bb4b60u);
        STEP(PARITY, b, c, d, a, 10, 23, 0xbebfbc70u);
        STEP(PARITY, a, b, c, d, 13, 4, 0x289b7ec6u);
        STEP(PARITY, d, a, b, c, 0, 11, 0xeaa127fau);
        STEP(PARITY, c, d, a, b, 3, 16, 0xd4ef3085u);
        STEP(PARITY, b, c, d, a, 6, 23, 0x04881d05u);
        STEP(PARITY, a, b, c, d, 9, 4, 0xd9d4d039u);
        STEP(PARITY, d, a, b, c, 12, 11, 0xe6db99e5u);
        STEP(PARITY, c, d, a, b, 15, 16, 0x1fa27cf8u);
        STEP(PARITY, b, c, d, a, 2, 23, 0xc4ac5665u);
        STEP(MIX, a, b, c, d, 0, 6, 0xf4292244u);
        STEP(MIX, d, a, b, c, 7, 10, 0x432aff97u);
        STEP(MIX, c, d, a, b, 14, 15, 0xab9423a7u);
        STEP(MIX, b, c, d, a, 5, 21, 0xfc93a039u);
        STEP(MIX, a, b, c, d, 12, 6, 0x655b59c3u);
        STEP(MIX, d, a, b, c, 3, 10, 0x8f0ccc92u);
        STEP(MIX, c, d, a, b, 10, 15, 0xffeff47du);
        STEP(MIX, b, c, d, a, 1, 21, 0x85845dd1u);
        STEP(MIX, a, b, c, d, 8, 6, 0x6fa87e4fu);
        STEP(MIX, d, a, b, c, 15, 10, 0xfe2ce6e0u);
        STEP(MIX, c, d, a, b, 6, 15, 0xa3014314u);
        STEP(MIX, b, c, d, a, 13, 21, 0x4e0811a1u);
        STEP(MIX, a, b, c, d, 4, 6, 0xf7537e82u);
        STEP(MIX, d, a, b, c, 11, 10, 0xbd3af235u);
        STEP(MIX, c, d, a, b, 2, 15, 0x2ad7d2bbu);
        STEP(MIX, b, c, d, a, 9, 21, 0xeb86d391u);
        one[0] += a0;
        one[1] += b0;
        one[2] += c0;
        one[3] += d0;
        if (LANES_SETS > 1) {
            two[0] += a1;
            two[1] += b1;
            two[2] += c1;
            two[3] += d1;
        }
    }
    for (unsigned lane = 0; lane < SET_LANES * LANES_SETS; lane++) {
        for (unsigned i = 0; i < 4; i++)
            platter_put_le32(md5[lane] + 4 * i, sum[lane / SET_LANES][i][lane % SET_LANES]);
    }
}
