/* SPDX-License-Identifier: MIT */
/* Tables read page by page, checksums with Castagnoli's polynomial, and the names of parents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../engine/crc32c.h"
#include "../../engine/format/page_table.h"
#include "../../engine/format/parent.h"
#include "../../engine/os/thread.h"
#include "../support/memory_block.h"

#define PAGES 64u
#define TABLE_AT 12345u
#define TABLE_BYTES (PAGES * PLATTER_TABLE_PAGE - 100u)

static struct platter_block *file;
static struct platter_page_table table;

/* A table of bytes that tell their pages, the last page in part. */
static int table_make(void **state)
{
    (void)state;
    file = memory_block_create(TABLE_AT + TABLE_BYTES, 512, PLATTER_CAP_WRITE);
    for (uint32_t i = 0; i < TABLE_BYTES; i++)
        memory_block_data(file)[TABLE_AT + i] = (uint8_t)(i / PLATTER_TABLE_PAGE + 1);
    return platter_page_table_open(&table, file, TABLE_AT, TABLE_BYTES, 16, NULL);
}

static int table_end(void **state)
{
    (void)state;
    platter_page_table_close(&table);
    memset(&table, 0, sizeof(table));
    platter_block_unref(file);
    return 0;
}

static uint8_t byte_at(uint64_t at)
{
    uint8_t *page, byte;

    assert_int_equal(platter_page_table_hold(&table, at, &page, NULL), PLATTER_OK);
    byte = page[at % PLATTER_TABLE_PAGE];
    platter_page_table_release(&table);
    return byte;
}

static void pages_are_read_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PAGES; i++)
            assert_int_equal(byte_at(i * PLATTER_TABLE_PAGE + 7), i + 1);
    }
    assert_int_equal(memory_block_counts(file).reads, PAGES);
}

static void the_end_of_the_last_page_is_zero(void **state)
{
    (void)state;
    assert_int_equal(byte_at(TABLE_BYTES - 1), PAGES);
    assert_int_equal(byte_at(PAGES * PLATTER_TABLE_PAGE - 1), 0);
}

static void a_full_table_lets_go_of_all_but_what_has_changed(void **state)
{
    uint8_t *page;

    (void)state;
    table.limit = 8;
    for (unsigned i = 0; i < 8; i++)
        (void)byte_at(i * PLATTER_TABLE_PAGE);
    assert_int_equal(platter_page_table_hold(&table, 3 * PLATTER_TABLE_PAGE, &page, NULL), PLATTER_OK);
    page[0] = 99;
    page[PLATTER_TABLE_PAGE + 15] = 98;
    platter_page_table_set_changed(&table, 3 * PLATTER_TABLE_PAGE + 5, true);
    platter_page_table_release(&table);
    assert_int_equal(table.loaded, 8);
    assert_int_equal(byte_at(20 * PLATTER_TABLE_PAGE), 21);
    assert_int_equal(table.loaded, 2);
    assert_int_equal(byte_at(3 * PLATTER_TABLE_PAGE), 99);
    assert_int_equal(memory_block_counts(file).reads, 9);
    platter_page_table_set_changed(&table, 3 * PLATTER_TABLE_PAGE, false);
    table.limit = 2;
    assert_int_equal(byte_at(30 * PLATTER_TABLE_PAGE), 31);
    assert_int_equal(byte_at(3 * PLATTER_TABLE_PAGE), 4);
}

static void a_read_that_fails_is_tried_again(void **state)
{
    uint8_t *page;
    const struct memory_fault fault = {.operations = MEMORY_READ, .result = PLATTER_E_IO, .times = 1};

    (void)state;
    memory_block_add_fault(file, &fault);
    assert_int_equal(platter_page_table_hold(&table, 5, &page, NULL), PLATTER_E_IO);
    assert_int_equal(byte_at(5), 1);
}

static void look_around(void *context)
{
    uint64_t state = (uintptr_t)context;

    for (unsigned i = 0; i < 3000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        assert_int_equal(byte_at((state >> 33) % PAGES * PLATTER_TABLE_PAGE), (state >> 33) % PAGES + 1);
    }
}

static void threads_that_push_each_others_pages_out(void **state)
{
    struct platter_thread *threads[4];

    (void)state;
    table.limit = 4;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(platter_thread_start(look_around, (void *)(i + 1), &threads[i], NULL), PLATTER_OK);
    for (unsigned i = 0; i < 4; i++)
        platter_thread_join(threads[i]);
    assert_in_range(table.loaded, 1, 5);
}

/* A file of which each read is followed, before its answer is seen, by whatever else happens meanwhile. */
struct slow_file {
    struct platter_block base;
    void (*meanwhile)(void);
};

static enum platter_result slow_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    struct slow_file *slow = (struct slow_file *)base;
    enum platter_result result = platter_block_read(file, buffer, length, offset, err);
    void (*meanwhile)(void) = slow->meanwhile;

    slow->meanwhile = NULL;
    if (meanwhile)
        meanwhile();
    return result;
}

static void slow_close(struct platter_block *base)
{
    (void)base;
}

/* Somebody else changes the page, writes it, and it goes because others are looked at. */
static void change_and_go(void)
{
    uint8_t *page;

    assert_int_equal(platter_page_table_hold(&table, 3 * PLATTER_TABLE_PAGE, &page, NULL), PLATTER_OK);
    page[0] = memory_block_data(file)[TABLE_AT + 3 * PLATTER_TABLE_PAGE] = 99;
    platter_page_table_release(&table);
    table.limit = 2;
    (void)byte_at(20 * PLATTER_TABLE_PAGE);
    (void)byte_at(21 * PLATTER_TABLE_PAGE);
    assert_null(table.pages[3]);
}

static void a_page_that_went_while_it_was_read_is_read_again(void **state)
{
    static const struct platter_block_ops ops = {.layer = "slow file", .close = slow_close, .read = slow_read};
    struct slow_file slow = {.meanwhile = change_and_go};

    (void)state;
    assert_int_equal(platter_block_init(&slow.base, &ops, "slow", platter_block_size(file), 512, 512, 0, NULL),
                     PLATTER_OK);
    table.file = &slow.base;
    assert_int_equal(byte_at(3 * PLATTER_TABLE_PAGE), 99);
    assert_null(slow.meanwhile);
    table.file = file;
    platter_block_unref(&slow.base);
}

static void check_checksums(uint32_t (*crc32c)(uint32_t crc, const void *data, size_t length))
{
    uint8_t data[32];

    /* RFC 3720, B.4 */
    memset(data, 0, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = i;
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x46dd794e);
    assert_int_equal(crc32c(crc32c(0, data, 13), data + 13, 19), 0x46dd794e);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, data, 0), 0);
}

static void checksums_are_those_of_the_rfc(void **state)
{
    (void)state;
    check_checksums(platter_crc32c);
    check_checksums(platter_crc32c_by_table);
}

static void names_come_out_of_utf16(void **state)
{
    static const uint8_t big[] = {0, 'A', 0, 0xE4, 0x20, 0xAC, 0, 0, 0, 'x'};
    static const uint8_t little[] = {'.', 0, '\\', 0, 0x3D, 0xD8, 0x00, 0xDE, '!'};
    struct platter_parent_names names = {.count = 0};

    (void)state;
    assert_true(platter_parent_add_utf16(&names, big, sizeof(big), true));
    assert_true(platter_parent_add_utf16(&names, little, sizeof(little), false));
    assert_true(platter_parent_add(&names, ""));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.names[0], "A\xc3\xa4\xe2\x82\xac");
    assert_string_equal(names.names[1], ".\\\xf0\x9f\x98\x80");
    for (unsigned i = 0; i < 20; i++)
        assert_true(platter_parent_add(&names, "more"));
    assert_int_equal(names.count, PLATTER_PARENT_NAMES);
    platter_parent_free(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_are_read_once, table_make, table_end),
        cmocka_unit_test_setup_teardown(the_end_of_the_last_page_is_zero, table_make, table_end),
        cmocka_unit_test_setup_teardown(a_full_table_lets_go_of_all_but_what_has_changed, table_make, table_end),
        cmocka_unit_test_setup_teardown(a_read_that_fails_is_tried_again, table_make, table_end),
        cmocka_unit_test_setup_teardown(a_page_that_went_while_it_was_read_is_read_again, table_make, table_end),
        cmocka_unit_test_setup_teardown(threads_that_push_each_others_pages_out, table_make, table_end),
        cmocka_unit_test(checksums_are_those_of_the_rfc),
        cmocka_unit_test(names_come_out_of_utf16),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
