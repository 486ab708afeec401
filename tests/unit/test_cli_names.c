/* SPDX-License-Identifier: MIT */
/* Names of drives, mount points, holders, remembered ids: the parts of them that need no Windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../mount/holders.h"
#include "../../cli/names_show.h"
#include "../../mount/points.h"
#include "../../mount/remember.h"

/* ---- Names ----------------------------------------------------------------------------------------------------------- */

static struct platter_names_directory *directory(struct platter_names *names, const char *path, uint64_t luid,
                                                 const char *who)
{
    struct platter_names_directory *made = platter_names_add_directory(names, path, luid == 0, luid);

    assert_non_null(made);
    made->who = who ? strdup(who) : NULL;
    return made;
}

static void fill(struct platter_names *names)
{
    struct platter_names_directory *at;

    memset(names, 0, sizeof(*names));
    /* In no order. */
    at = directory(names, "\\Sessions\\0\\DosDevices\\00000000-00054321", 0x54321, "you");
    at->own = true;
    platter_names_add(names, at, "x:", "SymbolicLink", "\\??\\C:\\src");
    platter_names_add(names, at, "Y:", "SymbolicLink",
                      "\\Device\\Mup\\;LanmanRedirector\\;Y:0000000000054321\\server\\share");
    at = directory(names, "\\Sessions\\0\\DosDevices\\00000000-00001111", 0x1111, NULL);
    at->state = PLATTER_NAMES_DENIED;
    at = directory(names, "\\GLOBAL??", 0, NULL);
    platter_names_add(names, at, "X:", "SymbolicLink", "\\Device\\PlatterVolume7");
    platter_names_add(names, at, "C:", "SymbolicLink", "\\Device\\HarddiskVolume3");
    platter_names_add(names, at, "Q:", "SymbolicLink", "\\Device\\PlatterVolume6");
    platter_names_add_volume(names, 7, "\\Device\\PlatterVolume7", "C:\\images\\disk.vhd");
    names->whole = true;
    platter_names_sort(names);
}

static void names_are_ordered_and_found(void **state)
{
    struct platter_names names;

    (void)state;
    fill(&names);
    assert_true(names.directories[0].global);
    assert_true(names.directories[1].own);
    assert_int_equal(names.directories[2].luid, 0x1111);
    assert_string_equal(names.directories[0].names[0].name, "C:");
    assert_non_null(platter_names_find(&names.directories[1], "X:")); /* in any case */
    assert_null(platter_names_find(&names.directories[1], "C:"));
    assert_int_equal(platter_names_volume_of(&names, "\\device\\plattervolume7")->id, 7);
    assert_null(platter_names_volume_of(&names, "\\Device\\PlatterVolume77"));
    platter_names_free(&names);
}

#define assert_meaning(target, text) assert_string_equal(platter_target_meaning(&names, target, buffer), text)

static void targets_have_meanings(void **state)
{
    struct platter_names names;
    char buffer[PLATTER_MEANING_TEXT], lengthy[2000];

    (void)state;
    fill(&names);
    platter_names_add_volume(&names, 8, "\\Device\\PlatterVolume8", NULL);
    assert_meaning("\\Device\\PlatterVolume7", "Platter volume 7, C:\\images\\disk.vhd");
    assert_meaning("\\Device\\PlatterVolume8", "Platter volume 8, an image of another user");
    assert_meaning("\\Device\\PlatterVolume9", "Platter volume 9, which is not there any more");
    assert_meaning("\\??\\C:\\src\\x", "the folder C:\\src\\x (subst)");
    assert_meaning("\\??\\UNC\\server\\share\\dir", "network drive \\\\server\\share\\dir");
    assert_meaning("\\Device\\LanmanRedirector\\;Z:0000000000012345\\server\\share", "network drive \\\\server\\share");
    assert_meaning("\\Device\\Mup\\;LanmanRedirector\\;Z:0000000000012345\\s\\h", "network drive \\\\s\\h");
    assert_meaning("\\Device\\WebDavRedirector\\;W:0\\host@SSL\\dav", "network drive \\\\host@SSL\\dav");
    assert_meaning("\\Device\\HarddiskVolume12", "volume of a disk");
    assert_meaning("\\Device\\CdRom0", "CD or DVD drive");
    assert_meaning("\\Device\\Whatever", "device of another driver");
    assert_meaning("", "device of another driver");
    assert_meaning("\\Device\\Odd\\;", "device of another driver");
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    memcpy(lengthy, "\\??\\C:\\", 7);
    lengthy[sizeof(lengthy) - 1] = '\0';
    assert_in_range(strlen(platter_target_meaning(&names, lengthy, buffer)), 400, PLATTER_MEANING_TEXT - 1);
    platter_names_free(&names);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void what_hides_what_is_told(void **state)
{
    struct platter_names names;
    json_t *root = json_object(), *letters, *x, *session;

    (void)state;
    fill(&names);
    cli_names_json(root, &names, 0, true);
    letters = json_object_get(root, "letters");
    assert_int_equal(json_array_size(letters), 4); /* C, Q, X, Y */
    x = json_array_get(letters, 2);
    assert_string_equal(text_at(x, "letter"), "X:");
    assert_string_equal(text_at(json_object_get(x, "global"), "target"), "\\Device\\PlatterVolume7");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(x, "global"), "volume")), 7);
    assert_int_equal(json_array_size(json_object_get(x, "sessions")), 1);
    session = json_array_get(json_object_get(x, "sessions"), 0);
    assert_string_equal(text_at(session, "logon_id"), "00000000-00054321");
    assert_string_equal(text_at(session, "who"), "you");
    assert_true(json_is_true(json_object_get(session, "own")));
    assert_true(json_is_true(json_object_get(session, "hides_global")));
    assert_true(json_is_null(json_object_get(session, "volume")));
    /* Y: is of one session only, and hides nothing. */
    x = json_array_get(letters, 3);
    assert_true(json_is_null(json_object_get(x, "global")));
    session = json_array_get(json_object_get(x, "sessions"), 0);
    assert_true(json_is_false(json_object_get(session, "hides_global")));
    assert_int_equal(json_array_size(json_object_get(json_array_get(letters, 0), "sessions")), 0);
    /* What was not seen is there as such. */
    x = json_array_get(json_object_get(root, "directories"), 2);
    assert_string_equal(text_at(x, "state"), "denied");
    assert_string_equal(text_at(x, "needs"), "administrator");
    x = json_array_get(json_object_get(root, "directories"), 0);
    assert_string_equal(text_at(x, "kind"), "global");
    assert_int_equal(json_array_size(json_object_get(x, "names")), 3);
    json_decref(root);

    root = json_object();
    names.elevated = true;
    cli_names_json(root, &names, 'Y', false);
    assert_int_equal(json_array_size(json_object_get(root, "letters")), 1);
    x = json_array_get(json_object_get(root, "directories"), 2);
    assert_string_equal(text_at(x, "needs"), "system");
    assert_null(json_object_get(x, "names"));
    json_decref(root);
    platter_names_free(&names);
}

/* ---- Mount points ------------------------------------------------------------------------------------------------------ */

static const char nt_name[] = "\\??\\Volume{0a1b2c3d-0000-1111-2222-333344445555}";

static size_t put_text(uint8_t *bytes, size_t at, const char *text)
{
    for (; *text; text++, at += 2) {
        bytes[at] = (uint8_t)*text;
        bytes[at + 1] = 0;
    }
    return at;
}

static void put_point(uint8_t *bytes, size_t index, uint32_t at, uint16_t length)
{
    uint8_t *point = bytes + 8 + index * 24;

    memcpy(point, &at, sizeof(at));
    memcpy(point + 4, &length, sizeof(length));
}

static bool is_name(const uint16_t *name)
{
    char text[PLATTER_VOLUME_NAME_CHARS];

    for (size_t i = 0; i < PLATTER_VOLUME_NAME_CHARS; i++)
        text[i] = (char)name[i];
    return strcmp(text, "\\\\?\\Volume{0a1b2c3d-0000-1111-2222-333344445555}\\") == 0;
}

static void volume_names_are_read(void **state)
{
    uint8_t *bytes = calloc(1, 400);
    uint16_t name[PLATTER_VOLUME_NAME_CHARS];
    size_t end;

    (void)state;
    bytes[4] = 2; /* the letter first */
    put_point(bytes, 0, 56, 28);
    end = put_text(bytes, 56, "\\DosDevices\\X:");
    put_point(bytes, 1, (uint32_t)end, 96);
    end = put_text(bytes, end, nt_name);
    assert_true(platter_points_volume_name(bytes, end, name));
    assert_true(is_name(name));
    /* One byte less than it says is not followed; every shorter answer neither. */
    for (size_t length = 0; length < end; length++) {
        uint8_t *cut = malloc(length ? length : 1); /* so that a read behind it is seen */

        memcpy(cut, bytes, length);
        assert_false(platter_points_volume_name(cut, length, name));
        free(cut);
    }
    put_point(bytes, 1, 0xfffffff0u, 96);
    assert_false(platter_points_volume_name(bytes, end, name));
    put_point(bytes, 1, (uint32_t)(end - 96), 95);
    assert_false(platter_points_volume_name(bytes, end, name));
    memset(bytes + 4, 0xff, 4);
    assert_false(platter_points_volume_name(bytes, end, name));
    free(bytes);
}

static void reparse_points_are_read(void **state)
{
    uint8_t bytes[256] = {0x03, 0, 0, 0xa0};
    uint16_t name[PLATTER_VOLUME_NAME_CHARS];
    size_t end = put_text(bytes, 16, nt_name);

    (void)state;
    end = put_text(bytes, end, "\\");
    bytes[10] = 98;
    assert_true(platter_points_reparse_target(bytes, end, name));
    assert_true(is_name(name));
    assert_false(platter_points_reparse_target(bytes, end - 1, name));
    bytes[8] = 1; /* the name would begin a byte later and end behind the buffer */
    assert_false(platter_points_reparse_target(bytes, end, name));
    bytes[8] = 0;
    bytes[0] = 0x0c; /* a symbolic link */
    assert_false(platter_points_reparse_target(bytes, end, name));
    bytes[0] = 0x03;
    put_text(bytes, 16, "\\??\\C:\\a");
    assert_false(platter_points_reparse_target(bytes, end, name)); /* a junction */
}

/* ---- Holders ------------------------------------------------------------------------------------------------------------ */

static void holders_are_told(void **state)
{
    struct platter_holders holders = {0};
    char text[PLATTER_HOLDERS_TEXT];
    json_t *object = json_object();

    (void)state;
    assert_string_equal(platter_holders_text(&holders, text),
                        "cannot find out by whom: no program that you may look at has it open");
    (void)snprintf(holders.unknown, sizeof(holders.unknown), "because");
    assert_string_equal(platter_holders_text(&holders, text), "cannot find out by whom: because");
    platter_holders_add(&holders, 12, "", "");
    platter_holders_add(&holders, 4711, "notepad.exe", "");
    platter_holders_add(&holders, 4711, "other", "\\docs\\a.txt");
    platter_holders_add(&holders, 4711, "other", "\\docs\\b.txt");
    assert_int_equal(holders.count, 2);
    assert_string_equal(platter_holders_text(&holders, text),
                        "a program (process 12) has it open, notepad.exe (process 4711) has \\docs\\a.txt open");
    (void)snprintf(holders.veto, sizeof(holders.veto), "the service x objects");
    assert_non_null(strstr(platter_holders_text(&holders, text), "open; the service x objects"));
    platter_holders_json(object, &holders);
    assert_int_equal(json_array_size(json_object_get(object, "holders")), 2);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(object, "holders"), 0), "name")));
    json_decref(object);
    for (uint32_t i = 0; i < 100; i++)
        platter_holders_add(&holders, 10000 + i, "a program with a name that is not short.exe", "\\and\\a\\file");
    assert_int_equal(holders.count, PLATTER_HOLDERS_MAX);
    assert_true(holders.more);
    assert_in_range(strlen(platter_holders_text(&holders, text)), 100, PLATTER_HOLDERS_TEXT - 1);
    assert_non_null(strstr(text, "and others"));
}

static void every_veto_has_words(void **state)
{
    static const char *const words[] = {
        "does not say why",         "legacy device NAME",        "closed already (NAME)",
        "program NAME objects",     "service NAME objects",      "is open (NAME)",
        "device NAME objects",      "driver NAME objects",       "such a request (NAME)",
        "power for it (NAME)",      "cannot be disabled (NAME)", "old kind does not know removal (NAME)",
        "may not remove it (NAME)", "removed already (NAME)",    "newer Windows (NAME)"};
    char text[256];

    (void)state;
    for (unsigned type = 0; type < sizeof(words) / sizeof(words[0]); type++)
        assert_non_null(strstr(platter_veto_text(type, "NAME", text, sizeof(text)), words[type]));
    assert_non_null(strstr(platter_veto_text(0xffffffffu, "", text, sizeof(text)), "it does not say which"));
    assert_int_equal(strlen(platter_veto_text(3, "a name that is longer than the buffer is", text, 16)), 15);
    /* Nothing in a name is a format. */
    assert_non_null(strstr(platter_veto_text(4, "%s%n", text, sizeof(text)), "%s%n"));
}

/* ---- Remembered ids ------------------------------------------------------------------------------------------------------ */

static void ids_are_of_the_place(void **state)
{
    uint8_t first[16], second[16];
    char lengthy[1500], other[1500];

    (void)state;
    platter_remembered_id("C:\\A.VHD", 1, 1048576, first);
    platter_remembered_id("C:\\A.VHD", 1, 1048576, second);
    assert_memory_equal(first, second, 16);
    assert_int_equal(first[7] >> 4, 5);
    assert_int_equal(first[8] >> 6, 2);
    platter_remembered_id("C:\\A.VHD", 2, 1048576, second);
    assert_memory_not_equal(first, second, 16);
    platter_remembered_id("C:\\A.VHD", 1, 1048576ull << 32, second);
    assert_memory_not_equal(first, second, 16);
    platter_remembered_id("C:\\B.VHD", 1, 1048576, second);
    assert_memory_not_equal(first, second, 16);
    /* Long paths count to their ends, and so does each character of them. */
    memset(lengthy, 'A', sizeof(lengthy));
    lengthy[sizeof(lengthy) - 1] = '\0';
    platter_remembered_id(lengthy, 0, 0, first);
    for (size_t at = 0; at < sizeof(lengthy) - 1; at += 37) {
        memcpy(other, lengthy, sizeof(other));
        other[at] = 'B';
        platter_remembered_id(other, 0, 0, second);
        assert_memory_not_equal(first, second, 16);
    }
    other[0] = '\0';
    platter_remembered_id(other, 0, 0, second);
    assert_memory_not_equal(first, second, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_ordered_and_found), cmocka_unit_test(targets_have_meanings),
        cmocka_unit_test(what_hides_what_is_told),     cmocka_unit_test(volume_names_are_read),
        cmocka_unit_test(reparse_points_are_read),     cmocka_unit_test(holders_are_told),
        cmocka_unit_test(every_veto_has_words),        cmocka_unit_test(ids_are_of_the_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
