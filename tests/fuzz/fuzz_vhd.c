/* SPDX-License-Identifier: MIT */
/* The input is a VHD. */
#include "input_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_open_as("vhd", data, size);
    return 0;
}
