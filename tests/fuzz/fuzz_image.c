/* SPDX-License-Identifier: MIT */
/* The input is a file of whatever format recognises it. */
#include "input_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_open_as(NULL, data, size);
    return 0;
}
