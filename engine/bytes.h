/* SPDX-License-Identifier: MIT */
/* Numbers as they lie on disk, read without regard to alignment, and arithmetic that says when it overflows. */
#ifndef PLATTER_ENGINE_BYTES_H
#define PLATTER_ENGINE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t platter_le16(const void *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t platter_le32(const void *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t platter_le64(const void *at)
{
    return platter_le32(at) | (uint64_t)platter_le32((const uint8_t *)at + 4) << 32;
}

static inline uint16_t platter_be16(const void *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t platter_be32(const void *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t platter_be64(const void *at)
{
    return (uint64_t)platter_be32(at) << 32 | platter_be32((const uint8_t *)at + 4);
}

static inline void platter_put_le16(void *at, uint16_t value)
{
    uint8_t *p = (uint8_t *)at;

    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void platter_put_le32(void *at, uint32_t value)
{
    platter_put_le16(at, (uint16_t)value);
    platter_put_le16((uint8_t *)at + 2, (uint16_t)(value >> 16));
}

static inline void platter_put_le64(void *at, uint64_t value)
{
    platter_put_le32(at, (uint32_t)value);
    platter_put_le32((uint8_t *)at + 4, (uint32_t)(value >> 32));
}

static inline void platter_put_be16(void *at, uint16_t value)
{
    platter_put_le16(at, (uint16_t)(value >> 8 | value << 8));
}

static inline void platter_put_be32(void *at, uint32_t value)
{
    platter_put_be16(at, (uint16_t)(value >> 16));
    platter_put_be16((uint8_t *)at + 2, (uint16_t)value);
}

static inline void platter_put_be64(void *at, uint64_t value)
{
    platter_put_be32(at, (uint32_t)(value >> 32));
    platter_put_be32((uint8_t *)at + 4, (uint32_t)value);
}

/* True when offset + length lies inside `size`, whatever the three are. */
static inline bool platter_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return length <= size && offset <= size - length;
}

/* False when the product does not fit. */
static inline bool platter_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* True when every byte is zero. */
bool platter_all_zero(const void *data, size_t length);

#endif
