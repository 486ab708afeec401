/* SPDX-License-Identifier: MIT */
/*
 * Nothing is undone here: each step finds what an interrupted run has left, and the list of programs keeps the entry until
 * the others are done, so that it can be run again.
 */
#include "steps.h"

#include "certificate.h"
#include "driver.h"
#include "entries.h"
#include "environment.h"
#include "files.h"
#include "journal.h"
#include "mounts.h"
#include "program.h"
#include "registry.h"

#include <windows.h>
#include <string.h>

static enum steps_exit stop(struct steps *steps)
{
    return service_installed() ? service_stop(steps, steps->options.dir) : STEPS_DONE;
}

static enum steps_exit service(struct steps *steps)
{
    return service_remove(steps, steps->options.dir);
}

static enum steps_exit driver(struct steps *steps)
{
    return driver_remove(steps, steps->options.dir);
}

static enum steps_exit path(struct steps *steps)
{
    return environment_path_remove(steps, steps->options.dir);
}

static enum steps_exit certificates(struct steps *steps)
{
    certificate_remove_all(steps, steps->installed.certificate);
    return STEPS_DONE;
}

/* A user can make a link of his key, to another user's; who removes what lies behind it would remove that. */
static bool is_link(HKEY above, const wchar_t *name)
{
    HKEY key;
    bool link;

    if (RegOpenKeyExW(above, name, REG_OPTION_OPEN_LINK, KEY_QUERY_VALUE, &key) != ERROR_SUCCESS)
        return false;
    link = RegQueryValueExW(key, L"SymbolicLinkValue", NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
    RegCloseKey(key);
    return link;
}

static bool has_links(const wchar_t *path)
{
    wchar_t name[256];
    DWORD units = 256;
    bool found = is_link(HKEY_USERS, path);
    HKEY key;

    if (found || RegOpenKeyExW(HKEY_USERS, path, 0, KEY_READ, &key) != ERROR_SUCCESS)
        return found;
    for (DWORD i = 0; !found && RegEnumKeyExW(key, i, name, &units, NULL, NULL, NULL, NULL) == ERROR_SUCCESS; i++) {
        found = is_link(key, name);
        units = 256;
    }
    RegCloseKey(key);
    return found;
}

/* Which letters images had, of the users who are logged on. Those of others lie in files that are not open. */
static enum steps_exit users(struct steps *steps)
{
    wchar_t sid[256], key[512];
    DWORD units = 256;

    for (DWORD i = 0; RegEnumKeyExW(HKEY_USERS, i, sid, &units, NULL, NULL, NULL, NULL) == ERROR_SUCCESS; i++) {
        (void)_snwprintf(key, 512, L"%ls\\Software\\Platter", sid);
        if (has_links(key))
            steps_say(steps, "HKU\\%ls is a link, or has one, and stays", key);
        else
            (void)RegDeleteTreeW(HKEY_USERS, key);
        units = 256;
    }
    return STEPS_DONE;
}

static const struct {
    const wchar_t *name;
    const char *what;
    enum steps_exit (*run)(struct steps *steps);
} order[] = {
    {L"stop", "stopping the service", stop},
    {L"mounts", "unmounting drives", mounts_unmount},
    {L"service", "removing the service", service},
    {L"driver", "removing the driver", driver},
    {L"certificate", "certificates", certificates},
    {L"events", "event source", event_source_remove},
    {L"associations", "file types and menus", associations_remove},
    {L"path", "PATH", path},
    {L"menu", "Start menu", shortcuts_remove},
    {L"users", "what was remembered for users", users},
    {L"files", "removing files", files_remove},
    {L"entry", "list of programs", program_entry_remove},
    {L"last", "removing the folder", files_remove_last},
};

enum steps_exit steps_uninstall(struct steps *steps)
{
    enum steps_exit exit = STEPS_DONE;
    /* After a run that was interrupted among the files there is no program any more, and nothing left for it to do. */
    bool program = program_runs(steps, steps->options.dir);

    if (program_there(steps->options.dir) && !program)
        return steps_fail(
            steps, STEPS_FAILED, 0,
            "platter.exe is damaged, and without it driver and service cannot be removed. Run the setup again, "
            "which repairs it, and then uninstall");
    if (!program)
        steps_say(steps, "platter.exe is not there; drives, service and driver are taken for removed");
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(order) / sizeof(order[0]); i++) {
        if (!program && (order[i].run == stop || order[i].run == mounts_unmount || order[i].run == service ||
                         order[i].run == driver))
            continue;
        steps_say(steps, "%s", order[i].what);
        exit = order[i].run(steps);
        if (exit == STEPS_DONE)
            exit = steps_point(steps, order[i].name);
    }
    if (exit == STEPS_BUSY && service_installed()) {
        /* Nothing has been removed yet. */
        steps->undoing = true;
        (void)service_install(steps, steps->options.dir);
        steps->undoing = false;
    }
    environment_tell();
    associations_tell();
    if (exit != STEPS_DONE)
        return exit;
    steps_say(steps, "Platter is removed%s", steps->restart ? "; restart Windows to finish" : "");
    return steps->restart ? STEPS_RESTART : STEPS_DONE;
}
