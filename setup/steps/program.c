/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <windows.h>

#define WAIT_MS 300000u /* longer than any command of platter waits; one that hangs is ended */

static void path_of(const wchar_t *dir, wchar_t *path)
{
    (void)_snwprintf(path, STEPS_PATH, L"%ls\\platter.exe", dir);
    path[STEPS_PATH - 1] = L'\0';
}

void program_platter(struct steps *steps, const wchar_t *dir, const wchar_t *arguments, struct platter_run *run)
{
    wchar_t path[STEPS_PATH];

    path_of(dir, path);
    platter_run(path, arguments, NULL, WAIT_MS, run);
    if (run->status == PLATTER_RUN_NONE)
        steps_say(steps, "%ls could not be run or did not end (error %lu)", path, run->os_error);
    else
        steps_say(steps, "platter %ls: exit status %lu%s%s", arguments, run->status, run->errors[0] ? ": " : "",
                  run->errors);
}

bool program_there(const wchar_t *dir)
{
    wchar_t path[STEPS_PATH];

    path_of(dir, path);
    return dir[0] && GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

bool program_runs(struct steps *steps, const wchar_t *dir)
{
    struct platter_run run;
    bool runs;

    if (!program_there(dir))
        return false;
    program_platter(steps, dir, L"--version", &run);
    runs = run.status == 0;
    platter_run_free(&run);
    return runs;
}

bool program_says(const struct platter_run *run, const char *member)
{
    return json_is_true(json_object_get(run->json, member));
}
