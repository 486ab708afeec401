/* SPDX-License-Identifier: MIT */
#include "entries.h"

#include "driver.h"
#include "files.h"
#include "registry.h"

#include <windows.h>

#define EVENT_KEY L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\Platter"
#define OWN_KEY L"SOFTWARE\\Platter"
#define PROGRAM_KEY L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Platter"

enum steps_exit event_source_write(struct steps *steps, const wchar_t *dir)
{
    wchar_t file[STEPS_PATH];
    enum steps_exit exit;

    if (!service_there(dir))
        return STEPS_DONE;
    (void)_snwprintf(file, STEPS_PATH, L"%ls\\platterd.exe", dir);
    file[STEPS_PATH - 1] = L'\0';
    /* As `platter service install` writes it, which does it for who has no setup. */
    exit = registry_expanded(steps, EVENT_KEY, L"EventMessageFile", file);
    return exit == STEPS_DONE ? registry_number(steps, EVENT_KEY, L"TypesSupported",
                                                EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE)
                              : exit;
}

enum steps_exit event_source_remove(struct steps *steps)
{
    return registry_remove_tree(steps, EVENT_KEY);
}

struct text_value {
    const wchar_t *key, *name, *text;
};

enum steps_exit program_entry_write(struct steps *steps)
{
    const wchar_t *dir = steps->options.dir, *version = steps->options.version;
    wchar_t components[64], icon[STEPS_PATH], uninstall[STEPS_PATH], quiet[STEPS_PATH + 4], date[16];
    enum steps_exit exit = STEPS_DONE;
    SYSTEMTIME now;

    GetLocalTime(&now);
    steps_components_write(steps->options.components, components, 64);
    (void)_snwprintf(icon, STEPS_PATH, L"%ls\\platterw.exe,0", dir);
    (void)_snwprintf(uninstall, STEPS_PATH, L"\"%ls\\uninstall.exe\"", dir);
    (void)_snwprintf(quiet, STEPS_PATH + 4, L"%ls /S", uninstall);
    (void)_snwprintf(date, 16, L"%04u%02u%02u", now.wYear, now.wMonth, now.wDay);
    {
        const struct text_value values[] = {
            {OWN_KEY, L"InstallDir", dir},
            {OWN_KEY, L"Version", version},
            {OWN_KEY, L"Components", components},
            {OWN_KEY, L"TestCertificate", steps->installed.certificate},
            {PROGRAM_KEY, L"DisplayName", L"Platter"},
            {PROGRAM_KEY, L"DisplayVersion", version},
            {PROGRAM_KEY, L"Publisher", L"Platter project"},
            {PROGRAM_KEY, L"DisplayIcon", icon},
            {PROGRAM_KEY, L"InstallLocation", dir},
            {PROGRAM_KEY, L"InstallDate", date},
            {PROGRAM_KEY, L"UninstallString", uninstall},
            {PROGRAM_KEY, L"QuietUninstallString", quiet},
        };

        for (size_t i = 0; exit == STEPS_DONE && i < sizeof(values) / sizeof(values[0]); i++)
            exit = registry_text(steps, values[i].key, values[i].name, values[i].text);
    }
    if (exit == STEPS_DONE)
        exit = registry_number(steps, PROGRAM_KEY, L"EstimatedSize", files_size(dir));
    if (exit == STEPS_DONE)
        exit = registry_number(steps, PROGRAM_KEY, L"NoModify", 1);
    return exit == STEPS_DONE ? registry_number(steps, PROGRAM_KEY, L"NoRepair", 1) : exit;
}

enum steps_exit program_entry_remove(struct steps *steps)
{
    enum steps_exit exit = registry_remove_tree(steps, OWN_KEY);

    return exit == STEPS_DONE ? registry_remove_tree(steps, PROGRAM_KEY) : exit;
}
