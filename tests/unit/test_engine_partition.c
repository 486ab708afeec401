/* SPDX-License-Identifier: MIT */
/* Partition tables that no tool makes: damaged, hostile, or merely odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <memory_block.h>

#include "../../engine/crc32.h"

#define DISK (UINT64_C(4) << 20)

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

static void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static void sign(uint8_t *sector)
{
    sector[510] = 0x55;
    sector[511] = 0xAA;
}

static void entry(uint8_t *sector, unsigned index, uint8_t type, uint32_t start, uint32_t count)
{
    uint8_t *at = sector + 446 + 16 * index;

    at[4] = type;
    put32(at + 8, start);
    put32(at + 12, count);
    sign(sector);
}

/* A boot sector that is beyond doubt that of a FAT12 volume. */
static void fat_boot_sector(uint8_t *sector)
{
    static const uint8_t start[] = {0xEB, 0x3C, 0x90, 'M', 'S', 'D', 'O', 'S', '5',  '.',  '0', 0,
                                    2,    4,    1,    0,   2,   0,   2,   0,   0x20, 0xF8, 32};

    memcpy(sector, start, sizeof(start));
    sign(sector);
}

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

static struct platter_partition_table *read_table(struct platter_block *disk)
{
    struct platter_partition_table *table = NULL;
    struct platter_error err = {0};
    enum platter_result result = platter_partitions_read(disk, &table, &err);

    if (result)
        print_error("%s\n", err.message);
    assert_int_equal(result, PLATTER_OK);
    return table;
}

static int setup(void **state)
{
    *state = memory_block_create(DISK, 512, 0);
    return 0;
}

static int teardown(void **state)
{
    platter_block_unref(*state);
    return 0;
}

static void boot_sector_with_code_for_entries_is_a_volume(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    fat_boot_sector(disk);
    memset(disk + 446, 0xCD, 64);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_NONE);
    assert_int_equal(table->count, 1);
    assert_int_equal(table->partitions[0].number, 0);
    assert_int_equal(table->partitions[0].length, DISK);
    assert_string_equal(table->partitions[0].filesystem, "fat12");
    platter_partitions_free(table);
    /* The table that mkfs.fat fakes: one partition, which starts with the sector that it stands in. */
    memset(disk + 446, 0, 64);
    entry(disk, 0, 6, 0, DISK / 512);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_NONE);
    platter_partitions_free(table);
    /* Text that looks like an entry with good flags, but not one within the disk. */
    memset(disk + 446, 0, 64);
    entry(disk, 1, 'e', 0x20736920, 0x676E6973);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_NONE);
    platter_partitions_free(table);
}

static void table_in_a_sector_with_a_parameter_block_is_a_table(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    fat_boot_sector(disk);
    entry(disk, 0, 7, 2048, 1000);
    entry(disk, 1, 7, 4096, 1000);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_MBR);
    assert_int_equal(table->count, 2);
    platter_partitions_free(table);
    /* The same with two that overlap is no table: the parameter block wins. */
    entry(disk, 1, 7, 2049, 1000);
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_NONE);
    platter_partitions_free(table);
}

static void boot_flags_other_than_two_are_no_table(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    entry(disk, 0, 7, 2048, 1000);
    disk[446] = 0x7F;
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_NONE);
    platter_partitions_free(table);
    disk[446] = 0x80;
    table = read_table(*state);
    assert_int_equal(table->style, PLATTER_TABLE_MBR);
    assert_true(table->partitions[0].bootable);
    platter_partitions_free(table);
}

static void overlap_and_overhang_are_warned_of(void **state)
{
    struct platter_partition_table *table;
    struct platter_block *view;
    struct platter_error err;
    uint8_t *disk = memory_block_data(*state);

    entry(disk, 0, 7, 4096, 0xFFFFFFFF);
    entry(disk, 1, 7, 2048, 2049);
    table = read_table(*state);
    assert_int_equal(table->count, 2);
    assert_non_null(strstr(table->warning, "partitions 2 and 1 overlap"));
    assert_non_null(strstr(table->warning, "partition 1 ends at byte 2199025352192"));
    assert_int_equal(platter_partition_open(*state, &table->partitions[0], &view, &err), PLATTER_E_RANGE);
    assert_int_equal(platter_partition_open(*state, &table->partitions[1], &view, &err), PLATTER_OK);
    assert_int_equal(platter_block_size(view), 2049 * 512);
    platter_block_unref(view);
    platter_partitions_free(table);
}

static void chain_of_logical_partitions_is_bounded(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    entry(disk, 0, 0x0F, 100, 8000);
    for (uint32_t i = 0; i < 400; i++) {
        uint8_t *sector = disk + (100 + 4 * i) * 512;

        entry(sector, 0, 0x83, 1, 2);
        entry(sector, 1, 5, 4 * (i + 1), 4);
    }
    table = read_table(*state);
    assert_int_equal(table->count, 256);
    assert_true(table->partitions[255].logical);
    assert_int_equal(table->partitions[255].offset, (100 + 4 * 255 + 1) * 512);
    assert_non_null(strstr(table->warning, "more than 256"));
    platter_partitions_free(table);
}

static void chain_that_breaks_keeps_what_it_had(void **state)
{
    static const uint32_t links[] = {100, 0xFFFFFFF0, 8191, 0};
    static const char *const warnings[] = {"breaks off", "breaks off", "breaks off", "circle"};
    uint8_t *disk = memory_block_data(*state);

    for (size_t i = 0; i < 4; i++) {
        struct platter_partition_table *table;

        memset(disk, 0, DISK);
        entry(disk, 0, 5, 100, 8000);
        entry(disk + 100 * 512, 0, 0x83, 1, 2);
        entry(disk + 100 * 512, 1, 5, links[i], 4);
        table = read_table(*state);
        assert_int_equal(table->count, 1);
        assert_non_null(strstr(table->warning, warnings[i]));
        platter_partitions_free(table);
    }
}

static void unreadable_link_is_a_warning_unreadable_table_an_error(void **state)
{
    struct memory_fault fault = {.operations = MEMORY_READ, .offset = 100 * 512, .length = 512, .result = PLATTER_E_IO};
    struct platter_partition_table *table;
    struct platter_error err;
    uint8_t *disk = memory_block_data(*state);

    entry(disk, 0, 7, 50, 2);
    entry(disk, 1, 5, 100, 8000);
    memory_block_add_fault(*state, &fault);
    table = read_table(*state);
    assert_int_equal(table->count, 1);
    assert_non_null(strstr(table->warning, "breaks off"));
    platter_partitions_free(table);
    memory_block_clear_faults(*state);
    fault.offset = 0;
    memory_block_add_fault(*state, &fault);
    assert_int_equal(platter_partitions_read(*state, &table, &err), PLATTER_E_IO);
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

static void mbr_made_under_other_sectors_is_noticed(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    entry(disk, 0, 6, 256, 256);
    fat_boot_sector(disk + 256 * 4096);
    table = read_table(*state);
    assert_int_equal(table->partitions[0].offset, 256 * 4096);
    assert_string_equal(table->partitions[0].filesystem, "fat12");
    assert_non_null(strstr(table->warning, "sectors of 4096 bytes"));
    platter_partitions_free(table);
    /* With something to be found under the announced size there is no guessing. */
    fat_boot_sector(disk + 256 * 512);
    table = read_table(*state);
    assert_int_equal(table->partitions[0].offset, 256 * 512);
    assert_string_equal(table->warning, "");
    platter_partitions_free(table);
}

static void tiny_disks_are_read(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < 3000; size += size < 600 ? 1 : 97) {
        struct platter_block *disk = memory_block_create(size, 512, 0);
        struct platter_partition_table *table;

        if (size >= 512)
            entry(memory_block_data(disk), 0, 0xEE, 1, 100);
        if (platter_partitions_read(disk, &table, NULL) == PLATTER_OK) {
            assert_true(size < 512);
            platter_partitions_free(table);
        }
        platter_block_unref(disk);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(boot_sector_with_code_for_entries_is_a_volume),
        TEST(table_in_a_sector_with_a_parameter_block_is_a_table),
        TEST(boot_flags_other_than_two_are_no_table),
        TEST(overlap_and_overhang_are_warned_of),
        TEST(chain_of_logical_partitions_is_bounded),
        TEST(chain_that_breaks_keeps_what_it_had),
        TEST(unreadable_link_is_a_warning_unreadable_table_an_error),
        TEST(gpt_is_read_under_both_sector_sizes),
        TEST(gpt_backup_is_found_by_the_primary_header),
        TEST(gpt_headers_that_cannot_be_are_refused),
        TEST(gpt_header_with_a_changed_byte_is_refused),
        TEST(gpt_entries_that_cannot_be_are_left_out),
        TEST(entries_larger_than_usual_are_read),
        TEST(stale_gpt_yields_to_partitions_of_the_mbr),
        TEST(mbr_made_under_other_sectors_is_noticed),
        cmocka_unit_test(tiny_disks_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
