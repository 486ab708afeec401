/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_CRC32C_H
#define PLATTER_ENGINE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 with Castagnoli's polynomial, as VHDX has it. Start with 0; go on with what it returned. */
uint32_t platter_crc32c(uint32_t crc, const void *data, size_t length);
/* The same where the processor has no instruction for it; of its own name for the test. */
uint32_t platter_crc32c_by_table(uint32_t crc, const void *data, size_t length);

#endif
