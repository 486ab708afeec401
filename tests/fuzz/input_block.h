/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as a disk, or as a file of an image. */
#ifndef PLATTER_TESTS_FUZZ_INPUT_BLOCK_H
#define PLATTER_TESTS_FUZZ_INPUT_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "../../engine/format/format.h"

/* Reads within the input give its bytes, behind it zeros up to `size`. The data is not copied. */
struct platter_block *input_block_create(const uint8_t *data, size_t length, uint64_t size, uint32_t sector_size);

/* Opens the input with the format of that name, reads here and there, maps, verifies: what a mount would do. */
void input_open_as(const char *format, const uint8_t *data, size_t length);

#endif
