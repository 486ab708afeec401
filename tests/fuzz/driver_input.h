/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of the driver share: choices out of the input's bytes, and the machine of tests/driver. */
#ifndef TESTS_FUZZ_DRIVER_INPUT_H
#define TESTS_FUZZ_DRIVER_INPUT_H

#include "../driver/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct INPUT_BYTES {
    const uint8_t *At;
    size_t Left;
} INPUT_BYTES;

static inline uint8_t Byte(INPUT_BYTES *in)
{
    if (!in->Left)
        return 0;
    in->Left--;
    return *in->At++;
}

static inline ULONG64 Number(INPUT_BYTES *in, int bytes)
{
    ULONG64 n = 0;

    while (bytes--)
        n = n << 8 | Byte(in);
    return n;
}

/* As many bytes as there are; the rest is zero. */
static inline void Fill(INPUT_BYTES *in, void *out, size_t bytes)
{
    size_t n = bytes < in->Left ? bytes : in->Left;

    memset(out, 0, bytes);
    memcpy(out, in->At, n);
    in->At += n;
    in->Left -= n;
}

#endif
