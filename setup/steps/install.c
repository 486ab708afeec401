/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include "certificate.h"
#include "driver.h"
#include "entries.h"
#include "environment.h"
#include "files.h"
#include "journal.h"
#include "mounts.h"
#include "program.h"
#include "signature.h"

#include <windows.h>
#include <string.h>

/*
 * What there was is noted first and so comes back last, when its files are at their places again. What is damaged could not
 * be brought back, and is only stopped, by the new program.
 */
static enum steps_exit note_before(struct steps *steps)
{
    const wchar_t *before = steps->installed.dir;
    enum steps_exit exit = STEPS_DONE;
    wchar_t unpacked[STEPS_PATH];

    (void)_snwprintf(unpacked, STEPS_PATH, L"%ls\\%ls", steps->options.dir, JOURNAL_NEW);
    unpacked[STEPS_PATH - 1] = L'\0';
    if (!program_runs(steps, before))
        return service_installed() ? service_stop(steps, unpacked) : STEPS_DONE;
    if (driver_installed(steps, before))
        exit = journal_note(steps, L"driver+", before, NULL);
    if (exit == STEPS_DONE && service_installed() && service_there(before)) {
        exit = journal_note(steps, L"service+", before, NULL);
        if (exit == STEPS_DONE)
            exit = service_stop(steps, before);
    }
    return exit;
}

static enum steps_exit certificate(struct steps *steps)
{
    return steps->options.test_certificate ? certificate_add(steps) : STEPS_DONE;
}

static enum steps_exit driver(struct steps *steps)
{
    enum steps_exit exit = journal_note(steps, L"driver-", steps->options.dir, NULL);

    return exit == STEPS_DONE ? driver_install(steps, steps->options.dir) : exit;
}

static enum steps_exit service(struct steps *steps)
{
    const wchar_t *dir = steps->options.dir;
    enum steps_exit exit;

    if (!service_there(dir))
        return STEPS_DONE;
    if (!(steps->options.components & STEPS_SERVICE))
        return service_remove(steps, dir);
    exit = journal_note(steps, L"service-", dir, NULL);
    return exit == STEPS_DONE ? service_install(steps, dir) : exit;
}

/* All that an earlier version wrote goes, so that what is there afterwards is this version's and what was chosen. */
static enum steps_exit associations(struct steps *steps)
{
    enum steps_exit exit = associations_remove(steps);

    if (exit == STEPS_DONE && (steps->options.components & STEPS_EXPLORER))
        exit = associations_write(steps, steps->options.dir);
    return exit;
}

static enum steps_exit events(struct steps *steps)
{
    enum steps_exit exit = event_source_remove(steps);

    return exit == STEPS_DONE ? event_source_write(steps, steps->options.dir) : exit;
}

static enum steps_exit menu(struct steps *steps)
{
    enum steps_exit exit = shortcuts_remove(steps);

    if (exit == STEPS_DONE && (steps->options.components & STEPS_START_MENU))
        exit = shortcuts_write(steps, steps->options.dir);
    return exit;
}

static enum steps_exit path(struct steps *steps)
{
    const wchar_t *before = steps->installed.dir, *dir = steps->options.dir;
    bool wanted = steps->options.components & STEPS_IN_PATH;
    enum steps_exit exit = STEPS_DONE;

    if (before[0] && (!wanted || _wcsicmp(before, dir) != 0))
        exit = environment_path_remove(steps, before);
    return exit == STEPS_DONE && wanted ? environment_path_add(steps, dir) : exit;
}

static const struct {
    const wchar_t *name;
    const char *what;
    enum steps_exit (*run)(struct steps *steps);
} order[] = {
    {L"files", "checking what was unpacked", files_check},
    {L"certificate", "certificates", certificate},
    /* Before anything that runs is stopped. */
    {L"signature", "checking the driver's signature", signature_check},
    /* Its drives go with the service and come back with it; unmounted, they would be forgotten. */
    {L"stop", "stopping what is installed", note_before},
    {L"mounts", "unmounting drives", mounts_unmount},
    {L"exchange", "exchanging files", files_exchange},
    {L"driver", "installing the driver", driver},
    {L"service", "installing the service", service},
    {L"events", "event source", events},
    {L"associations", "file types and menus", associations},
    {L"path", "PATH", path},
    {L"menu", "Start menu", menu},
    {L"entry", "list of programs", program_entry_write},
};

enum steps_exit steps_install(struct steps *steps)
{
    enum steps_exit exit = journal_begin(steps);

    if (exit != STEPS_DONE)
        return exit;
    for (size_t i = 0; exit == STEPS_DONE && i < sizeof(order) / sizeof(order[0]); i++) {
        steps_say(steps, "%s", order[i].what);
        exit = order[i].run(steps);
        if (exit == STEPS_DONE)
            exit = steps_point(steps, order[i].name);
    }
    if (exit == STEPS_DONE)
        exit = journal_commit(steps);
    if (exit != STEPS_DONE) {
        steps_say(steps, "undoing");
        if (journal_undo(steps) != STEPS_DONE)
            exit = STEPS_INTERRUPTED;
    }
    environment_tell();
    associations_tell();
    if (exit != STEPS_DONE)
        return exit;
    steps_say(steps, "Platter %ls is installed in %ls", steps->options.version, steps->options.dir);
    return steps->restart ? STEPS_RESTART : STEPS_DONE;
}
