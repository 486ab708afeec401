/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_CRC32_H
#define PLATTER_ENGINE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of ISO 3309, as GPT has it (for long data zlib's is faster). Start with 0; go on with what it returned. */
uint32_t platter_crc32(uint32_t crc, const void *data, size_t length);

#endif
