/* SPDX-License-Identifier: MIT */
/*
 * What Explorer's menu runs:
 *
 *   platterw mount [--read-only] IMAGE     makes drives of it, asking for its password where it has one, and opens the first
 *   platterw eject X:\                     takes a drive away
 *   platterw                               asks for an image, then as `mount`
 *
 * platter.exe beside this program does it; this one has no console and shows what went wrong in a window.
 */
#include "password.h"
#include "run_platter.h"
#include "show.h"

#include "../mount/command_line_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_UNITS 32768u
#define WAIT_MS 300000u /* longer than any command of platter's waits */
#define USAGE 2         /* exit statuses, docs/cli.md */
#define PASSWORD 15u
#define ATTEMPTS 3u /* to say the password */

/* platter.exe beside this program; to be freed. */
static wchar_t *beside(void)
{
    static const wchar_t name[] = L"platter.exe";
    wchar_t *own = platter_own_program(), *slash = own ? wcsrchr(own, L'\\') : NULL;
    wchar_t *path = slash ? malloc(((size_t)(slash - own) + 1) * sizeof(*path) + sizeof(name)) : NULL;

    if (path) {
        *slash = L'\0';
        wcscat(wcscat(wcscpy(path, own), L"\\"), name);
    }
    free(own);
    return path;
}

/* Runs it with the words of `line` and this input, if any; out of memory looks like a program that cannot be run. */
static void run(struct platter_command_line *line, const char *input, struct platter_run *result)
{
    wchar_t *program = beside();

    if (program && !line->failed) {
        platter_run(program, line->text, input, WAIT_MS, result);
    } else {
        memset(result, 0, sizeof(*result));
        result->status = PLATTER_RUN_NONE;
        result->os_error = ERROR_NOT_ENOUGH_MEMORY;
    }
    platter_command_line_free(line);
    free(program);
}

static void show_failure(const wchar_t *title, const struct platter_run *result)
{
    char text[2048];

    if (result->status == PLATTER_RUN_NONE)
        (void)snprintf(text, sizeof(text), "platter.exe could not be run, or did not end (error %lu).",
                       result->os_error);
    else
        (void)snprintf(text, sizeof(text), "%s.", result->errors);
    platter_show_error(title, text);
}

/* `password`: goes through a pipe, not into the command line that others can read; NULL: none. */
static void run_mount(const wchar_t *image, bool read_only, const char *password, struct platter_run *result)
{
    struct platter_command_line line = {0};

    platter_command_line_add(&line, L"mount");
    if (read_only)
        platter_command_line_add(&line, L"--read-only");
    if (password) {
        platter_command_line_add(&line, L"--password-file");
        platter_command_line_add(&line, L"-");
    }
    platter_command_line_add(&line, image);
    run(&line, password, result);
}

/* Asks until it is the right one, a few times. False: the user does not want to. */
static bool mount_encrypted(const wchar_t *image, bool read_only, struct platter_run *result)
{
    char password[PASSWORD_SIZE];
    bool wanted = true;

    for (unsigned left = ATTEMPTS; left > 0 && result->status == PASSWORD; left--) {
        wanted = platter_ask_password(image, left, left < ATTEMPTS, password);
        if (!wanted)
            break;
        platter_run_free(result);
        run_mount(image, read_only, password, result);
        SecureZeroMemory(password, sizeof(password));
    }
    return wanted;
}

static int mount(const wchar_t *image, bool read_only)
{
    struct platter_run result;
    const char *letter;
    int status;

    run_mount(image, read_only, NULL, &result);
    if (!mount_encrypted(image, read_only, &result)) {
        platter_run_free(&result);
        return 0;
    }
    status = (int)result.status;
    letter = json_string_value(json_object_get(json_array_get(json_object_get(result.json, "volumes"), 0), "letter"));
    if (result.status != 0)
        show_failure(L"Platter: the image was not mounted", &result);
    else if (letter)
        platter_show_drive(letter);
    else
        platter_show_error(L"Platter", "The image is mounted, and Windows had no free drive letter for it.");
    platter_run_free(&result);
    return status;
}

static int eject(const wchar_t *drive)
{
    struct platter_command_line line = {0};
    wchar_t letter[] = L"?:";
    struct platter_run result;
    int status;

    /* Explorer's "%1" is "X:\", whose last backslash takes the quote with it: the letter is all that counts. */
    if (!drive[0] || drive[1] != L':')
        return USAGE;
    letter[0] = drive[0];
    platter_command_line_add(&line, L"unmount");
    platter_command_line_add(&line, letter);
    run(&line, NULL, &result);
    status = (int)result.status;
    if (result.status != 0)
        show_failure(L"Platter: the drive was not ejected", &result);
    platter_run_free(&result);
    return status;
}

static int choose(void)
{
    wchar_t *path = malloc(PATH_UNITS * sizeof(*path));
    int status = path && platter_show_choose(path, PATH_UNITS) ? mount(path, false) : 0;

    free(path);
    return status;
}

int wmain(int count, wchar_t **arguments); /* no header of mingw-w64 declares it */

int wmain(int count, wchar_t **arguments)
{
    bool read_only = false;
    int at = 1;

    if (at + 1 < count && wcscmp(arguments[at], L"--tell") == 0) {
        platter_show_file = arguments[at + 1];
        at += 2;
    }
    if (at == count)
        return choose();
    if (wcscmp(arguments[at], L"mount") == 0) {
        if (at + 1 < count && wcscmp(arguments[at + 1], L"--read-only") == 0) {
            read_only = true;
            at++;
        }
        if (at + 2 == count)
            return mount(arguments[at + 1], read_only);
    } else if (wcscmp(arguments[at], L"eject") == 0 && at + 2 == count) {
        return eject(arguments[at + 1]);
    }
    platter_show_error(L"Platter", "platterw mount [--read-only] IMAGE\nplatterw eject X:\nplatterw");
    return USAGE;
}
