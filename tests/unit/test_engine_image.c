/* SPDX-License-Identifier: MIT */
/* Files, images, conversion and verification, with disks that fail and files that change under our eyes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

#include <memory_block.h>

#include "../../engine/format/vhd.h"
#include "../../engine/os/thread.h"
#include "../../engine/source/file.h"
#include "../../engine/verify.h"

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int files_in_folder(void)
{
    DIR *open = opendir(folder);
    int count = 0;

    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(open);
    return count;
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/platter-image.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    DIR *open = opendir(folder);

    (void)state;
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        (void)unlink(path_of(entry->d_name));
    closedir(open);
    return rmdir(folder);
}

static void make_file(const char *name, const void *data, size_t length, off_t size)
{
    int fd = open(path_of(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

/* ---- Files */

static void file_cut_short_while_open_is_an_error_not_zeros(void **state)
{
    static const uint32_t flags[] = {0, PLATTER_OPEN_UNBUFFERED};
    struct platter_block *file;
    struct platter_extent extent;
    struct platter_error err;
    static uint8_t buffer[65536];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_file("shrinks", "data", 4, 65536);
        assert_int_equal(platter_file_open(path_of("shrinks"), flags[i], &file, &err), PLATTER_OK);
        assert_int_equal(truncate(path_of("shrinks"), 10000), 0);
        assert_int_equal(platter_block_read(file, buffer, 10000, 0, &err), PLATTER_OK);
        assert_int_equal(platter_block_read(file, buffer, 65536, 0, &err), PLATTER_E_IO);
        assert_int_equal(err.offset, 10000);
        assert_int_equal(platter_block_read(file, buffer, 1, 10000, &err), PLATTER_E_IO);
        assert_int_equal(platter_block_read(file, buffer, 512, 40000, &err), PLATTER_E_IO);
        /* Nor may who asks for holes be told that there is one, and not read at all. */
        assert_int_equal(platter_block_map(file, 4096, 61440, &extent, &err), PLATTER_OK);
        assert_true(extent.flags & PLATTER_EXTENT_DATA || extent.offset + extent.length <= 10000);
        assert_int_equal(platter_block_map(file, 40000, 512, &extent, &err), PLATTER_OK);
        assert_true(extent.flags & PLATTER_EXTENT_DATA);
        platter_block_unref(file);
    }
}

static void unbuffered_transfers_of_any_shape_match_a_model(void **state)
{
    enum { SIZE = 600011 };
    static uint8_t model[SIZE], buffer[SIZE];
    struct platter_block *file;
    struct platter_error err;
    uint32_t random = 12345;

    (void)state;
    memset(model, 0, SIZE);
    make_file("model", "", 0, SIZE);
    assert_int_equal(platter_file_open(path_of("model"), PLATTER_OPEN_WRITABLE | PLATTER_OPEN_UNBUFFERED, &file, &err),
                     PLATTER_OK);
    for (int i = 0; i < 300; i++) {
        uint64_t offset;
        size_t length;

        random = random * 1664525 + 1013904223;
        offset = random % SIZE;
        random = random * 1664525 + 1013904223;
        length = random % (i % 4 ? 9000 : SIZE);
        if (i % 10 == 0)
            offset &= ~UINT64_C(4095);
        if (length > SIZE - offset)
            length = (size_t)(SIZE - offset);
        if (i % 3) {
            memset(model + offset, i, length);
            memset(buffer, i, length);
            assert_int_equal(platter_block_write(file, buffer, length, offset, &err), PLATTER_OK);
        } else {
            assert_int_equal(platter_block_read(file, buffer, length, offset, &err), PLATTER_OK);
            assert_memory_equal(buffer, model + offset, length);
        }
    }
    assert_int_equal(platter_block_flush(file, &err), PLATTER_OK);
    platter_block_unref(file);
    /* The file is neither longer nor shorter than it was. */
    assert_int_equal(platter_file_open(path_of("model"), 0, &file, &err), PLATTER_OK);
    assert_int_equal(platter_block_size(file), SIZE);
    assert_int_equal(platter_block_read(file, buffer, SIZE, 0, &err), PLATTER_OK);
    assert_memory_equal(buffer, model, SIZE);
    platter_block_unref(file);
}

struct edge_writer {
    struct platter_block *file;
    unsigned index;
};

static void write_edges(void *context)
{
    struct edge_writer *writer = (struct edge_writer *)context;
    uint8_t byte = (uint8_t)(writer->index + 1);

    for (uint64_t offset = writer->index; offset < 65536; offset += 64)
        (void)platter_block_write(writer->file, &byte, 1, offset, NULL);
}

static void neighbours_in_one_sector_do_not_undo_each_other(void **state)
{
    enum { WRITERS = 4 };
    struct platter_thread *threads[WRITERS];
    struct edge_writer writers[WRITERS];
    static uint8_t buffer[65536];
    struct platter_block *file;

    (void)state;
    make_file("edges", "", 0, 65536);
    assert_int_equal(platter_file_open(path_of("edges"), PLATTER_OPEN_WRITABLE | PLATTER_OPEN_UNBUFFERED, &file, NULL),
                     PLATTER_OK);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct edge_writer){file, i};
        assert_int_equal(platter_thread_start(write_edges, &writers[i], &threads[i], NULL), PLATTER_OK);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        platter_thread_join(threads[i]);
    assert_int_equal(platter_block_read(file, buffer, sizeof(buffer), 0, NULL), PLATTER_OK);
    for (size_t i = 0; i < sizeof(buffer); i++)
        assert_int_equal(buffer[i], i % 64 < WRITERS ? i % 64 + 1 : 0);
    platter_block_unref(file);
}

static void discard_makes_a_hole_that_reads_as_zero(void **state)
{
    static uint8_t data[1 << 20], buffer[65536];
    struct platter_extent extent;
    struct platter_block *file;
    struct platter_error err;
    uint64_t before;

    (void)state;
    memset(data, 7, sizeof(data));
    make_file("holes", data, sizeof(data), sizeof(data));
    assert_int_equal(platter_file_open(path_of("holes"), PLATTER_OPEN_WRITABLE, &file, &err), PLATTER_OK);
    assert_int_equal(platter_block_flush(file, &err), PLATTER_OK);
    before = platter_file_allocated(file);
    if (platter_block_discard(file, 262144, 524288, &err) == PLATTER_E_UNSUPPORTED) {
        platter_block_unref(file);
        skip();
    }
    assert_int_equal(platter_block_read(file, buffer, sizeof(buffer), 400000, &err), PLATTER_OK);
    for (size_t i = 0; i < sizeof(buffer); i++)
        assert_int_equal(buffer[i], 0);
    assert_true(platter_file_allocated(file) < before);
    assert_int_equal(platter_block_map(file, 0, sizeof(data), &extent, &err), PLATTER_OK);
    assert_int_equal(extent.flags, PLATTER_EXTENT_DATA);
    assert_int_equal(extent.length, 262144);
    assert_int_equal(platter_block_map(file, 262144, sizeof(data) - 262144, &extent, &err), PLATTER_OK);
    assert_int_equal(extent.flags, 0);
    assert_int_equal(extent.length, 524288);
    platter_block_unref(file);
}

static void file_that_grows_is_read_to_its_new_end(void **state)
{
    struct platter_block *file;
    uint8_t byte = 1;

    (void)state;
    make_file("grows", "x", 1, 1000);
    assert_int_equal(platter_file_open(path_of("grows"), PLATTER_OPEN_WRITABLE, &file, NULL), PLATTER_OK);
    assert_int_equal(platter_block_read(file, &byte, 1, 1500, NULL), PLATTER_E_RANGE);
    assert_int_equal(platter_file_resize(file, 2000, NULL), PLATTER_OK);
    assert_int_equal(platter_block_read(file, &byte, 1, 1500, NULL), PLATTER_OK);
    assert_int_equal(byte, 0);
    platter_block_unref(file);
}

/* ---- VHD */

static void vhd_footers_that_lie_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        enum platter_result result;
        const char *message;
    } cases[] = {
        {55, 1, PLATTER_E_FORMAT, "impossible size"},     {48, 0x80, PLATTER_E_FORMAT, "impossible size"},
        {54, 0xFE, PLATTER_E_FORMAT, "cut short"},        {13, 2, PLATTER_E_UNSUPPORTED, "VHD of version 2.0"},
        {63, 9, PLATTER_E_FORMAT, "type 9 is not known"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t file[2048] = {0}, *footer = file + 1536;
        struct platter_image *image = NULL;
        struct platter_error err;
        uint32_t sum;

        memcpy(footer, "conectix", 8);
        footer[13] = 1;
        footer[54] = 1536 / 256;
        footer[63] = VHD_FIXED;
        footer[cases[i].at] = cases[i].byte;
        sum = platter_vhd_checksum(footer, 512, 64);
        for (int j = 0; j < 4; j++)
            footer[64 + j] = (uint8_t)(sum >> (24 - 8 * j));
        make_file("lies.vhd", file, sizeof(file), sizeof(file));
        assert_int_equal(platter_image_open(path_of("lies.vhd"), NULL, &image, &err), cases[i].result);
        if (!strstr(err.message, cases[i].message))
            print_error("want \"%s\", got \"%s\"\n", cases[i].message, err.message);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void vhd_time_is_that_of_the_calendar(void **state)
{
    static const struct {
        uint32_t seconds;
        const char *text;
    } cases[] = {
        {0, "2000-01-01T00:00:00Z"},       {5097600 - 1, "2000-02-28T23:59:59Z"}, {5097600, "2000-02-29T00:00:00Z"},
        {5184000, "2000-03-01T00:00:00Z"}, {789004800, "2025-01-01T00:00:00Z"},   {UINT32_MAX, "2136-02-07T06:28:15Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t file[1024] = {0}, *footer = file + 512;
        const struct platter_image_info *info;
        struct platter_image *image;
        uint32_t sum;
        bool found = false;

        memcpy(footer, "conectix", 8);
        footer[13] = 1;
        footer[54] = 2;
        footer[63] = VHD_FIXED;
        for (int j = 0; j < 4; j++)
            footer[24 + j] = (uint8_t)(cases[i].seconds >> (24 - 8 * j));
        sum = platter_vhd_checksum(footer, 512, 64);
        for (int j = 0; j < 4; j++)
            footer[64 + j] = (uint8_t)(sum >> (24 - 8 * j));
        make_file("time.vhd", file, sizeof(file), sizeof(file));
        assert_int_equal(platter_image_open(path_of("time.vhd"), NULL, &image, NULL), PLATTER_OK);
        info = platter_image_info(image);
        for (size_t j = 0; j < info->detail_count; j++) {
            if (strcmp(info->details[j].key, "created") == 0) {
                assert_string_equal(info->details[j].value, cases[i].text);
                found = true;
            }
        }
        assert_true(found);
        platter_image_close(image);
    }
}

/* ---- Conversion */

struct told {
    unsigned calls;
    uint64_t last, total, stop_at;
    bool went_back;
};

static bool tell(void *context, uint64_t done, uint64_t total)
{
    struct told *told = (struct told *)context;

    told->calls++;
    told->went_back = told->went_back || done < told->last;
    told->last = done;
    told->total = total;
    return done < told->stop_at;
}

static void convert_tells_how_far_it_is(void **state)
{
    struct platter_block *source = memory_block_create(5000000, 512, 0);
    struct memory_fault slow = {.operations = MEMORY_READ, .delay_ms = 100};
    struct told told = {.stop_at = UINT64_MAX};
    struct platter_convert_options options = {.threads = 2, .progress = {tell, &told}};

    (void)state;
    memset(memory_block_data(source), 3, 5000000);
    memory_block_add_fault(source, &slow);
    assert_int_equal(platter_convert(source, path_of("told"), &options, NULL), PLATTER_OK);
    assert_true(told.calls >= 3);
    assert_false(told.went_back);
    assert_int_equal(told.last, 5000000);
    assert_int_equal(told.total, 5000000);
    assert_int_equal(memory_block_counts(source).most_at_once, 2);
    platter_block_unref(source);
}

static void convert_that_fails_or_is_stopped_leaves_nothing(void **state)
{
    struct platter_block *source = memory_block_create(8000000, 512, 0);
    struct memory_fault bad = {.operations = MEMORY_READ, .offset = 6000000, .length = 1, .result = PLATTER_E_DAMAGED};
    struct memory_fault slow = {.operations = MEMORY_READ, .delay_ms = 150};
    struct told told = {.stop_at = 1};
    struct platter_convert_options options = {.threads = 3, .progress = {tell, &told}};
    struct platter_error err;

    (void)state;
    memset(memory_block_data(source), 3, 8000000);
    memory_block_add_fault(source, &bad);
    assert_int_equal(platter_convert(source, path_of("fails"), NULL, &err), PLATTER_E_DAMAGED);
    assert_int_equal(err.offset, 6000000);
    assert_string_equal(err.file, "memory");
    assert_int_equal(files_in_folder(), 0);
    memory_block_clear_faults(source);
    memory_block_add_fault(source, &slow);
    assert_int_equal(platter_convert(source, path_of("stopped"), &options, &err), PLATTER_E_CANCELLED);
    assert_true(memory_block_counts(source).bytes_read < 2 * 8000000);
    assert_int_equal(files_in_folder(), 0);
    options.format = "vhdy";
    assert_int_equal(platter_convert(source, path_of("other"), &options, &err), PLATTER_E_USAGE);
    platter_block_unref(source);
}

static void convert_reads_no_holes(void **state)
{
    struct platter_block *source =
        memory_block_create_sparse(UINT64_C(1) << 32, 512, PLATTER_CAP_WRITE | PLATTER_CAP_MAP);
    struct platter_block *copy;
    char text[8] = "";

    (void)state;
    assert_int_equal(platter_block_write(source, "far out", 8, UINT64_C(3000000000), NULL), PLATTER_OK);
    assert_int_equal(platter_convert(source, path_of("holes"), NULL, NULL), PLATTER_OK);
    assert_int_equal(memory_block_counts(source).bytes_read, 65536);
    assert_int_equal(platter_file_open(path_of("holes"), 0, &copy, NULL), PLATTER_OK);
    assert_int_equal(platter_block_size(copy), UINT64_C(1) << 32);
    assert_true(platter_file_allocated(copy) <= 65536);
    assert_int_equal(platter_block_read(copy, text, 8, UINT64_C(3000000000), NULL), PLATTER_OK);
    assert_string_equal(text, "far out");
    platter_block_unref(copy);
    platter_block_unref(source);
}

/* ---- Verification */

struct findings {
    unsigned count;
    struct platter_error list[8];
};

static void note(void *context, bool fatal, const struct platter_error *finding)
{
    struct findings *findings = (struct findings *)context;

    assert_true(fatal);
    if (findings->count < 8)
        findings->list[findings->count] = *finding;
    findings->count++;
}

static void verify_reports_each_bad_range_once(void **state)
{
    /* One sector, one run across the pieces that are read, two that touch but fail differently, the last sector. */
    static const struct memory_fault faults[] = {
        {.operations = MEMORY_READ, .offset = 512 * 7, .length = 512, .result = PLATTER_E_IO},
        {.operations = MEMORY_READ, .offset = 1048576 - 1024, .length = 4096, .result = PLATTER_E_IO},
        {.operations = MEMORY_READ, .offset = 2000384, .length = 1024, .result = PLATTER_E_IO},
        {.operations = MEMORY_READ, .offset = 2001408, .length = 2048, .result = PLATTER_E_DAMAGED},
        {.operations = MEMORY_READ, .offset = 4000256 - 1, .length = 1, .result = PLATTER_E_IO},
    };
    static const struct {
        uint64_t offset;
        const char *bytes;
    } want[] = {{512 * 7, "512 bytes of"},
                {1048576 - 1024, "4096 bytes of"},
                {2000384, "1024 bytes of"},
                {2001408, "2048 bytes of"},
                {4000256 - 512, "512 bytes of"}};
    struct platter_block *disk = memory_block_create(4000256, 512, 0);
    struct platter_verify_report report = {0};
    struct findings findings = {0};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        memory_block_add_fault(disk, &faults[i]);
    assert_int_equal(platter_verify_read(disk, "x.img", note, &findings, NULL, &report, NULL), PLATTER_OK);
    assert_int_equal(findings.count, 5);
    assert_int_equal(report.errors, 5);
    assert_int_equal(report.bytes_checked, 4000256);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(findings.list[i].offset, want[i].offset);
        assert_memory_equal(findings.list[i].message, want[i].bytes, strlen(want[i].bytes));
        assert_string_equal(findings.list[i].file, "x.img");
    }
    assert_int_equal(findings.list[3].result, PLATTER_E_DAMAGED);
    platter_block_unref(disk);
}

static void verify_of_a_dead_disk_ends(void **state)
{
    struct memory_fault all = {.operations = MEMORY_READ | MEMORY_MAP, .result = PLATTER_E_IO};
    struct platter_block *disk = memory_block_create_sparse(UINT64_C(3) << 30, 512, PLATTER_CAP_MAP);
    struct platter_verify_report report = {0};
    struct findings findings = {0};
    struct told told = {.stop_at = UINT64_C(2) << 30};
    struct platter_progress progress = {tell, &told};

    (void)state;
    memory_block_add_fault(disk, &all);
    assert_int_equal(platter_verify_read(disk, "x.img", note, &findings, NULL, &report, NULL), PLATTER_OK);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.list[0].offset, 0);
    /* Far fewer reads than there are sectors. */
    assert_true(memory_block_counts(disk).reads < 200000);
    assert_int_equal(platter_verify_read(disk, "x.img", note, &findings, &progress, &report, NULL),
                     PLATTER_E_CANCELLED);
    platter_block_unref(disk);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(file_cut_short_while_open_is_an_error_not_zeros),
        TEST(unbuffered_transfers_of_any_shape_match_a_model),
        TEST(neighbours_in_one_sector_do_not_undo_each_other),
        TEST(discard_makes_a_hole_that_reads_as_zero),
        TEST(file_that_grows_is_read_to_its_new_end),
        TEST(vhd_footers_that_lie_are_refused),
        TEST(vhd_time_is_that_of_the_calendar),
        TEST(convert_tells_how_far_it_is),
        TEST(convert_that_fails_or_is_stopped_leaves_nothing),
        TEST(convert_reads_no_holes),
        cmocka_unit_test(verify_reports_each_bad_range_once),
        cmocka_unit_test(verify_of_a_dead_disk_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
