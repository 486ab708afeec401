/* SPDX-License-Identifier: MIT */
/* The input is a file of the format FUZZ_FORMAT, whatever it looks like. */
#include "input_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_open_as(FUZZ_FORMAT, data, size);
    return 0;
}
