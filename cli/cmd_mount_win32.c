/* SPDX-License-Identifier: MIT */
/* `mount`: reads the options, has the drives made by a process in the background or by this one, and tells the outcome. */
#include "../engine/os/path.h"
#include "commands.h"
#include "console.h"
#include "control_win32.h"
#include "image.h"
#include "mount_win32.h"
#include "session_win32.h"
#include "text.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option cli_mount_options[] = {
    {"letter", "X[,Y...]", "drive letters, in the order of the partitions; the system chooses for those that are left"},
    {"no-letter", NULL, "make the drives without letters"},
    {"folder", "DIR",
     "put the drive into this empty folder of an NTFS drive, and give it no letter; for administrators"},
    {"remember", NULL, "give the image the letter it had when it was mounted with --remember before"},
    {"partition", "N[,N...]|all",
     "these partitions, by their numbers in 'platter info'; otherwise those that hold a file system"},
    {"read-only", NULL, "refuse writes; the image is not changed in any way"},
    CLI_OVERLAY_OPTION,
    {"foreground", NULL, "serve the drives in this window, until Ctrl-C or until they are unmounted"},
    CLI_IMAGE_OPTIONS,
    {CLI_REPORT_OPTION, "N", NULL},
    {NULL, NULL, NULL}};

/* ---- Telling ------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static uint32_t route_of(const char *name)
{
    uint32_t route = PLATTER_ROUTE_NONE;

    while (route < PLATTER_ROUTE_LINK && strcmp(cli_route_name(route), name) != 0)
        route++;
    return route;
}

/* `disk.vhd: partition 1, 500 MiB ntfs "Data" is now E: (letter by: Mount Manager)` for each. */
static void print_report(const char *image, const json_t *report)
{
    const json_t *volume;
    size_t i;

    json_array_foreach(json_object_get(report, "volumes"), i, volume)
    {
        const char *letter = text_of(volume, "letter"), *filesystem = text_of(volume, "filesystem");
        unsigned number = (unsigned)json_integer_value(json_object_get(volume, "partition"));
        char part[32] = "", size[CLI_SIZE_TEXT], label[160] = "";

        if (number > 0)
            (void)snprintf(part, sizeof(part), "partition %u, ", number);
        if (text_of(volume, "label")[0])
            (void)snprintf(label, sizeof(label), " \"%.128s\"", text_of(volume, "label"));
        cli_print(CLI_OUT, "%s: %s%s %s%s is now ", cli_base_name(image), part,
                  cli_size_text((uint64_t)json_integer_value(json_object_get(volume, "size")), size),
                  filesystem[0] ? filesystem : "without a known file system", cli_printable(label));
        if (letter[0])
            cli_print(CLI_OUT, "%s (letter by: %s)\n", letter, cli_route_text(route_of(text_of(volume, "route"))));
        else if (text_of(report, "folder")[0])
            cli_print(CLI_OUT, "in the folder %s\n", text_of(report, "folder"));
        else
            cli_print(CLI_OUT, "volume %lld, without a letter, as \\\\?\\GLOBALROOT%s\n",
                      (long long)json_integer_value(json_object_get(volume, "id")), text_of(volume, "device"));
    }
}

static void print_overlay(const json_t *overlay)
{
    if (!json_is_object(overlay))
        return;
    if (json_is_true(json_object_get(overlay, "temporary")))
        cli_print(CLI_OUT, "changes go to a temporary overlay, and away with the drive\n");
    else
        cli_print(CLI_OUT, "changes go to %s; 'platter overlay commit' puts them into the image\n",
                  text_of(overlay, "file"));
}

static void tell(const char *image, struct cli_reply *reply, json_t *report)
{
    const char *why = text_of(report, "read_only_reason");
    char warning[1024];

    if (why[0]) {
        (void)snprintf(warning, sizeof(warning), "%.400s is mounted read-only: %s", image, why);
        cli_warn(warning);
    }
    if (text_of(report, "notice")[0])
        cli_warn(text_of(report, "notice"));
    if (text_of(report, "not_remembered_reason")[0])
        cli_warn(text_of(report, "not_remembered_reason"));
    if (reply->json) {
        if (report != reply->root)
            (void)json_object_update(reply->root, report);
        (void)cli_reply_print(reply);
    } else {
        print_report(image, report);
        print_overlay(json_object_get(report, "overlay"));
        cli_flush(CLI_OUT);
    }
}

/* ---- In the background --------------------------------------------------------------------------------------------- */

/* The error that the other process met, as if it had been met here. */
static enum platter_result take_error(const json_t *error, struct platter_error *err)
{
    const json_t *offset = json_object_get(error, "offset");

    memset(err, 0, sizeof(*err));
    err->result = (enum platter_result)json_integer_value(json_object_get(error, "code"));
    if (err->result == PLATTER_OK)
        err->result = PLATTER_E_FAILED;
    err->os_error = (int)json_integer_value(json_object_get(error, "os_error"));
    err->offset = json_is_integer(offset) ? (uint64_t)json_integer_value(offset) : PLATTER_NO_OFFSET;
    (void)snprintf(err->file, sizeof(err->file), "%s", text_of(error, "file"));
    (void)snprintf(err->message, sizeof(err->message), "%s", text_of(error, "message"));
    return err->result;
}

/* The whole path: the other process has another current folder. */
static void add_overlay(struct cli_command_line *line, const char *path)
{
    char *whole = platter_os_full_path(path);
    size_t size = whole ? strlen(whole) + sizeof("--overlay=") : 0;
    char *word = whole ? malloc(size) : NULL;

    if (word) {
        (void)snprintf(word, size, "--overlay=%s", whole);
        cli_command_line_add_utf8(line, word);
    } else {
        line->failed = true;
    }
    free(word);
    free(whole);
}

static enum platter_result mount_behind(const struct cli_arguments *arguments, const struct cli_mount *mount,
                                        struct cli_reply *reply, struct platter_error *err)
{
    struct cli_command_line line = {0};
    json_t *report = NULL;
    const json_t *error;
    enum platter_result result;
    char word[32];

    for (const struct cli_option *option = cli_mount_options; option->name; option++) {
        const char *value = cli_option_value(arguments, option->name);

        if (!value)
            continue;
        if (strcmp(option->name, "folder") == 0)
            value = mount->folder; /* the whole path, as below */
        if (strcmp(option->name, "overlay") == 0 && value[0]) {
            add_overlay(&line, value);
            continue;
        }
        (void)snprintf(word, sizeof(word), "--%s", option->name);
        cli_command_line_add_utf8(&line, word);
        if (option->value && option->value[0] != '[')
            cli_command_line_add_utf8(&line, value);
    }
    cli_command_line_add_utf8(&line, "--");
    /* The whole path: the other process has another current folder. */
    cli_command_line_add_utf8(&line, mount->image_path);
    cli_interrupt_catch(NULL, NULL);
    result = cli_spawn(&line, &report, err);
    cli_interrupt_done();
    cli_command_line_free(&line);
    if (result != PLATTER_OK)
        return result;
    error = json_object_get(report, "error");
    if (error)
        result = take_error(error, err);
    else
        tell(arguments->operands[0], reply, report);
    json_decref(report);
    return result;
}

/* ---- Here ---------------------------------------------------------------------------------------------------------- */

static void interrupted(void *mount)
{
    cli_mount_dismount(mount);
}

/* The background process: its report is all it says, and its exit status tells `unmount` how the image was left. */
static enum platter_result serve_reported(struct cli_mount *mount, const char *number, struct cli_reply *reply,
                                          struct platter_error *err)
{
    struct cli_reporter reporter = {NULL};
    json_t *report = json_object();
    enum platter_result result = cli_reporter_open(number, &reporter, err);

    if (result != PLATTER_OK)
        goto done;
    /* A box on the screen would keep a process that failed from ending. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    reply->reported = true;
    result = cli_mount_start(mount, &reporter, err);
    if (result != PLATTER_OK) {
        cli_error_json(report, err, NULL);
        (void)cli_reporter_send(&reporter, report);
        goto done;
    }
    cli_mount_json(report, mount);
    if (!cli_reporter_send(&reporter, report))
        cli_mount_dismount(mount); /* nobody knows of the drives: they were not waited for */
    if (mount->policy & PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN)
        cli_session_watch(interrupted, mount);
    (void)platter_provider_wait(mount->provider, 0);
    result = cli_mount_end(mount, err);
    cli_session_done();
done:
    json_decref(report);
    return result;
}

static enum platter_result serve_here(struct cli_mount *mount, struct cli_reply *reply, struct platter_error *err)
{
    struct cli_reporter nobody = {NULL};
    json_t *report = reply->json ? reply->root : json_object();
    enum platter_result result = cli_mount_start(mount, &nobody, err);

    if (result != PLATTER_OK)
        goto done;
    cli_mount_json(report, mount);
    cli_interrupt_catch(interrupted, mount);
    tell(mount->arguments->operands[0], reply, report);
    if (!reply->json)
        cli_print(CLI_ERR, "platter: Ctrl-C unmounts\n");
    (void)platter_provider_wait(mount->provider, 0);
    result = cli_mount_end(mount, err);
    cli_interrupt_done();
done:
    if (!reply->json)
        json_decref(report);
    return result;
}

enum platter_result cli_mount(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    const char *number = cli_option_value(arguments, CLI_REPORT_OPTION);
    struct cli_mount *mount = calloc(1, sizeof(*mount)); /* too large for a stack */
    enum platter_result result;

    if (!mount)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    result = cli_mount_options_read(arguments, mount, err);
    if (result == PLATTER_E_BUSY)
        reply->hint = "choose another letter, or leave '--letter' away";
    if (result != PLATTER_OK)
        goto done;
    /* Those who serve leave *mount to the end of the process: a handler's thread may still look at it. */
    if (number)
        return serve_reported(mount, number, reply, err);
    if (cli_option_given(arguments, "foreground"))
        return serve_here(mount, reply, err);
    result = mount_behind(arguments, mount, reply, err);
done:
    free(mount);
    return result;
}
