/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include "program.h"

#include <windows.h>
#include <string.h>

#define AGAIN_MS 1000u
#define NAMED_MOST 8u /* drives named in a message */

/* "X: (C:\disk.vhd), Y:" of the drives there are; returns how many. */
static size_t name_drives(const json_t *volumes, char *text, size_t size)
{
    size_t count = json_array_size(volumes), used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count && i < NAMED_MOST && used < size; i++) {
        const json_t *volume = json_array_get(volumes, i);
        const char *letter = json_string_value(json_object_get(volume, "letter"));
        const char *image = json_string_value(json_object_get(volume, "image"));

        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s%s", i ? ", " : "", letter ? letter : "a drive",
                                 image ? " (" : "", image ? image : "", image ? ")" : "");
    }
    if (count > NAMED_MOST && used < size)
        (void)snprintf(text + used, size - used, " and %u more", (unsigned)(count - NAMED_MOST));
    return count;
}

enum steps_exit mounts_look(struct steps *steps)
{
    struct platter_run list;
    enum steps_exit exit = STEPS_DONE;
    char drives[1024];
    size_t count;

    /* A damaged one is not asked: the driver itself refuses to be replaced under drives. */
    if (!program_runs(steps, steps->installed.dir))
        return STEPS_DONE;
    program_platter(steps, steps->installed.dir, L"list", &list);
    count = name_drives(json_object_get(list.json, "volumes"), drives, sizeof(drives));
    if (list.status == 0 && count > 0)
        exit = steps_fail(steps, STEPS_WOULD_ASK, 0,
                          count == 1 ? "This drive of Platter's is mounted: %s"
                                     : "These drives of Platter's are mounted: %s",
                          drives);
    platter_run_free(&list);
    return exit;
}

enum steps_exit mounts_unmount(struct steps *steps)
{
    ULONGLONG until = GetTickCount64() + steps->options.wait_seconds * 1000ull;
    bool said = false;

    while (mounts_look(steps) != STEPS_DONE) {
        struct platter_run unmount;
        enum steps_exit exit = STEPS_DONE;

        program_platter(steps, steps->installed.dir, steps->options.force ? L"unmount --all --force" : L"unmount --all",
                        &unmount);
        if (unmount.status != 0 && GetTickCount64() >= until) {
            exit = steps_fail(steps, STEPS_BUSY, 0, "Drives are in use. %s", unmount.errors);
        } else if (unmount.status != 0) {
            if (!said)
                steps_say(steps, "waiting up to %u seconds for the drives in use", steps->options.wait_seconds);
            said = true;
            Sleep(AGAIN_MS);
        }
        platter_run_free(&unmount);
        if (exit != STEPS_DONE)
            return exit;
    }
    steps->message[0] = '\0';
    return STEPS_DONE;
}
