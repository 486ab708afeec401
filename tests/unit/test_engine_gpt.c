/* SPDX-License-Identifier: MIT */
/* GPTs that no tool makes: damaged, hostile, or merely odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../engine/crc32.h"
#include "table_disk.h"

static void gpt_header(uint8_t *disk, uint32_t sector, uint64_t lba, uint64_t other, uint64_t array, uint32_t count,
                       uint32_t size)
{
    uint8_t *header = disk + lba * sector;

    memset(header, 0, sector);
    memcpy(header, "EFI PART", 8);
    put32(header + 8, 0x10000);
    put32(header + 12, 92);
    put64(header + 24, lba);
    put64(header + 32, other);
    put64(header + 72, array);
    put32(header + 80, count);
    put32(header + 84, size);
    if ((uint64_t)count * size <= 65536)
        put32(header + 88, platter_crc32(0, disk + array * sector, (size_t)count * size));
    put32(header + 16, platter_crc32(0, header, 92));
}

/* Both copies of a GPT with one partition, 2 MiB at 1 MiB. */
static void gpt_disk(uint8_t *disk, uint32_t sector)
{
    uint64_t last = DISK / sector - 1, backup = last - 4;

    entry(disk, 0, 0xEE, 1, (uint32_t)last);
    for (int copy = 0; copy < 2; copy++) {
        uint8_t *array = disk + (copy ? backup : 2) * sector;

        memset(array, 0x11, 32);
        put64(array + 32, 1048576 / sector);
        put64(array + 40, 3 * 1048576 / sector - 1);
        put16(array + 56, 'D');
    }
    gpt_header(disk, sector, 1, last, 2, 4, 128);
    gpt_header(disk, sector, last, 1, backup, 4, 128);
}

static void gpt_is_read_under_both_sector_sizes(void **state)
{
    static const uint32_t sectors[] = {512, 4096};
    uint8_t *disk = memory_block_data(*state);

    for (size_t i = 0; i < 2; i++) {
        struct platter_partition_table *table;

        memset(disk, 0, DISK);
        gpt_disk(disk, sectors[i]);
        table = read_table(*state);
        assert_int_equal(table->style, PLATTER_TABLE_GPT);
        assert_int_equal(table->count, 1);
        assert_int_equal(table->partitions[0].offset, 1048576);
        assert_int_equal(table->partitions[0].length, 2097152);
        assert_string_equal(table->partitions[0].name, "D");
        assert_int_equal(strstr(table->warning, "sectors of 4096") != NULL, i);
        platter_partitions_free(table);
    }
}

static void gpt_backup_is_found_by_the_primary_header(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    uint64_t last = DISK / 512 - 1;
    struct platter_partition_table *table;

    gpt_disk(disk, 512);
    /* The disk has grown: the backup is no longer at its end. And the primary array is damaged. */
    memset(disk + last * 512, 0, 512);
    gpt_header(disk, 512, last - 100, 1, last - 4, 4, 128);
    gpt_header(disk, 512, 1, last - 100, 2, 4, 128);
    disk[2 * 512 + 3] ^= 1;
    table = read_table(*state);
    assert_true(table->gpt_backup_used);
    assert_int_equal(table->count, 1);
    platter_partitions_free(table);
}

static void gpt_headers_that_cannot_be_are_refused(void **state)
{
    static const struct {
        unsigned at;
        uint64_t value;
        const char *message;
    } cases[] = {
        {12, 91, "impossible length"},
        {12, 513, "impossible length"},
        {12, UINT32_MAX, "impossible length"},
        {8, 0x20000, "unknown version"},
        {24, 2, "belongs elsewhere"},
        {72, UINT64_MAX, "outside the disk"},
        {72, DISK / 512, "outside the disk"},
        {72, 0, "outside the disk"},
        {72, UINT64_MAX / 512, "outside the disk"},
        {80, UINT32_MAX, "unreasonable size"},
        {84, 64, "unreasonable size"},
        {84, 132, "unreasonable size"},
        {84, 65536, "unreasonable size"},
        {88, 1, "the GPT entries' checksum"},
    };
    uint8_t *disk = memory_block_data(*state);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct platter_partition_table *table;
        struct platter_error err;
        uint8_t *header = disk + 512;

        memset(disk, 0, DISK);
        gpt_disk(disk, 512);
        memset(disk + DISK - 512, 0, 512); /* no backup */
        if (cases[i].at == 24 || cases[i].at == 72)
            put64(header + cases[i].at, cases[i].value);
        else
            put32(header + cases[i].at, (uint32_t)cases[i].value);
        put32(header + 16, 0);
        put32(header + 16, platter_crc32(0, header, 92));
        assert_int_equal(platter_partitions_read(*state, &table, &err), PLATTER_E_FORMAT);
        if (!strstr(err.message, cases[i].message))
            print_error("want \"%s\", got \"%s\"\n", cases[i].message, err.message);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void gpt_header_with_a_changed_byte_is_refused(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;
    struct platter_error err;

    for (unsigned at = 0; at < 92; at += 7) {
        memset(disk, 0, DISK);
        gpt_disk(disk, 512);
        memset(disk + DISK - 512, 0, 512); /* no backup */
        disk[512 + at] ^= 0x10;
        assert_int_equal(platter_partitions_read(*state, &table, &err), PLATTER_E_FORMAT);
    }
}

static void gpt_entries_that_cannot_be_are_left_out(void **state)
{
    static const uint64_t ranges[][2] = {{100, 99}, {0, 10}, {100, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
    uint8_t *disk = memory_block_data(*state), *array = disk + 1024;
    struct platter_partition_table *table;

    gpt_disk(disk, 512);
    for (size_t i = 0; i < 4; i++) {
        memset(array + 128 * i, 0x22, 32);
        put64(array + 128 * i + 32, ranges[i][0]);
        put64(array + 128 * i + 40, ranges[i][1]);
    }
    gpt_header(disk, 512, 1, DISK / 512 - 1, 2, 4, 128);
    table = read_table(*state);
    assert_int_equal(table->count, 0);
    assert_non_null(strstr(table->warning, "entry 1 runs from sector 100 to 99"));
    platter_partitions_free(table);
}

static void entries_larger_than_usual_are_read(void **state)
{
    uint8_t *disk = memory_block_data(*state), *array = disk + 1024;
    struct platter_partition_table *table;

    gpt_disk(disk, 512);
    memset(array, 0, 1024);
    memset(array + 256, 0x33, 32);
    put64(array + 256 + 32, 500);
    put64(array + 256 + 40, 500);
    gpt_header(disk, 512, 1, DISK / 512 - 1, 2, 4, 256);
    table = read_table(*state);
    assert_int_equal(table->count, 1);
    assert_int_equal(table->partitions[0].number, 1);
    assert_int_equal(table->partitions[0].offset, 500 * 512);
    assert_int_equal(table->partitions[0].length, 512);
    platter_partitions_free(table);
}

static void stale_gpt_yields_to_partitions_of_the_mbr(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    gpt_disk(disk, 512);
    entry(disk, 0, 7, 2048, 1000);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_MBR);
    platter_partitions_free(table);
    entry(disk, 1, 0xEE, 1, 1000);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_GPT);
    assert_non_null(strstr(table->warning, "hybrid"));
    platter_partitions_free(table);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(gpt_is_read_under_both_sector_sizes),       TEST(gpt_backup_is_found_by_the_primary_header),
        TEST(gpt_headers_that_cannot_be_are_refused),    TEST(gpt_header_with_a_changed_byte_is_refused),
        TEST(gpt_entries_that_cannot_be_are_left_out),   TEST(entries_larger_than_usual_are_read),
        TEST(stale_gpt_yields_to_partitions_of_the_mbr),
    };

    return cmocka_run_group_tests_name("GPT", tests, NULL, NULL);
}
