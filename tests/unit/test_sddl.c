/* SPDX-License-Identifier: MIT */
/*
 * The security descriptor compiler of the driver against bytes written out by hand after [MS-DTYP] 2.4.6
 * (descriptor), 2.4.5 (ACL), 2.4.4 (ACEs) and 2.4.2 (SID).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../driver/sddl.h"
#include "sddl_cases.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Helpers ----------------------------------------------------------------------------------------------------- */

/* A copy of exactly that many UTF-16 units, so that the sanitizer sees a read behind them. */
static uint16_t *widen(const char *string, size_t *chars)
{
    uint16_t *wide;

    *chars = strlen(string);
    wide = malloc(*chars * sizeof(*wide) + (*chars == 0));
    assert_non_null(wide);
    for (size_t i = 0; i < *chars; i++)
        wide[i] = (uint16_t)(unsigned char)string[i];
    return wide;
}

static SDDL_RESULT compile(const char *string, uint8_t *bytes, size_t *length)
{
    size_t chars;
    uint16_t *wide = widen(string, &chars);
    SDDL_RESULT result = SddlCompile(wide, chars, bytes, length);

    free(wide);
    return result;
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = strlen(hex) / 2;

    assert_true(strlen(hex) % 2 == 0 && count <= room);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) * 16 + (strchr(digits, hex[2 * i + 1]) - digits));
    return count;
}

static void expect_bytes(const char *string, const char *hex)
{
    uint8_t want[512];
    size_t want_length = from_hex(hex, want, sizeof(want));
    uint8_t *got = malloc(want_length); /* exactly as much as is needed */
    size_t length = want_length;

    assert_non_null(got);
    print_message("# %s\n", string);
    assert_int_equal(compile(string, got, &length), SDDL_OK);
    assert_int_equal(length, want_length);
    assert_memory_equal(got, want, want_length);
    assert_true(SddlDescriptorIsValid(got, length));
    free(got);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static void whole_strings_give_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wholes); i++)
        expect_bytes(wholes[i].string, wholes[i].bytes);
}

static void every_right_gives_its_mask(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rights); i++) {
        char string[80] = "D:(A;;";
        char hex[256] = HEAD("0480", NONE, NONE, NONE, "14000000") ACL("1c00", "0100") "00001400";

        strcat(strcat(string, rights[i].string), ";;;SY)");
        strcat(strcat(hex, rights[i].bytes), SID_SY);
        expect_bytes(string, hex);
    }
}

static void every_name_gives_its_sid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sids); i++) {
        char string[80] = "O:";
        char hex[256] = HEAD("0080", "14000000", NONE, NONE, NONE);

        strcat(string, sids[i].string);
        strcat(hex, sids[i].bytes);
        expect_bytes(string, hex);
    }
}

static void malformed_strings_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        uint8_t bytes[512];
        size_t length = sizeof(bytes);

        print_message("# '%s'\n", bads[i].string);
        assert_int_equal(compile(bads[i].string, bytes, &length), bads[i].result);
    }
}

static void nul_and_wide_characters_are_refused(void **state)
{
    static const uint16_t strings[][4] = {{'D', ':', 0, 0}, {'D', 0x3a3a, 'P', 0}, {0x0144, ':', 0, 0}};
    uint8_t bytes[64];

    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        size_t length = sizeof(bytes);

        assert_int_not_equal(SddlCompile(strings[i], 3, bytes, &length), SDDL_OK);
    }
}

static void a_buffer_that_is_too_small_is_never_overrun(void **state)
{
    const struct good *largest = &wholes[18];
    uint8_t want[512];
    size_t need = from_hex(largest->bytes, want, sizeof(want));

    (void)state;
    for (size_t room = 0; room < need; room++) {
        uint8_t *bytes = malloc(room + (room == 0));
        size_t length = room;

        assert_non_null(bytes);
        assert_int_equal(compile(largest->string, bytes, &length), SDDL_TOO_LONG);
        free(bytes);
    }
}

static void a_string_that_is_too_long_is_refused(void **state)
{
    size_t chars = SDDL_CHARS_MAX + 1;
    uint16_t *wide = malloc(chars * sizeof(*wide));
    uint8_t *bytes = malloc(SDDL_DESCRIPTOR_BYTES_MAX);
    size_t length = SDDL_DESCRIPTOR_BYTES_MAX;

    (void)state;
    assert_non_null(wide);
    assert_non_null(bytes);
    for (size_t i = 0; i < chars; i++)
        wide[i] = i == 0 ? 'D' : i == 1 ? ':' : 'P';
    assert_int_equal(SddlCompile(wide, chars, bytes, &length), SDDL_TOO_LONG);
    length = SDDL_DESCRIPTOR_BYTES_MAX;
    assert_int_equal(SddlCompile(wide, chars - 1, bytes, &length), SDDL_OK);
    free(bytes);
    free(wide);
}

/* Cut anywhere, a good string is refused, except where the cut leaves another good one. */
static void every_cut_is_refused_or_whole(void **state)
{
    const char *string = "O:SYG:BAD:P(A;;GA;;;SY)S:(ML;;NW;;;LW)";
    static const size_t whole[] = {4, 8, 10, 11, 23, 25, 38};
    char cut[80];

    (void)state;
    for (size_t i = 0, next = 0; i <= strlen(string); i++) {
        uint8_t bytes[512];
        size_t length = sizeof(bytes);
        int good = next < COUNT(whole) && whole[next] == i;

        memcpy(cut, string, i);
        cut[i] = 0;
        assert_int_equal(compile(cut, bytes, &length) == SDDL_OK, good);
        next += (size_t)good;
    }
}

/* One character changed: whatever still compiles is a well-formed descriptor. */
static void changed_strings_stay_well_formed(void **state)
{
    static const char alphabet[] = "ADGMOPSW;:()0x1-7, \x01";
    unsigned long seed = 1;

    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        char string[160];
        uint8_t bytes[512];
        size_t length = sizeof(bytes);
        const char *from = wholes[round % COUNT(wholes)].string;

        if (strlen(from) == 0 || strlen(from) >= sizeof(string))
            continue;
        strcpy(string, from);
        for (int changes = 0; changes < 2; changes++) {
            seed = (seed * 1103515245 + 12345) & 0x7fffffff;
            string[(seed >> 8) % strlen(from)] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        if (compile(string, bytes, &length) == SDDL_OK)
            assert_true(SddlDescriptorIsValid(bytes, length));
    }
}

static void a_damaged_descriptor_is_not_valid(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        int valid;
    } changes[] = {
        {0, 2, 0},     {3, 0x10, 0},  {4, 0x13, 0}, {4, 0x15, 0},  {4, 0xff, 0}, {5, 0xff, 0}, {7, 0xff, 0},
        {16, 0x2d, 0}, {16, 0x4a, 0}, {0x14, 2, 0}, {0x15, 16, 0}, {0x30, 1, 0}, {0x30, 5, 0}, {0x32, 7, 0},
        {0x33, 1, 0},  {0x34, 2, 0},  {0x3a, 4, 0}, {0x3a, 21, 0}, {0x3b, 1, 0}, {0x41, 2, 0}, {0x40, 0, 0},
        {0x38, 5, 1},  {0x39, 1, 1},  {0x3c, 1, 1}, {0x48, 1, 1},
    };
    uint8_t good[512];
    size_t length = from_hex(wholes[32].bytes, good, sizeof(good));

    (void)state;
    assert_true(SddlDescriptorIsValid(good, length));
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut + (cut == 0));

        assert_non_null(copy);
        memcpy(copy, good, cut);
        assert_false(SddlDescriptorIsValid(copy, cut));
        free(copy);
    }
    for (size_t i = 0; i < COUNT(changes); i++) {
        uint8_t *copy = malloc(length);

        assert_non_null(copy);
        memcpy(copy, good, length);
        copy[changes[i].at] = changes[i].value;
        print_message("# byte %zu becomes %u\n", changes[i].at, changes[i].value);
        assert_int_equal(SddlDescriptorIsValid(copy, length) != 0, changes[i].valid);
        free(copy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_strings_give_their_bytes),
        cmocka_unit_test(every_right_gives_its_mask),
        cmocka_unit_test(every_name_gives_its_sid),
        cmocka_unit_test(malformed_strings_are_refused),
        cmocka_unit_test(nul_and_wide_characters_are_refused),
        cmocka_unit_test(a_buffer_that_is_too_small_is_never_overrun),
        cmocka_unit_test(a_string_that_is_too_long_is_refused),
        cmocka_unit_test(every_cut_is_refused_or_whole),
        cmocka_unit_test(changed_strings_stay_well_formed),
        cmocka_unit_test(a_damaged_descriptor_is_not_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
