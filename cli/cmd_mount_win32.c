/* SPDX-License-Identifier: MIT */
/* `mount`: reads the options, has the drives made by a process in the background or by this one, and tells the outcome. */
#include "../engine/os/path.h"
#include "commands.h"
#include "console.h"
#include "../mount/control_win32.h"
#include "../mount/event_win32.h"
#include "image.h"
#include "persistent_win32.h"
#include "../mount/mount_win32.h"
#include "session_win32.h"
#include "spawn_win32.h"
#include "../mount/text.h"

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
    {"shared", NULL,
     "let every user write to a drive whose file system has no access lists (FAT, exFAT); otherwise it is yours alone"},
    CLI_OVERLAY_OPTION,
    {"persistent", NULL,
     "have the Platter service keep the drives: over log-offs, and after a restart of Windows from your next log-on "
     "on"},
    {"at-boot", NULL, "the same, and after a restart also before you log on; for administrators"},
    {"foreground", NULL, "serve the drives in this window, until Ctrl-C or until they are unmounted"},
    CLI_IMAGE_OPTIONS,
    {CLI_REPORT_OPTION, "N", NULL},
    {NULL, NULL, NULL}};

/* ---- Telling ------------------------------------------------------------------------------------------------------- */

static uint32_t route_of(const char *name)
{
    uint32_t route = PLATTER_ROUTE_NONE;

    while (route < PLATTER_ROUTE_LINK && strcmp(platter_route_name(route), name) != 0)
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
        const char *letter = platter_json_text_of(volume, "letter"),
                   *filesystem = platter_json_text_of(volume, "filesystem");
        unsigned number = (unsigned)json_integer_value(json_object_get(volume, "partition"));
        char part[32] = "", size[PLATTER_SIZE_TEXT], label[160] = "";

        if (number > 0)
            (void)snprintf(part, sizeof(part), "partition %u, ", number);
        if (platter_json_text_of(volume, "label")[0])
            (void)snprintf(label, sizeof(label), " \"%.128s\"", platter_json_text_of(volume, "label"));
        cli_print(CLI_OUT, "%s: %s%s %s%s is now ", platter_base_name(image), part,
                  platter_size_text((uint64_t)json_integer_value(json_object_get(volume, "size")), size),
                  filesystem[0] ? filesystem : "without a known file system", platter_printable(label));
        if (letter[0])
            cli_print(CLI_OUT, "%s (letter by: %s)\n", letter,
                      platter_route_text(route_of(platter_json_text_of(volume, "route"))));
        else if (platter_json_text_of(report, "folder")[0])
            cli_print(CLI_OUT, "in the folder %s\n", platter_json_text_of(report, "folder"));
        else
            cli_print(CLI_OUT, "volume %lld, without a letter, as \\\\?\\GLOBALROOT%s\n",
                      (long long)json_integer_value(json_object_get(volume, "id")),
                      platter_json_text_of(volume, "device"));
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
                  platter_json_text_of(overlay, "file"));
}

/* Said once: what other users see of such a drive would puzzle them, and who asks them. */
static void print_private(const json_t *report)
{
    const json_t *volume;
    size_t i;

    json_array_foreach(json_object_get(report, "volumes"), i, volume)
    {
        if (json_is_true(json_object_get(volume, "private"))) {
            cli_print(CLI_OUT, "a file system without access lists: only you and administrators can open it, unless "
                               "mounted with '--shared' or '--read-only'\n");
            return;
        }
    }
}

static void tell(const char *image, struct cli_reply *reply, json_t *report)
{
    const char *why = platter_json_text_of(report, "read_only_reason");
    char warning[1024];

    if (why[0]) {
        (void)snprintf(warning, sizeof(warning), "%.400s is mounted read-only: %s", image, why);
        cli_warn(warning);
    }
    if (platter_json_text_of(report, "notice")[0])
        cli_warn(platter_json_text_of(report, "notice"));
    if (platter_json_text_of(report, "not_remembered_reason")[0])
        cli_warn(platter_json_text_of(report, "not_remembered_reason"));
    if (reply->json) {
        if (report != reply->root)
            (void)json_object_update(reply->root, report);
        (void)cli_reply_print(reply);
    } else {
        print_report(image, report);
        print_private(report);
        print_overlay(json_object_get(report, "overlay"));
        cli_flush(CLI_OUT);
    }
}

/* ---- In the background --------------------------------------------------------------------------------------------- */

/* The whole path: the other process has another current folder. */
static void add_overlay(struct platter_command_line *line, const char *path)
{
    char *whole = platter_os_full_path(path);
    size_t size = whole ? strlen(whole) + sizeof("--overlay=") : 0;
    char *word = whole ? malloc(size) : NULL;

    if (word) {
        (void)snprintf(word, size, "--overlay=%s", whole);
        platter_command_line_add_utf8(line, word);
    } else {
        line->failed = true;
    }
    free(word);
    free(whole);
}

/* `password`: read already; NULL: none. */
static enum platter_result mount_behind(const struct cli_arguments *arguments, const struct platter_mount *mount,
                                        const char *password, struct cli_reply *reply, struct platter_error *err)
{
    struct platter_command_line line = {0};
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
        if (strcmp(option->name, "password-file") == 0)
            value = CLI_PASSWORD_INPUT; /* what can be read once only has been read here */
        if (strcmp(option->name, "overlay") == 0 && value[0]) {
            add_overlay(&line, value);
            continue;
        }
        (void)snprintf(word, sizeof(word), "--%s", option->name);
        platter_command_line_add_utf8(&line, word);
        if (option->value && option->value[0] != '[')
            platter_command_line_add_utf8(&line, value);
    }
    platter_command_line_add_utf8(&line, "--");
    /* The whole path: the other process has another current folder. */
    platter_command_line_add_utf8(&line, mount->image_path);
    cli_interrupt_catch(NULL, NULL);
    result = cli_spawn(&line, password, &report, err);
    cli_interrupt_done();
    platter_command_line_free(&line);
    if (result != PLATTER_OK)
        return result;
    error = json_object_get(report, "error");
    if (error)
        result = platter_error_take(error, err);
    else
        tell(arguments->operands[0], reply, report);
    json_decref(report);
    return result;
}

/* ---- Here ---------------------------------------------------------------------------------------------------------- */

static void interrupted(void *mount)
{
    platter_mount_dismount(mount);
}

static bool still_wanted(void *reporter)
{
    return cli_reporter_alive(reporter);
}

/* The background process: its report is all it says, and its exit status tells `unmount` how the image was left. */
static enum platter_result serve_reported(struct platter_mount *mount, const char *number, struct cli_reply *reply,
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
    mount->alive = still_wanted;
    mount->alive_context = &reporter; /* cppcheck-suppress autoVariables ; the mount ends before this function does */
    result = platter_mount_start(mount, err);
    if (result != PLATTER_OK) {
        platter_event_mount_failed(mount, err);
        platter_error_json(report, err, NULL);
        (void)cli_reporter_send(&reporter, report);
        goto done;
    }
    platter_mount_json(report, mount);
    if (!cli_reporter_send(&reporter, report))
        platter_mount_dismount(mount); /* nobody knows of the drives: they were not waited for */
    platter_event_mount_started(mount);
    if (mount->policy & PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN)
        cli_session_watch(interrupted, mount);
    (void)platter_provider_wait(mount->provider, 0);
    result = platter_mount_end(mount, err);
    platter_event_mount_ended(mount, result);
    cli_session_done();
done:
    json_decref(report);
    return result;
}

static enum platter_result serve_here(struct platter_mount *mount, struct cli_reply *reply, struct platter_error *err)
{
    json_t *report = reply->json ? reply->root : json_object();
    enum platter_result result = platter_mount_start(mount, err);

    if (result != PLATTER_OK) {
        platter_event_mount_failed(mount, err);
        goto done;
    }
    platter_mount_json(report, mount);
    cli_interrupt_catch(interrupted, mount);
    /* Of the session's end a program that has loaded user32.dll is told by a window, and by no event of its console. */
    if (mount->policy & PLATTER_POLICY_UNMOUNT_ON_SHUTDOWN)
        cli_session_watch(interrupted, mount);
    tell(mount->options->image, reply, report);
    platter_event_mount_started(mount);
    if (!reply->json)
        cli_print(CLI_ERR, "platter: Ctrl-C unmounts\n");
    (void)platter_provider_wait(mount->provider, 0);
    result = platter_mount_end(mount, err);
    platter_event_mount_ended(mount, result);
    cli_interrupt_done();
    cli_session_done();
done:
    if (!reply->json)
        json_decref(report);
    return result;
}

/* By the service, which lasts longer than this session. */
static enum platter_result mount_elsewhere(const struct cli_arguments *arguments, const struct platter_mount *mount,
                                           struct cli_reply *reply, struct platter_error *err)
{
    json_t *report = NULL;
    enum platter_result result = cli_persistent_mount(arguments, mount, &report, err);

    if (result == PLATTER_OK)
        tell(mount->options->image, reply, report);
    json_decref(report);
    return result;
}

/* What the command line says, with its password; borrows from the arguments. */
struct asked {
    struct platter_mount_options options;
    struct cli_image_options image;
    struct platter_mount mount;
};

static enum platter_result read_asked(const struct cli_arguments *arguments, struct asked *asked,
                                      struct platter_error *err)
{
    enum platter_result result = cli_image_options_read(arguments, &asked->image, err);

    if (result != PLATTER_OK)
        return result;
    asked->options = (struct platter_mount_options){
        .image = arguments->operands[0],
        .open = asked->image.open,
        .partition = cli_option_value(arguments, "partition"),
        .letters = cli_option_value(arguments, "letter"),
        .folder = cli_option_value(arguments, "folder"),
        .overlay = cli_option_value(arguments, "overlay"),
        .no_letter = cli_option_given(arguments, "no-letter"),
        .read_only = cli_option_given(arguments, "read-only"),
        .remember = cli_option_given(arguments, "remember"),
        .shared = cli_option_given(arguments, "shared"),
    };
    asked->mount.options = &asked->options;
    return platter_mount_prepare(&asked->mount, err);
}

enum platter_result cli_mount(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    const char *number = cli_option_value(arguments, CLI_REPORT_OPTION);
    struct asked *asked = calloc(1, sizeof(*asked)); /* too large for a stack */
    enum platter_result result;

    if (!asked)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    result = read_asked(arguments, asked, err);
    if (result == PLATTER_E_BUSY)
        reply->hint = "choose another letter, or leave '--letter' away";
    if (result != PLATTER_OK)
        goto done;
    /* Those who serve leave *asked to the end of the process: a handler's thread may still look at it. */
    if (number)
        return serve_reported(&asked->mount, number, reply, err);
    if (cli_is_persistent(arguments)) {
        result = mount_elsewhere(arguments, &asked->mount, reply, err);
        goto done;
    }
    if (cli_option_given(arguments, "foreground"))
        return serve_here(&asked->mount, reply, err);
    result = mount_behind(arguments, &asked->mount, asked->image.open.password, reply, err);
done:
    free(asked);
    return result;
}
