/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#define DIR_MOST 120u /* units; what is in it is at most 60 longer, and programs without long paths are to reach it */

static const struct {
    unsigned bit;
    const wchar_t *name;
} components[] = {{STEPS_SERVICE, L"service"},
                  {STEPS_IN_PATH, L"path"},
                  {STEPS_EXPLORER, L"explorer"},
                  {STEPS_START_MENU, L"startmenu"}};

bool steps_components_read(const wchar_t *text, unsigned *chosen)
{
    *chosen = 0;
    while (*text) {
        size_t length = wcscspn(text, L","), i;

        for (i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
            if (wcslen(components[i].name) == length && _wcsnicmp(components[i].name, text, length) == 0)
                break;
        }
        if (i == sizeof(components) / sizeof(components[0]) && length > 0)
            return false;
        if (length > 0)
            *chosen |= components[i].bit;
        text += length + (text[length] == L',');
    }
    return true;
}

void steps_components_write(unsigned chosen, wchar_t *text, size_t units)
{
    text[0] = L'\0';
    for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
        if (!(chosen & components[i].bit) || wcslen(text) + wcslen(components[i].name) + 2 > units)
            continue;
        if (text[0])
            wcscat(text, L",");
        wcscat(text, components[i].name);
    }
}

/* The value of "--name=value" when `argument` is that option. */
static const wchar_t *value_of(const wchar_t *argument, const wchar_t *name)
{
    size_t length = wcslen(name);

    return wcsncmp(argument, name, length) == 0 && argument[length] == L'=' ? argument + length + 1 : NULL;
}

static bool read_path(const wchar_t *value, wchar_t *path)
{
    DWORD length = GetFullPathNameW(value, STEPS_PATH, path, NULL);

    return length > 0 && length < STEPS_PATH;
}

static bool read_one(struct steps_options *options, const wchar_t *argument)
{
    const wchar_t *value;

    if ((value = value_of(argument, L"--dir")) != NULL)
        return read_path(value, options->dir);
    if ((value = value_of(argument, L"--log")) != NULL)
        return !value[0] || read_path(value, options->log);
    if ((value = value_of(argument, L"--message")) != NULL)
        return read_path(value, options->message);
    if ((value = value_of(argument, L"--files")) != NULL)
        return read_path(value, options->files);
    if ((value = value_of(argument, L"--components")) != NULL)
        return steps_components_read(value, &options->components);
    if ((value = value_of(argument, L"--wait")) != NULL) {
        wchar_t *end = NULL;
        unsigned long seconds = wcstoul(value, &end, 10);

        options->wait_seconds = (unsigned)seconds;
        return value[0] >= L'0' && value[0] <= L'9' && !*end && seconds <= 86400;
    }
    if ((value = value_of(argument, L"--version")) != NULL) {
        options->version = value;
        return true;
    }
    if ((value = value_of(argument, L"--fail-at")) != NULL)
        options->fail_at = value[0] ? value : NULL;
    else if ((value = value_of(argument, L"--die-at")) != NULL)
        options->die_at = value[0] ? value : NULL;
    else if (wcscmp(argument, L"--test-certificate") == 0)
        options->test_certificate = true;
    else if (wcscmp(argument, L"--release") == 0)
        options->release = true;
    else if (wcscmp(argument, L"--force") == 0)
        options->force = true;
    else
        return false;
    return true;
}

/* Where a service of the system's may lie: a fixed drive, a path that PATH and old programs can hold. */
static enum steps_exit check_dir(struct steps *steps)
{
    wchar_t *dir = steps->options.dir, root[4] = L"?:\\";
    size_t length = wcslen(dir);

    if (length > 3 && dir[length - 1] == L'\\')
        dir[--length] = L'\0';
    if (length > DIR_MOST)
        return steps_fail(steps, STEPS_USAGE, 0, "%ls: the path of this folder is longer than %u characters", dir,
                          DIR_MOST);
    root[0] = dir[0];
    if (dir[1] != L':' || length <= 3 || GetDriveTypeW(root) != DRIVE_FIXED)
        return steps_fail(
            steps, STEPS_USAGE, 0,
            "%ls: Platter can be installed into a folder of a fixed local drive only, since Windows wants "
            "it before network and removable drives are there",
            dir);
    if (wcschr(dir, L';'))
        return steps_fail(steps, STEPS_USAGE, 0, "%ls: the name of this folder has a ';', which PATH cannot hold", dir);
    return STEPS_DONE;
}

enum steps_exit steps_options_read(struct steps *steps, int count, wchar_t **arguments)
{
    struct steps_options *options = &steps->options;

    options->version = L"";
    options->command = count > 1 ? arguments[1] : L"?";
    options->components = STEPS_ALL;
    options->wait_seconds = 60;
    for (int i = 2; i < count; i++) {
        if (!read_one(options, arguments[i]))
            return steps_fail(steps, STEPS_USAGE, 0, "'%ls' makes no sense", arguments[i]);
    }
    if (!options->dir[0])
        return steps_fail(steps, STEPS_USAGE, 0, "no folder to install into");
    return check_dir(steps);
}
