/* SPDX-License-Identifier: MIT */
/* What goes into an event of the Application log, and who is named there: strings of images and of strangers. */
#include "../../mount/choose.h"
#include "../../mount/event.h"
#include "../../mount/sid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define UNKNOWN "\xef\xbf\xbd"
#define PERCENT "\xef\xbc\x85"

static void texts_are_made_fit(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"C: was mounted", "C: was mounted"},
        {"", ""},
        {"one\ntwo\r\nthree\tfour\x1b[31m\x7f",
         "one" UNKNOWN "two" UNKNOWN UNKNOWN "three" UNKNOWN "four" UNKNOWN "[31m" UNKNOWN},
        {"\xc2\x85 and \xc2\xa0", UNKNOWN " and \xc2\xa0"},                /* C1; a no-break space is none */
        {"\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6", UNKNOWN UNKNOWN UNKNOWN}, /* line separator, override, isolate */
        {"100% %1 %%4097 %!s! %s 5%", "100% " PERCENT "1 " PERCENT PERCENT "4097 " PERCENT "!s! %s 5%"},
        {"bad \xff\xc3 utf", "bad " UNKNOWN UNKNOWN " utf"},
        {"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x92\xbe", "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x92\xbe"},
    };
    char buffer[PLATTER_EVENT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(platter_event_text(cases[i].in, buffer), cases[i].out);
    assert_string_equal(platter_event_text(NULL, buffer), "");
}

/* Of any length, with characters of each size at the edge: terminated, whole characters, and told when it was cut. */
static void long_texts_are_cut(void **state)
{
    static const char *const letters[] = {"a", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x92\xbe", "\n", "%1"};

    (void)state;
    for (size_t letter = 0; letter < sizeof(letters) / sizeof(letters[0]); letter++)
        for (size_t count = 80; count < 600; count++) {
            size_t size = strlen(letters[letter]);
            char *text = malloc(count * size + 1), *buffer = malloc(PLATTER_EVENT_TEXT), *again;
            size_t length, made;
            for (size_t i = 0; i < count; i++)
                memcpy(text + i * size, letters[letter], size);
            text[count * size] = '\0';
            platter_event_text(text, buffer);
            length = strlen(buffer);
            assert_true(length < PLATTER_EVENT_TEXT);
            again = malloc(PLATTER_EVENT_TEXT);
            assert_string_equal(platter_event_text(buffer, again), buffer); /* so it is valid, and safe */
            made = letters[letter][0] == '\n' ? 3 : letters[letter][0] == '%' ? 4 : size;
            assert_int_equal(strcmp(buffer + length - 3, "...") == 0, count * made >= PLATTER_EVENT_TEXT);
            if (count * made < PLATTER_EVENT_TEXT && made == size)
                assert_string_equal(buffer, text);
            free(text);
            free(buffer);
            free(again);
        }
}

static void an_event_has_the_type_of_its_severity(void **state)
{
    (void)state;
    assert_int_equal(platter_event_type(PLATTER_EVENT_MOUNTED), 4);
    assert_int_equal(platter_event_type(PLATTER_EVENT_REFUSED), 2);
    assert_int_equal(platter_event_type(PLATTER_EVENT_DAMAGED), 1);
}

static void sids_are_written(void **state)
{
    static const uint8_t system[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
    static const uint8_t user[] = {1,    5,    0,    0,    0,    0,    0,    5,    21,   0,    0,    0,    0xff, 0xff,
                                   0xff, 0xff, 0x00, 0x00, 0x00, 0x80, 0x01, 0x02, 0x03, 0x04, 0xe8, 0x03, 0,    0};
    uint8_t longest[68] = {1, 15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    char buffer[PLATTER_SID_TEXT];

    (void)state;
    assert_string_equal(platter_sid_text(system, sizeof(system), buffer), "S-1-5-18");
    assert_string_equal(platter_sid_text(user, sizeof(user), buffer), "S-1-5-21-4294967295-2147483648-67305985-1000");
    memset(longest + 8, 0xff, sizeof(longest) - 8);
    assert_int_equal(strlen(platter_sid_text(longest, sizeof(longest), buffer)), 4 + 15 + 15 * 11);
}

static void what_is_no_sid_is_not(void **state)
{
    uint8_t sid[72] = {1, 1, 0, 0, 0, 0, 0, 5, 18};
    char buffer[PLATTER_SID_TEXT];

    (void)state;
    for (size_t length = 0; length < sizeof(sid); length++)
        assert_int_equal(platter_sid_text(sid, length, buffer)[0] != '\0', length == 12);
    sid[0] = 2;
    assert_string_equal(platter_sid_text(sid, 12, buffer), "");
    sid[0] = 1;
    sid[1] = 16;
    assert_string_equal(platter_sid_text(sid, 72, buffer), "");
}

static void which_file_systems_guard_their_files(void **state)
{
    static const char *const guarded[] = {"ntfs", "refs"};
    static const char *const open[] = {"fat12", "fat16", "fat32", "exfat", "udf", "iso9660", "ext4", "", "ntfs2"};

    (void)state;
    for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++)
        assert_true(platter_filesystem_has_lists(guarded[i]));
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_false(platter_filesystem_has_lists(open[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_made_fit),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(an_event_has_the_type_of_its_severity),
        cmocka_unit_test(sids_are_written),
        cmocka_unit_test(what_is_no_sid_is_not),
        cmocka_unit_test(which_file_systems_guard_their_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
