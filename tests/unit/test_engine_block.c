/* SPDX-License-Identifier: MIT */
/* Errors, UTF, and the checks that block.c makes for every layer. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <memory_block.h>

#include "../../engine/block.h"
#include "../../engine/bytes.h"
#include "../../engine/slice.h"
#include "../../engine/utf.h"

#define ALL_CAPS (PLATTER_CAP_WRITE | PLATTER_CAP_DISCARD | PLATTER_CAP_MAP)

static void error_text_has_the_parts_that_exist(void **state)
{
    struct platter_error err;
    char text[2048];

    (void)state;
    assert_int_equal(platter_error_set(&err, PLATTER_E_FORMAT, "a.vhd", 1073741824, "checksum is 0x%x", 0x1234),
                     PLATTER_E_FORMAT);
    assert_string_equal(platter_error_text(&err, text, sizeof(text)), "a.vhd: at byte 1073741824: checksum is 0x1234");
    (void)platter_error_set(&err, PLATTER_E_FORMAT, "a.vhd", PLATTER_NO_OFFSET, "is empty");
    assert_string_equal(platter_error_text(&err, text, sizeof(text)), "a.vhd: is empty");
    (void)platter_error_set(&err, PLATTER_E_FORMAT, NULL, 5, "odd");
    assert_string_equal(platter_error_text(&err, text, sizeof(text)), "at byte 5: odd");
    (void)platter_error_set_os(&err, PLATTER_E_NOT_FOUND, "b", PLATTER_NO_OFFSET, 2, "cannot be opened");
    assert_string_equal(platter_error_text(&err, text, sizeof(text)), "b: cannot be opened: No such file or directory");
    assert_int_equal(err.os_error, 2);
    assert_int_equal(platter_error_set(NULL, PLATTER_E_IO, "x", 0, "y"), PLATTER_E_IO);
    /* A buffer that is too small is terminated, and nothing is written behind it. */
    memset(text, 'x', sizeof(text));
    (void)platter_error_text(&err, text, 4);
    assert_string_equal(text, "b: ");
    assert_int_equal(text[4], 'x');
}

static void error_cuts_long_paths_between_characters(void **state)
{
    struct platter_error err;
    char path[2049] = "";

    (void)state;
    for (size_t i = 0; i < 1024; i++)
        memcpy(path + 2 * i, "\xc3\xa4", 2);
    path[2048] = '\0';
    (void)platter_error_set(&err, PLATTER_E_IO, path, 0, "y");
    assert_int_equal(strlen(err.file), 1022);
    assert_int_equal(platter_utf8_valid((const uint8_t *)err.file, 1022), 1022);
}

static void result_names_are_words(void **state)
{
    (void)state;
    for (int i = PLATTER_OK; i <= PLATTER_E_DRIVER; i++)
        assert_non_null(platter_result_name((enum platter_result)i));
    assert_string_equal(platter_result_name(PLATTER_E_NO_SPACE), "no_space");
    assert_string_equal(platter_result_name((enum platter_result)4711), "failed");
}

static void utf16_becomes_utf8(void **state)
{
    static const uint16_t text[] = {'a', 0xE4, 0x20AC, 0xD83D, 0xDE00, 0xD800, 'z', 0, 'n'};
    char out[64];

    (void)state;
    assert_int_equal(platter_utf8_from_utf16(text, 9, out, sizeof(out)), 14);
    assert_string_equal(out, "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdz");
    /* Cut before a character that does not fit whole. */
    assert_int_equal(platter_utf8_from_utf16(text, 9, out, 6), 3);
    assert_string_equal(out, "a\xc3\xa4");
    /* A high surrogate at the very end must not read on. */
    assert_int_equal(platter_utf8_from_utf16(text + 3, 1, out, sizeof(out)), 3);
}

static void utf8_is_checked(void **state)
{
    static const char *const bad[] = {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(platter_utf8_valid((const uint8_t *)bad[i], strlen(bad[i])), 0);
    assert_int_equal(platter_utf8_valid((const uint8_t *)"d\xc3\xa4\xf0\x9f\x98\x80", 7), 7);
}

static void ranges_are_checked(void **state)
{
    struct platter_block *block = memory_block_create(10000, 512, ALL_CAPS);
    struct platter_extent extent;
    struct platter_error err;
    uint8_t buffer[16];
    static const struct {
        uint64_t offset;
        size_t length;
        enum platter_result result;
    } cases[] = {
        {0, 16, PLATTER_OK},
        {9984, 16, PLATTER_OK},
        {9985, 16, PLATTER_E_RANGE},
        {10000, 0, PLATTER_OK},
        {10001, 0, PLATTER_E_RANGE},
        {UINT64_MAX, 16, PLATTER_E_RANGE},
        {UINT64_MAX - 8, 16, PLATTER_E_RANGE},
        {UINT64_MAX, 0, PLATTER_E_RANGE},
        {0, SIZE_MAX, PLATTER_E_RANGE},
        {9999, 1, PLATTER_OK},
        {10000, 1, PLATTER_E_RANGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(platter_block_read(block, buffer, cases[i].length, cases[i].offset, &err), cases[i].result);
        assert_int_equal(platter_block_write(block, buffer, cases[i].length, cases[i].offset, &err), cases[i].result);
        assert_int_equal(platter_block_discard(block, cases[i].offset, cases[i].length, &err), cases[i].result);
        if (cases[i].length)
            assert_int_equal(platter_block_map(block, cases[i].offset, cases[i].length, &extent, &err),
                             cases[i].result);
        if (cases[i].result)
            assert_int_equal(err.offset, cases[i].offset);
    }
    /* Nothing of all that was refused, or empty, has reached the layer. */
    assert_int_equal(memory_block_counts(block).reads, 3);
    assert_int_equal(memory_block_counts(block).writes, 3);
    assert_int_equal(platter_block_map(block, 0, 0, &extent, &err), PLATTER_E_USAGE);
    platter_block_unref(block);
}

static void missing_capabilities_refuse(void **state)
{
    struct platter_block *block = memory_block_create(4096, 512, 0);
    struct platter_extent extent;
    struct platter_error err;
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(platter_block_write(block, &byte, 1, 0, &err), PLATTER_E_READ_ONLY);
    assert_int_equal(platter_block_discard(block, 0, 512, &err), PLATTER_E_UNSUPPORTED);
    assert_int_equal(platter_block_flush(block, &err), PLATTER_OK);
    assert_int_equal(platter_block_map(block, 100, 200, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.offset, 100);
    assert_int_equal(extent.length, 200);
    assert_int_equal(extent.flags, PLATTER_EXTENT_DATA);
    assert_int_equal(memory_block_counts(block).flushes + memory_block_counts(block).maps, 0);
    platter_block_unref(block);
}

static void impossible_sizes_are_refused(void **state)
{
    static const struct platter_block_ops ops = {.layer = "none"};
    struct platter_block block;
    struct platter_error err;

    (void)state;
    assert_int_equal(platter_block_init(&block, &ops, "n", 1, 513, 0, 0, &err), PLATTER_E_UNSUPPORTED);
    assert_int_equal(platter_block_init(&block, &ops, "n", 1, 8192, 0, 0, &err), PLATTER_E_UNSUPPORTED);
    assert_int_equal(platter_block_init(&block, &ops, "n", (uint64_t)INT64_MAX + 1, 512, 0, 0, &err), PLATTER_E_FORMAT);
}

static void count_close(void *context)
{
    ++*(int *)context;
}

static void last_reference_closes(void **state)
{
    struct platter_block *block = memory_block_create(8192, 512, ALL_CAPS), *view = NULL;
    struct platter_slice slice = {.layer = "test", .offset = 512, .length = 1024};
    int closed = 0;

    (void)state;
    memory_block_on_close(block, count_close, &closed);
    assert_int_equal(platter_slice_create(block, &slice, &view, NULL), PLATTER_OK);
    platter_block_unref(platter_block_ref(block));
    platter_block_unref(block);
    assert_int_equal(closed, 0);
    platter_block_unref(view);
    assert_int_equal(closed, 1);
    platter_block_unref(NULL);
}

static void slice_moves_and_pads(void **state)
{
    struct platter_block *block = memory_block_create(8192, 512, ALL_CAPS), *view = NULL;
    struct platter_slice slice = {.layer = "test", .offset = 512, .length = 1000};
    struct platter_extent extent;
    struct platter_error err;
    uint8_t buffer[1024];

    (void)state;
    memset(memory_block_data(block), 0xAA, 8192);
    assert_int_equal(platter_slice_create(block, &slice, &view, &err), PLATTER_OK);
    memset(buffer, 0x55, sizeof(buffer));
    assert_int_equal(platter_block_write(view, buffer, 1000, 0, &err), PLATTER_OK);
    assert_int_equal(memory_block_data(block)[511], 0xAA);
    assert_int_equal(memory_block_data(block)[512], 0x55);
    assert_int_equal(memory_block_data(block)[1511], 0x55);
    assert_int_equal(memory_block_data(block)[1512], 0xAA);
    assert_int_equal(platter_block_write(view, buffer, 1, 1000, &err), PLATTER_E_RANGE);
    platter_block_unref(view);

    slice.padding = 24;
    assert_int_equal(platter_slice_create(block, &slice, &view, &err), PLATTER_OK);
    assert_int_equal(platter_block_size(view), 1024);
    memset(buffer, 0xCC, sizeof(buffer));
    assert_int_equal(platter_block_read(view, buffer, 1024, 0, &err), PLATTER_OK);
    assert_int_equal(buffer[999], 0x55);
    assert_true(platter_all_zero(buffer + 1000, 24));
    memset(buffer, 0xCC, sizeof(buffer));
    assert_int_equal(platter_block_read(view, buffer, 10, 1010, &err), PLATTER_OK);
    assert_true(platter_all_zero(buffer, 10));
    assert_int_equal(buffer[10], 0xCC);
    assert_int_equal(platter_block_write(view, buffer, 1, 0, &err), PLATTER_E_READ_ONLY);
    assert_int_equal(platter_block_map(view, 990, 34, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.length, 10);
    assert_int_equal(platter_block_map(view, 1000, 24, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.flags, 0);
    assert_int_equal(extent.length, 24);
    platter_block_unref(view);

    slice.offset = UINT64_MAX - 100;
    assert_int_equal(platter_slice_create(block, &slice, &view, &err), PLATTER_E_RANGE);
    platter_block_unref(block);
}

static void zero_detection_sees_every_byte(void **state)
{
    uint8_t data[100];

    (void)state;
    for (size_t length = 0; length <= sizeof(data); length++) {
        memset(data, 0, sizeof(data));
        assert_true(platter_all_zero(data, length));
        for (size_t i = 0; i < length; i++) {
            data[i] = 0x80;
            assert_false(platter_all_zero(data, length));
            data[i] = 0;
        }
    }
}

static void memory_block_faults_hit_what_they_name(void **state)
{
    struct platter_block *block = memory_block_create_sparse(UINT64_C(1) << 35, 512, ALL_CAPS);
    struct memory_fault fault = {
        .operations = MEMORY_READ, .offset = 4096, .length = 512, .result = PLATTER_E_IO, .skip = 1, .times = 1};
    struct platter_error err;
    struct platter_extent extent;
    uint8_t byte = 7;

    (void)state;
    memory_block_add_fault(block, &fault);
    assert_int_equal(platter_block_read(block, &byte, 1, 4607, &err), PLATTER_OK);
    assert_int_equal(platter_block_read(block, &byte, 1, 4608, &err), PLATTER_OK);
    assert_int_equal(platter_block_read(block, &byte, 1, 4607, &err), PLATTER_E_IO);
    assert_int_equal(err.offset, 4096);
    assert_int_equal(platter_block_read(block, &byte, 1, 4607, &err), PLATTER_OK);
    byte = 9;
    assert_int_equal(platter_block_write(block, &byte, 1, UINT64_C(1) << 34, &err), PLATTER_OK);
    assert_int_equal(platter_block_map(block, 0, UINT64_C(1) << 35, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.flags, 0);
    assert_int_equal(extent.length, UINT64_C(1) << 34);
    assert_int_equal(platter_block_map(block, UINT64_C(1) << 34, UINT64_C(1) << 30, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.flags, PLATTER_EXTENT_DATA);
    assert_int_equal(extent.length, 65536);
    platter_block_unref(block);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_text_has_the_parts_that_exist),
        cmocka_unit_test(error_cuts_long_paths_between_characters),
        cmocka_unit_test(result_names_are_words),
        cmocka_unit_test(utf16_becomes_utf8),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(missing_capabilities_refuse),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(last_reference_closes),
        cmocka_unit_test(slice_moves_and_pads),
        cmocka_unit_test(zero_detection_sees_every_byte),
        cmocka_unit_test(memory_block_faults_hit_what_they_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
