/* SPDX-License-Identifier: MIT */
/*
 * Run by setup and uninstall.exe, by nobody else:
 *
 *   check       whether this machine can have this version
 *   recover     puts right what an interrupted run has left, and makes the folder ready to be unpacked into
 *   mounts      whether drives are mounted
 *   install     does it, from what setup has unpacked
 *   uninstall   removes everything
 */
#include "steps.h"

#include "journal.h"
#include "mounts.h"
#include "protect.h"
#include "restart.h"

#include <windows.h>
#include <combaseapi.h>
#include <stdlib.h>
#include <string.h>

#define MUTEX L"Global\\Platter.Setup"

static enum steps_exit recover(struct steps *steps)
{
    enum steps_exit exit = journal_recover(steps);

    if (exit == STEPS_DONE)
        exit = steps_point(steps, L"recover");
    if (exit == STEPS_DONE)
        exit = restart_check(steps);
    if (exit == STEPS_DONE)
        exit = protect_folder(steps);
    if (exit == STEPS_DONE)
        exit = steps_point(steps, L"protect");
    if (exit != STEPS_DONE)
        (void)RemoveDirectoryW(steps->options.dir); /* when it is empty */
    return exit;
}

static const struct {
    const wchar_t *name;
    enum steps_exit (*run)(struct steps *steps);
    bool changes; /* the machine, so there may be one at a time */
} commands[] = {
    {L"check", steps_check, false},    {L"recover", recover, true},           {L"mounts", mounts_look, false},
    {L"install", steps_install, true}, {L"uninstall", steps_uninstall, true},
};

static enum steps_exit run_alone(struct steps *steps, enum steps_exit (*command)(struct steps *steps))
{
    HANDLE mutex = CreateMutexW(NULL, FALSE, MUTEX);
    enum steps_exit exit = steps_check_elevated(steps);
    DWORD waited = mutex ? WaitForSingleObject(mutex, 0) : WAIT_OBJECT_0;

    if (exit == STEPS_DONE && waited == WAIT_TIMEOUT)
        exit = steps_fail(steps, STEPS_RUNNING, 0, "Another setup of Platter's is running");
    else if (exit == STEPS_DONE)
        exit = command(steps);
    if (mutex) {
        if (waited != WAIT_TIMEOUT)
            ReleaseMutex(mutex);
        CloseHandle(mutex);
    }
    return exit;
}

static enum steps_exit run(struct steps *steps)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (wcscmp(commands[i].name, steps->options.command) == 0)
            return commands[i].changes ? run_alone(steps, commands[i].run) : commands[i].run(steps);
    }
    return steps_fail(steps, STEPS_USAGE, 0, "'%ls' is no command of setup's", steps->options.command);
}

int wmain(int count, wchar_t **arguments); /* no header of mingw-w64 declares it */

int wmain(int count, wchar_t **arguments)
{
    struct steps *steps = calloc(1, sizeof(*steps));
    enum steps_exit exit;

    if (!steps)
        return STEPS_FAILED;
    (void)CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
    exit = steps_options_read(steps, count, arguments);
    steps_log_open(steps);
    if (exit == STEPS_DONE) {
        steps_installed_read(&steps->installed);
        exit = run(steps);
    }
    steps_say(steps, "exit status %d", (int)exit);
    steps_write_message(steps);
    steps_log_close(steps);
    CoUninitialize();
    free(steps);
    return (int)exit;
}
