/* SPDX-License-Identifier: MIT */
/* PATH as the setup edits it: exactly one folder more, and exactly what was there when it is taken out again. */
#include "../../setup/steps/path_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define OURS L"C:\\Program Files\\Platter"

static void equal(const wchar_t *got, const wchar_t *want)
{
    if (wcscmp(got, want) != 0)
        fail_msg("got '%ls', want '%ls'", got, want);
}

static void comes_and_goes(void **unused)
{
    static const wchar_t *const lists[] = {L"",
                                           L"C:\\Windows",
                                           L"C:\\Windows;",
                                           L"C:\\Windows;C:\\Windows\\System32",
                                           L";;C:\\Windows;;",
                                           L"\"C:\\a;b\";C:\\c",
                                           L"C:\\Program Files\\Platter Two;%SystemRoot%"};

    (void)unused;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        wchar_t *with = path_list_with(lists[i], OURS), *without = with ? path_list_without(with, OURS) : NULL;

        assert_non_null(without);
        assert_false(path_list_has(lists[i], OURS));
        assert_true(path_list_has(with, OURS));
        equal(without, lists[i]);
        free(without);
        free(with);
    }
}

static void spellings(void **unused)
{
    (void)unused;
    assert_true(path_list_has(L"x;c:\\program files\\PLATTER\\;y", OURS));
    assert_true(path_list_has(L"\"C:\\Program Files\\Platter\"", OURS));
    assert_true(path_list_has(L" C:\\Program Files\\Platter ", OURS));
    assert_true(path_list_has(OURS, OURS L"\\"));
    assert_false(path_list_has(L"C:\\Program Files\\Platter\\docs", OURS));
    assert_false(path_list_has(L"C:\\Program Files", OURS));
    assert_false(path_list_has(L"\"a;C:\\Program Files\\Platter\"", OURS));
}

/* Wherever it stands, and however often. */
static void taken_out(void **unused)
{
    static const struct {
        const wchar_t *list, *without;
    } cases[] = {
        {OURS, L""},
        {OURS L";a", L"a"},
        {L"a;" OURS, L"a"},
        {L"a;" OURS L";b", L"a;b"},
        {L"a;" OURS L"\\;b;\"" OURS L"\"", L"a;b"},
        {L"a;b", L"a;b"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        wchar_t *without = path_list_without(cases[i].list, OURS);

        assert_non_null(without);
        equal(without, cases[i].without);
        free(without);
    }
}

/* Longer than an NSIS string, and than what Windows gives to programs: nothing is cut. */
static void long_lists(void **unused)
{
    enum { UNITS = 40000 };
    wchar_t *list = malloc((UNITS + 1) * sizeof(*list)), *with, *without;

    (void)unused;
    assert_non_null(list);
    for (size_t i = 0; i < UNITS; i++)
        list[i] = i % 50 == 49 ? L';' : (wchar_t)(L'a' + i % 26);
    list[UNITS] = L'\0';
    with = path_list_with(list, OURS);
    assert_non_null(with);
    assert_int_equal(wcslen(with), UNITS + wcslen(OURS) + 1);
    without = path_list_without(with, OURS);
    assert_non_null(without);
    equal(without, list);
    free(without);
    free(with);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(comes_and_goes), cmocka_unit_test(spellings),
                                       cmocka_unit_test(taken_out), cmocka_unit_test(long_lists)};

    return cmocka_run_group_tests_name("path_list", tests, NULL, NULL);
}
