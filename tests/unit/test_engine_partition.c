/* SPDX-License-Identifier: MIT */
/* Partition tables that no tool makes: damaged, hostile, or merely odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "table_disk.h"

/* A boot sector that is beyond doubt that of a FAT12 volume. */
static void fat_boot_sector(uint8_t *sector)
{
    static const uint8_t start[] = {0xEB, 0x3C, 0x90, 'M', 'S', 'D', 'O', 'S', '5',  '.',  '0', 0,
                                    2,    4,    1,    0,   2,   0,   2,   0,   0x20, 0xF8, 32};

    memcpy(sector, start, sizeof(start));
    sign(sector);
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

/* Linux takes either order; and a first one that has been deleted leaves its link. */
static void links_stand_in_either_place(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    entry(disk, 0, 0x0F, 100, 8000);
    entry(disk + 100 * 512, 0, 5, 40, 4);
    entry(disk + 140 * 512, 0, 5, 80, 4);
    entry(disk + 140 * 512, 1, 0x83, 1, 2);
    entry(disk + 180 * 512, 0, 0x83, 1, 3);
    table = read_table(*state);
    assert_int_equal(table->count, 2);
    assert_int_equal(table->partitions[0].offset, 141 * 512);
    assert_int_equal(table->partitions[1].offset, 181 * 512);
    assert_string_equal(table->warning, "");
    platter_partitions_free(table);
}

static void dynamic_disk_is_told(void **state)
{
    uint8_t *disk = memory_block_data(*state);
    struct platter_partition_table *table;

    entry(disk, 0, 0x83, 63, 1000);
    entry(disk, 1, 0x42, 2048, 1000);
    table = read_table(*state);
    assert_int_equal(table->count, 2);
    assert_non_null(strstr(table->warning, "dynamic disk"));
    assert_non_null(strstr(table->warning, "partition 2"));
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
        TEST(links_stand_in_either_place),
        TEST(dynamic_disk_is_told),
        TEST(chain_that_breaks_keeps_what_it_had),
        TEST(unreadable_link_is_a_warning_unreadable_table_an_error),
        TEST(mbr_made_under_other_sectors_is_noticed),
        cmocka_unit_test(tiny_disks_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
