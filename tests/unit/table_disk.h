/* SPDX-License-Identifier: MIT */
/* A small disk in memory, and entries of partition tables written on it by hand. Behind cmocka's header. */
#ifndef PLATTER_TESTS_TABLE_DISK_H
#define PLATTER_TESTS_TABLE_DISK_H

#include <memory_block.h>

#define DISK (UINT64_C(4) << 20)

static inline void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

static inline void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static inline void sign(uint8_t *sector)
{
    sector[510] = 0x55;
    sector[511] = 0xAA;
}

static inline void entry(uint8_t *sector, unsigned index, uint8_t type, uint32_t start, uint32_t count)
{
    uint8_t *at = sector + 446 + 16 * index;

    at[4] = type;
    put32(at + 8, start);
    put32(at + 12, count);
    sign(sector);
}

static inline struct platter_partition_table *read_table(struct platter_block *disk)
{
    struct platter_partition_table *table = NULL;
    struct platter_error err = {0};
    enum platter_result result = platter_partitions_read(disk, &table, &err);

    if (result)
        print_error("%s\n", err.message);
    assert_int_equal(result, PLATTER_OK);
    return table;
}

static inline int setup(void **state)
{
    *state = memory_block_create(DISK, 512, 0);
    return 0;
}

static inline int teardown(void **state)
{
    platter_block_unref(*state);
    return 0;
}

#endif
