/* SPDX-License-Identifier: MIT */
/* The parts of the command line that need no system: arguments, choices, texts, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cli/arguments.h"
#include "../../mount/choose.h"
#include "../../mount/json.h"
#include "../../cli/progress.h"
#include "../../cli/reply.h"
#include "../../mount/text.h"

/* ---- Arguments ----------------------------------------------------------------------------------------------------- */

static enum platter_result nothing(const struct cli_arguments *arguments, struct cli_reply *reply,
                                   struct platter_error *err)
{
    (void)arguments;
    (void)reply;
    (void)err;
    return PLATTER_OK;
}

static const struct cli_option options[] = {{"partition", "N", "which"},
                                            {"port", "N", "where"},
                                            {"read-only", NULL, "no writes"},
                                            {"report", "N", NULL},
                                            {NULL, NULL, NULL}};

static const struct cli_command commands[] = {
    {"serve", "IMAGE", 1, 1, "", "", options, NULL, nothing},
    {"convert", "IMAGE OUT", 2, 2, "", "", NULL, NULL, nothing},
    {"driver install", "", 0, 0, "", "", NULL, NULL, nothing},
    {"driver remove", "", 0, 0, "", "", NULL, NULL, nothing},
    {"elsewhere", "", 0, 0, "", "", NULL, NULL, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};

#define MOST 8

static enum platter_result parse(struct cli_arguments *arguments, struct platter_error *err, const char *first, ...)
{
    static char copies[MOST][80]; /* what *arguments borrows */
    char *argv[MOST + 1] = {copies[0]};
    int argc = 1;
    va_list list;

    va_start(list, first);
    for (const char *word = first; word; word = va_arg(list, const char *)) {
        assert_in_range(argc, 1, MOST - 1);
        argv[argc] = strcpy(copies[argc], word);
        argc++;
    }
    va_end(list);
    memset(err, 0, sizeof(*err));
    return cli_arguments_parse(commands, argc, argv, arguments, err);
}

/* The sentence for a command line that is refused. */
#define assert_refused(sentence, ...)                                                                                  \
    do {                                                                                                               \
        struct cli_arguments refused_arguments;                                                                        \
        struct platter_error refused_err;                                                                              \
        assert_int_equal(parse(&refused_arguments, &refused_err, __VA_ARGS__, NULL), PLATTER_E_USAGE);                 \
        assert_string_equal(refused_err.message, sentence);                                                            \
    } while (0)

static void arguments_are_read(void **state)
{
    struct cli_arguments arguments;
    struct platter_error err;
    uint64_t number = 7;

    (void)state;
    assert_int_equal(parse(&arguments, &err, "serve", "--port=0", "--", "--disk", NULL), PLATTER_OK);
    assert_string_equal(arguments.command->name, "serve");
    assert_string_equal(arguments.operands[0], "--disk");
    assert_int_equal(cli_option_number(&arguments, "port", 0, 65535, &number, &err), PLATTER_OK);
    assert_int_equal(number, 0);
    assert_false(cli_option_given(&arguments, "partition"));
    number = 7;
    assert_int_equal(cli_option_number(&arguments, "partition", 0, 9, &number, &err), PLATTER_OK);
    assert_int_equal(number, 7);

    assert_int_equal(parse(&arguments, &err, "serve", "disk", "--partition", "--", "--read-only", "--json", NULL),
                     PLATTER_OK);
    assert_string_equal(cli_option_value(&arguments, "partition"), "--");
    assert_string_equal(cli_option_value(&arguments, "read-only"), "");
    assert_true(arguments.json);

    /* A lone dash is a name. */
    assert_int_equal(parse(&arguments, &err, "convert", "-", "out", NULL), PLATTER_OK);
    assert_string_equal(arguments.operands[0], "-");

    assert_int_equal(parse(&arguments, &err, "driver", "remove", NULL), PLATTER_OK);
    assert_string_equal(arguments.command->name, "driver remove");
    assert_int_equal(parse(&arguments, &err, "elsewhere", "--whatever", NULL), PLATTER_OK);
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"1K", 1024},
        {"64k", 65536},
        {"3M", 3145728},
        {"10G", 10737418240},
        {"64T", 70368744177664},
        {"2GiB", 2147483648},
        {"2GB", 2147483648},
        {"8191P", 9222246136947933184u},
        {"18446744073709551609", 18446744073709551609u},
        {"16383P", 18445618173802708992u},
    };
    static const char *const bad[] = {"",
                                      "K",
                                      "-1",
                                      "+1",
                                      "1.5G",
                                      "1 G",
                                      "1X",
                                      "1KK",
                                      "1iB",
                                      "1Gi",
                                      "1GBs",
                                      "0x10",
                                      "16384P",
                                      "18446744073709551616",
                                      "99999999999T"};
    uint64_t size = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(cli_size_parse(good[i].text, &size));
        assert_int_equal(size, good[i].size);
    }
    size = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(cli_size_parse(bad[i], &size));
        assert_int_equal(size, 7);
    }
}

static void help_wins_over_what_is_missing(void **state)
{
    struct cli_arguments arguments;
    struct platter_error err;

    (void)state;
    assert_int_equal(parse(&arguments, &err, "convert", "--help", NULL), PLATTER_OK);
    assert_true(arguments.help);
    assert_string_equal(arguments.command->name, "convert");
    assert_int_equal(parse(&arguments, &err, "-h", NULL), PLATTER_OK);
    assert_true(arguments.help);
    assert_null(arguments.command);
    assert_int_equal(parse(&arguments, &err, "--version", NULL), PLATTER_OK);
    assert_true(arguments.version);
}

static void wrong_arguments_are_named(void **state)
{
    struct cli_arguments arguments;
    struct platter_error err;

    (void)state;
    assert_refused("there is no command 'sevre', did you mean 'serve'", "sevre", "disk");
    assert_refused("there is no command 'xyzzy'", "xyzzy");
    assert_refused("there is no command 'driver instal', did you mean 'driver install'", "driver", "instal");
    assert_refused("'driver' needs to be told what to do", "driver");
    assert_refused("there is no option '--part', did you mean '--partition'", "serve", "disk", "--part", "1");
    assert_refused("there is no option '--readonly', did you mean '--read-only'", "serve", "disk", "--readonly");
    assert_refused("there is no option '--jsno', did you mean '--json'", "convert", "--jsno");
    /* What is hidden is not suggested. */
    assert_refused("there is no option '--reporx'", "serve", "--reporx");
    assert_refused("there is no option '-p', options begin with two dashes", "serve", "disk", "-p");
    assert_refused("'--port' is given twice", "serve", "--port", "1", "--port=2");
    assert_refused("'--port' needs a value: --port N", "serve", "disk", "--port");
    assert_refused("'--port' was given an empty value", "serve", "disk", "--port=");
    assert_refused("'--read-only' takes no value", "serve", "disk", "--read-only=yes");
    assert_refused("'b' is one word too many (quote names that hold spaces)", "serve", "a", "b");
    assert_refused("'b' is one word too many", "driver", "install", "b");
    assert_refused("something is missing: platter convert IMAGE OUT", "convert", "a");
    assert_refused("an empty name was given", "serve", "");
    assert_refused("no command was given", "--json");
    assert_int_equal(parse(&arguments, &err, "sevre", "--json", NULL), PLATTER_E_USAGE);
    assert_true(arguments.json);
}

static void numbers_are_bounded(void **state)
{
    static const char *const wrong[] = {
        "", "x", "-1", "+1", " 1", "1 ", "0x10", "65536", "18446744073709551616", "99999999999999999999999"};
    struct cli_arguments arguments;
    struct platter_error err;
    uint64_t number = 0;

    (void)state;
    assert_int_equal(parse(&arguments, &err, "serve", "disk", "--port", "65535", NULL), PLATTER_OK);
    assert_int_equal(cli_option_number(&arguments, "port", 1, 65535, &number, &err), PLATTER_OK);
    assert_int_equal(number, 65535);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        arguments.values[1] = wrong[i];
        assert_int_equal(cli_option_number(&arguments, "port", 1, 65535, &number, &err), PLATTER_E_USAGE);
    }
    arguments.values[1] = "18446744073709551615";
    assert_int_equal(cli_option_number(&arguments, "port", 1, UINT64_MAX, &number, &err), PLATTER_E_USAGE);
    arguments.values[1] = "0";
    assert_int_equal(cli_option_number(&arguments, "port", 1, 65535, &number, &err), PLATTER_E_USAGE);
    assert_string_equal(err.message, "'--port 0': want a number from 1 to 65535");
}

static void edits_are_counted(void **state)
{
    (void)state;
    assert_int_equal(cli_edit_distance("", ""), 0);
    assert_int_equal(cli_edit_distance("letter", "letter"), 0);
    assert_int_equal(cli_edit_distance("leter", "letter"), 1);
    assert_int_equal(cli_edit_distance("lettre", "letter"), 1);
    assert_int_equal(cli_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(cli_edit_distance("", "abc"), 3);
    assert_int_equal(cli_edit_distance("an option of quite impossible length", "x"), 32);
}

/* ---- Choices ------------------------------------------------------------------------------------------------------- */

static struct platter_partition parts[] = {
    {.number = 1, .filesystem = "ntfs"}, {.number = 2}, {.number = 5, .filesystem = "fat32"}};
static const struct platter_partition_table disk = {
    .style = PLATTER_TABLE_MBR, .count = sizeof(parts) / sizeof(parts[0]), .partitions = parts};
static struct platter_partition whole[] = {{.number = 0}};
static const struct platter_partition_table bare = {.style = PLATTER_TABLE_NONE, .count = 1, .partitions = whole};

static enum platter_result choose(const char *text, const struct platter_partition_table *table,
                                  size_t chosen[PLATTER_MAX_CHOSEN], size_t *count, struct platter_error *err)
{
    struct platter_choice choice;
    enum platter_result result = platter_choice_parse(text, &choice, err);

    return result == PLATTER_OK ? platter_choice_apply(&choice, table, "disk.img", chosen, count, err) : result;
}

static void partitions_are_chosen(void **state)
{
    size_t chosen[PLATTER_MAX_CHOSEN], count;
    struct platter_error err;

    (void)state;
    assert_int_equal(choose(NULL, &disk, chosen, &count, &err), PLATTER_OK);
    assert_int_equal(count, 2);
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 2);
    assert_int_equal(choose("all", &disk, chosen, &count, &err), PLATTER_OK);
    assert_int_equal(count, 3);
    assert_int_equal(choose("5,2", &disk, chosen, &count, &err), PLATTER_OK);
    assert_int_equal(count, 2);
    assert_int_equal(chosen[0], 2);
    assert_int_equal(chosen[1], 1);
    assert_int_equal(choose("all", &bare, chosen, &count, &err), PLATTER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(choose("0", &bare, chosen, &count, &err), PLATTER_OK);
}

static void wrong_choices_tell_what_there_is(void **state)
{
    static const char *const wrong[] = {"", ",", "1,", ",1", "1,,2", "one", "1-3", "1,1", "1234567", "-1", "1 "};
    static const struct platter_partition_table empty = {.style = PLATTER_TABLE_GPT};
    size_t chosen[PLATTER_MAX_CHOSEN], count;
    struct platter_error err;
    char many[4 * PLATTER_MAX_CHOSEN + 8] = "1000";

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(choose(wrong[i], &disk, chosen, &count, &err), PLATTER_E_USAGE);
    for (unsigned i = 0; i < PLATTER_MAX_CHOSEN; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), ",%u", i);
    assert_int_equal(choose(many, &disk, chosen, &count, &err), PLATTER_E_USAGE);
    assert_int_equal(choose("3", &disk, chosen, &count, &err), PLATTER_E_NOT_FOUND);
    assert_string_equal(err.message, "there is no partition 3; it has: 1 (ntfs), 2 (no known file system), 5 (fat32)");
    assert_string_equal(err.file, "disk.img");
    assert_int_equal(choose(NULL, &bare, chosen, &count, &err), PLATTER_E_FORMAT);
    assert_non_null(strstr(err.message, "'--partition all'"));
    assert_int_equal(choose("1", &bare, chosen, &count, &err), PLATTER_E_NOT_FOUND);
    assert_int_equal(choose(NULL, &empty, chosen, &count, &err), PLATTER_E_NOT_FOUND);
    assert_string_equal(err.message, "its partition table is empty");
}

/* However many partitions a table has, the sentence fits and the choice is bounded. */
static void large_tables_are_bounded(void **state)
{
    static struct platter_partition many[1000];
    struct platter_partition_table table = {.style = PLATTER_TABLE_GPT, .count = 1000, .partitions = many};
    size_t chosen[PLATTER_MAX_CHOSEN], count;
    struct platter_error err;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        many[i].number = i + 1;
        memcpy(many[i].filesystem, "fifteen_letters", 16);
    }
    assert_int_equal(choose("5000", &table, chosen, &count, &err), PLATTER_E_NOT_FOUND);
    assert_non_null(strstr(err.message, ", ..."));
    assert_int_equal(choose(NULL, &table, chosen, &count, &err), PLATTER_E_UNSUPPORTED);
    assert_int_equal(choose("all", &table, chosen, &count, &err), PLATTER_E_UNSUPPORTED);
    assert_int_equal(choose("1000", &table, chosen, &count, &err), PLATTER_OK);
    assert_int_equal(chosen[0], 999);
}

static void letters_are_read(void **state)
{
    static const char *const wrong[] = {"", "XY", "1", "X,", ",X", "X,x", "X::", "\xc3\x84"};
    char letters[26];
    size_t count;
    struct platter_error err;

    (void)state;
    assert_int_equal(platter_letters_parse("x:,Y,z:\\", letters, &count, &err), PLATTER_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(letters, "XYZ", 3);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(platter_letters_parse(wrong[i], letters, &count, &err), PLATTER_E_USAGE);
    assert_int_equal(platter_letter("e:/"), 'E');
    assert_int_equal(platter_letter("E:\\x"), 0);
    assert_int_equal(platter_letter("12"), 0);
}

/* ---- Texts --------------------------------------------------------------------------------------------------------- */

static void sizes_are_written(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},
                 {1, "1 byte"},
                 {1023, "1023 bytes"},
                 {1024, "1 KiB"},
                 {1536, "1.5 KiB"},
                 {10240 + 512, "10.5 KiB"},
                 {524288000, "500 MiB"},
                 {1048576 - 1, "1 MiB"},
                 {1048576 + 10486, "1.01 MiB"},
                 {4ull << 40, "4 TiB"},
                 {3999999999999ull, "3.64 TiB"},
                 {1ull << 62, "4 EiB"},
                 {UINT64_MAX, "16 EiB"}};
    char text[PLATTER_SIZE_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(platter_size_text(cases[i].bytes, text), cases[i].text);
    assert_string_equal(platter_grouped(0, text), "0");
    assert_string_equal(platter_grouped(999, text), "999");
    assert_string_equal(platter_grouped(1000, text), "1,000");
    assert_string_equal(platter_grouped(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void times_and_guids_are_written(void **state)
{
    /* A basic data partition, as GPT stores it (UEFI 2.10, table 5-7). */
    static const uint8_t basic[16] = {0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44,
                                      0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7};
    char guid[PLATTER_GUID_TEXT], time[PLATTER_TIME_TEXT];

    (void)state;
    assert_string_equal(platter_guid_text(basic, guid), "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");
    assert_string_equal(platter_duration_text(7, time), "0:07");
    assert_string_equal(platter_duration_text(750, time), "12:30");
    assert_string_equal(platter_duration_text(11100, time), "3:05:00");
}

static void terminals_are_left_alone(void **state)
{
    char text[] = "a\x1b[2Jb\r\n\x7f\xc2\x9b"
                  "c\xc3\xa4\xc2\xa0";

    (void)state;
    assert_string_equal(platter_printable(text), "a?[2Jb?????c\xc3\xa4\xc2\xa0");
}

static void utf8_is_repaired(void **state)
{
    static const struct {
        const char *given, *want;
    } cases[] = {{"", ""},
                 {"abc\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xbe", "abc\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xbe"},
                 {"\x80", "\xef\xbf\xbd"},
                 {"\xc3", "\xef\xbf\xbd"},
                 {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* an overlong slash */
                 {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* half a surrogate pair */
                 {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"x\xe2\x82y", "x\xef\xbf\xbd\xef\xbf\xbdy"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *repaired = platter_utf8_repair(cases[i].given);

        assert_string_equal(repaired, cases[i].want);
        free(repaired);
    }
    assert_string_equal(platter_base_name("C:\\folder/disk.vhd"), "disk.vhd");
    assert_string_equal(platter_base_name("disk.vhd"), "disk.vhd");
}

static void progress_fits_its_terminal(void **state)
{
    char line[256];

    (void)state;
    cli_progress_line(0, 1000 << 20, 0, 80, line, sizeof(line));
    assert_string_equal(line, "[----------------------------------------]   0%  0 bytes of 1000 MiB");
    cli_progress_line(250 << 20, 500 << 20, 2000, 80, line, sizeof(line));
    assert_non_null(strstr(line, "]  50%  250 MiB of 500 MiB  125 MiB/s  0:02 left"));
    cli_progress_line(500 << 20, 500 << 20, 4000, 80, line, sizeof(line));
    assert_non_null(strstr(line, " 100%  500 MiB of 500 MiB  125 MiB/s  0:00 left"));
    assert_null(strchr(line, '-'));
    cli_progress_line(2, 1, 1000, 80, line, sizeof(line));
    assert_non_null(strstr(line, " 100%"));
    cli_progress_line(0, 0, 1000, 80, line, sizeof(line));
    assert_non_null(strstr(line, " 100%"));
    for (unsigned columns = 0; columns < 200; columns++) {
        cli_progress_line(UINT64_MAX / 3, UINT64_MAX, 123456789, columns, line, sizeof(line));
        assert_in_range(strlen(line), 0, columns > 0 ? columns - 1 : 0);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void json_is_whole_and_in_order(void **state)
{
    struct platter_error err = {.result = PLATTER_E_FORMAT, .os_error = 2, .offset = 512};
    json_t *root = json_object(), *array;
    char *text;

    (void)state;
    platter_json_number(root, "schema", CLI_JSON_SCHEMA);
    platter_json_text(root, "quoted", "a\"b\\c\n\xff");
    platter_json_text(root, "nothing", NULL);
    platter_json_number(root, "largest", INT64_MAX);
    platter_json_number(root, "too_large", PLATTER_NO_OFFSET);
    array = platter_json_array(root, "array");
    platter_json_bool(platter_json_element(array), "yes", true);
    memcpy(err.message, "bad", 4);
    platter_error_json(root, &err, "go");
    text = platter_json_dump(root);
    assert_string_equal(text,
                        "{\n  \"schema\": 1,\n  \"quoted\": \"a\\\"b\\\\c\\n\xef\xbf\xbd\",\n  \"nothing\": null,\n"
                        "  \"largest\": 9223372036854775807,\n  \"too_large\": null,\n"
                        "  \"array\": [\n    {\n      \"yes\": true\n    }\n  ],\n"
                        "  \"error\": {\n    \"code\": 6,\n    \"name\": \"format\",\n    \"message\": \"bad\",\n"
                        "    \"file\": null,\n    \"offset\": 512,\n    \"os_error\": 2,\n    \"hint\": \"go\"\n"
                        "  }\n}\n");
    free(text);
    json_decref(root);
    assert_null(platter_json_dump(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(help_wins_over_what_is_missing),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(partitions_are_chosen),
        cmocka_unit_test(wrong_choices_tell_what_there_is),
        cmocka_unit_test(large_tables_are_bounded),
        cmocka_unit_test(letters_are_read),
        cmocka_unit_test(sizes_are_written),
        cmocka_unit_test(times_and_guids_are_written),
        cmocka_unit_test(terminals_are_left_alone),
        cmocka_unit_test(utf8_is_repaired),
        cmocka_unit_test(progress_fits_its_terminal),
        cmocka_unit_test(json_is_whole_and_in_order),
    };

    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
