/* SPDX-License-Identifier: MIT */
/* Which names that stand in images are followed, with the rules of Windows' paths and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../engine/reference.h"

struct example {
    const char *child, *name;
};

static void files_are_followed(void **state)
{
    static const struct example examples[] = {
        {"C:\\vm\\child.vhdx", "parent.vhdx"},
        {"C:\\vm\\child.vhdx", ".\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "..\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "D:\\disks\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "C:parent.vhdx"},
        {"C:\\vm\\child.vhdx", "\\disks\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "/disks/parent.vhdx"},
        {"C:\\vm\\child.vhdx", "\\\\?\\C:\\disks\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "\\??\\C:\\disks\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "\\\\?\\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\\vm\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "a:b"},
        {"C:\\vm\\child.vhdx", "x//y"},
        {"C:\\vm\\child.vhdx", ""},
        {"\\\\nas\\vm\\child.vhdx", "parent.vhdx"},
        {"\\\\nas\\vm\\child.vhdx", "\\\\NAS\\other\\parent.vhdx"},
        {"\\\\nas\\vm\\child.vhdx", "//nas/other/parent.vhdx"},
        {"\\\\nas\\vm\\child.vhdx", "\\\\?\\unc\\nas\\other\\parent.vhdx"},
        {"\\\\?\\UNC\\nas\\vm\\child.vhdx", "\\\\nas\\other\\parent.vhdx"},
        {"nbd://host:10809/a", "nbd://HOST:10809/b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        if (platter_reference_refused(examples[i].child, examples[i].name, true))
            fail_msg("\"%s\" is refused", examples[i].name);
    }
}

static void other_machines_are_not(void **state)
{
    static const struct example examples[] = {
        {"C:\\vm\\child.vhdx", "\\\\evil\\share\\parent.vhdx"},
        {"C:\\vm\\child.vhdx", "//evil/share/parent.vhdx"},
        {"C:\\vm\\child.vhdx", "\\/evil\\share"},
        {"C:\\vm\\child.vhdx", "/\\evil\\share"},
        {"C:\\vm\\child.vhdx", "\\\\\\evil\\share"},
        {"C:\\vm\\child.vhdx", "\\\\"},
        {"C:\\vm\\child.vhdx", "\\\\?\\UNC\\evil\\share\\x"},
        {"C:\\vm\\child.vhdx", "\\\\?\\Unc/evil/share/x"},
        {"C:\\vm\\child.vhdx", "\\\\.\\UNC\\evil\\share\\x"},
        {"C:\\vm\\child.vhdx", "//?/UNC/evil/share/x"},
        {"C:\\vm\\child.vhdx", "\\??\\UNC\\evil\\share\\x"},
        {"C:\\vm\\child.vhdx", "\\\\evil@SSL@443\\DavWWWRoot\\x"},
        {"C:\\vm\\child.vhdx", "http://evil/x"},
        {"C:\\vm\\child.vhdx", "nbd+unix:///?socket=/run/x"},
        {"\\\\nas\\vm\\child.vhdx", "\\\\nas2\\vm\\parent.vhdx"},
        {"\\\\nas\\vm\\child.vhdx", "\\\\na\\vm\\parent.vhdx"},
        {"\\\\nas\\vm\\child.vhdx", "\\\\nas@80\\vm\\parent.vhdx"},
        {"\\\\\\child.vhdx", "\\\\\\parent.vhdx"},
        {"nbd://host:10809/a", "nbd://host:10810/b"},
        {"nbd://host/a", "https://host/a"},
        {"nbd+unix:///a?socket=/run/x", "nbd+unix:///a?socket=/run/y"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const char *why = platter_reference_refused(examples[i].child, examples[i].name, true);

        if (!why)
            fail_msg("\"%s\" is followed", examples[i].name);
        assert_string_equal(why, "is on another machine");
    }
}

static void devices_are_not(void **state)
{
    static const char *const names[] = {
        "\\\\.\\PhysicalDrive0",
        "\\\\?\\PhysicalDrive0",
        "\\\\.\\C:",
        "\\\\?\\GLOBALROOT\\Device\\Mup\\evil\\x",
        "\\\\.\\pipe\\evil",
        "//./pipe/evil",
        "\\\\?\\Volume{",
        "\\\\?\\Volume{26A21BDA}",
        "\\\\?\\Volume{26A21BDA}\\",
        "\\\\?",
        "\\\\.",
        "\\??\\PhysicalDrive0",
        "\\\\?\\Volume\\{x}\\y",
        "\\\\?\\UNCx\\evil\\x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *why = platter_reference_refused("\\\\.\\PhysicalDrive0", names[i], true);

        if (!why)
            fail_msg("\"%s\" is followed", names[i]);
        assert_string_equal(why, "is a device");
    }
}

static void slashes_mean_nothing_where_there_are_no_such_paths(void **state)
{
    (void)state;
    assert_null(platter_reference_refused("/vm/child", "//srv/parent", false));
    assert_null(platter_reference_refused("/vm/child", "\\\\srv\\parent", false));
    assert_null(platter_reference_refused("/vm/child", "\\\\.\\C:", false));
    assert_non_null(platter_reference_refused("/vm/child", "nbd://srv/parent", false));
    assert_null(platter_reference_refused("nbd://srv/child", "nbd://srv/parent", false));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_followed),
        cmocka_unit_test(other_machines_are_not),
        cmocka_unit_test(devices_are_not),
        cmocka_unit_test(slashes_mean_nothing_where_there_are_no_such_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
