/* SPDX-License-Identifier: MIT */
/*
 * MD5 of sixteen messages at once. One MD5 is a chain of 64 steps a block that no processor can shorten, and unpacking is
 * faster than that; eight of them side by side in vector registers, and two such sets in turn, take little longer than one.
 */
#ifndef PLATTER_ENGINE_MD5_LANES_H
#define PLATTER_ENGINE_MD5_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATTER_MD5_LANES 16u

/* True when this machine gains by it. */
bool platter_md5_lanes_present(void);
/* length: that of each message, a multiple of 64. Only where it is present. */
void platter_md5_lanes(const uint8_t *const message[PLATTER_MD5_LANES], size_t length,
                       uint8_t md5[PLATTER_MD5_LANES][16]);
/* The same when only the first `count` are wanted; the others are to be there all the same. */
void platter_md5_lanes_first(const uint8_t *const message[PLATTER_MD5_LANES], unsigned count, size_t length,
                             uint8_t md5[PLATTER_MD5_LANES][16]);

#endif
