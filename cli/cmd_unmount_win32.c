/* SPDX-License-Identifier: MIT */
#include "../mount/choose.h"
#include "commands.h"
#include "console.h"
#include "persistent_win32.h"
#include "../mount/control_win32.h"
#include "../mount/dismount_win32.h"
#include "../mount/folder_win32.h"
#include "../mount/wide_win32.h"

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For the provider to write back what it holds and close the image. */
#define PROVIDER_END_MS 60000u

const struct cli_option cli_unmount_options[] = {
    {"all", NULL, "every drive that you may unmount"},
    {"force", NULL, "also when it is in use: programs lose the files they have open on it"},
    {NULL, NULL, NULL}};

struct unmounting {
    struct platter_transport *transport;
    struct cli_reply *reply;
    bool force;
    json_t *done, *failed;
    enum platter_result worst;
};

static const char *volume_name(const struct platter_volume_info *info, char *buffer, size_t size)
{
    char letter[4];

    if (info->letter)
        (void)snprintf(buffer, size, "%s", platter_letter_text(info->letter, letter));
    else
        (void)snprintf(buffer, size, "volume %llu", (unsigned long long)info->volume_id);
    return buffer;
}

/* The drive is gone; its image is closed once the provider has ended, which it does after its last volume. */
static enum platter_result wait_for_provider(struct unmounting *unmounting, const struct platter_volume_info *info,
                                             HANDLE process, struct platter_error *err)
{
    struct platter_volume_info *volumes = NULL;
    size_t count = 0, others = 0;
    DWORD status = 0;

    if (!process || platter_control_list(unmounting->transport, &volumes, &count, NULL) != PLATTER_OK)
        return PLATTER_OK;
    for (size_t i = 0; i < count; i++)
        others += volumes[i].owner_process_id == info->owner_process_id;
    free(volumes);
    if (others > 0)
        return PLATTER_OK;
    if (WaitForSingleObject(process, PROVIDER_END_MS) != WAIT_OBJECT_0)
        return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET,
                                 "the drive is gone, but process %u still writes to its image",
                                 (unsigned)info->owner_process_id);
    if (GetExitCodeProcess(process, &status) && status != 0)
        return platter_error_set(err, PLATTER_E_IO, NULL, PLATTER_NO_OFFSET,
                                 "the drive is gone, but its image could not be written to the end (%s)",
                                 platter_result_name((enum platter_result)status));
    return PLATTER_OK;
}

static enum platter_result take_away(struct unmounting *unmounting, const struct platter_volume_info *info,
                                     struct platter_holders *holders, struct platter_error *err)
{
    HANDLE process;
    enum platter_result result;

    if (!info->may_remove) {
        char name[32];

        return platter_error_set(err, PLATTER_E_ACCESS, NULL, PLATTER_NO_OFFSET,
                                 "%s was mounted by another user, only that user and administrators may unmount it",
                                 volume_name(info, name, sizeof(name)));
    }
    /* Opened before: afterwards the number may be another's. */
    process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, info->owner_process_id);
    result = platter_dismount(unmounting->transport, info, unmounting->force, holders, err);
    if (result == PLATTER_OK)
        result = wait_for_provider(unmounting, info, process, err);
    if (process)
        CloseHandle(process);
    if (result == PLATTER_OK && (info->flags & PLATTER_VOLUME_HOSTED))
        cli_persistent_unmounted(info->owner_process_id);
    return result;
}

static const char *hint_for(enum platter_result result, bool force)
{
    if (result == PLATTER_E_BUSY && !force)
        return "close it, or use '--force' and lose what is open";
    return cli_default_hint(result);
}

/* One of --all: tells how it went and goes on. */
static void take_one_of_many(struct unmounting *unmounting, const struct platter_volume_info *info)
{
    struct platter_error err = {.offset = PLATTER_NO_OFFSET};
    char name[32];
    struct platter_holders holders = {0};
    enum platter_result result = take_away(unmounting, info, &holders, &err);

    volume_name(info, name, sizeof(name));
    /* Its provider had a second volume, and was ended with the first. */
    if (result == PLATTER_E_NOT_FOUND)
        result = PLATTER_OK;
    if (unmounting->worst == PLATTER_OK)
        unmounting->worst = result;
    if (unmounting->reply->json) {
        json_t *object = platter_json_element(result == PLATTER_OK ? unmounting->done : unmounting->failed);

        platter_json_number(object, "id", info->volume_id);
        platter_json_text(object, "letter", info->letter ? name : NULL);
        if (result != PLATTER_OK)
            platter_error_json(object, &err, hint_for(result, unmounting->force));
        if (result == PLATTER_E_BUSY)
            platter_holders_json(object, &holders);
    } else if (result == PLATTER_OK) {
        cli_print(CLI_OUT, "%s is unmounted\n", name);
    }
    if (result != PLATTER_OK)
        cli_error_print(&err, hint_for(result, unmounting->force));
}

static enum platter_result find(const char *text, const struct platter_volume_info *volumes, size_t count,
                                size_t *found, struct platter_error *err)
{
    char letter = platter_letter(text);
    char *end = NULL;
    unsigned long long id = letter ? 0 : strtoull(text, &end, 10);

    if (!letter && strpbrk(text, "\\/")) {
        char folder[PLATTER_FOLDER_TEXT];

        platter_whole_path(text, folder, sizeof(folder));
        return platter_folder_find(folder, volumes, count, found, err);
    }
    if (!letter && (*end || end == text || *text == '-' || *text == '+'))
        return platter_error_set(
            err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
            "'%.64s' is no drive letter, no folder (with a backslash in its path) and no number of "
            "'platter list'",
            text);
    for (*found = 0; *found < count; (*found)++) {
        if (letter ? volumes[*found].letter == (uint32_t)letter : volumes[*found].volume_id == id)
            return PLATTER_OK;
    }
    if (letter)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "%c: is not a drive of Platter",
                                 letter);
    return platter_error_set(err, PLATTER_E_NOT_FOUND, NULL, PLATTER_NO_OFFSET, "there is no volume %.64s", text);
}

static enum platter_result unmount_one(struct unmounting *unmounting, const char *text,
                                       const struct platter_volume_info *volumes, size_t count,
                                       struct platter_error *err)
{
    size_t found = 0;
    char name[32];
    struct platter_holders holders = {0};
    enum platter_result result = find(text, volumes, count, &found, err);

    if (result == PLATTER_E_NOT_FOUND)
        unmounting->reply->hint = "'platter list' shows what is there";
    if (result != PLATTER_OK)
        return result;
    result = take_away(unmounting, &volumes[found], &holders, err);
    if (result == PLATTER_E_BUSY && unmounting->reply->json)
        platter_holders_json(unmounting->reply->root, &holders);
    unmounting->reply->hint = result == PLATTER_OK ? NULL : hint_for(result, unmounting->force);
    if (result != PLATTER_OK)
        return result;
    volume_name(&volumes[found], name, sizeof(name));
    if (unmounting->reply->json) {
        json_t *object = platter_json_element(unmounting->done);

        platter_json_number(object, "id", volumes[found].volume_id);
        platter_json_text(object, "letter", volumes[found].letter ? name : NULL);
    } else {
        cli_print(CLI_OUT, "%s is unmounted\n", name);
    }
    return PLATTER_OK;
}

/* A folder that leads to a drive whose process was killed; needs no driver. */
static bool swept(const char *text)
{
    char folder[PLATTER_FOLDER_TEXT];

    if (platter_letter(text) || !strpbrk(text, "\\/"))
        return false;
    platter_whole_path(text, folder, sizeof(folder));
    return platter_folder_sweep(folder);
}

enum platter_result cli_unmount(const struct cli_arguments *arguments, struct cli_reply *reply,
                                struct platter_error *err)
{
    struct unmounting unmounting = {.reply = reply, .force = cli_option_given(arguments, "force")};
    bool all = cli_option_given(arguments, "all");
    struct platter_volume_info *volumes = NULL;
    size_t count = 0, taken = 0;
    enum platter_result result;

    if (all == (arguments->operand_count == 1))
        return platter_error_set(
            err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s",
            all ? "a drive and '--all' exclude each other"
                : "say which drive: its letter, its folder, its number in 'platter list', or '--all'");
    if (!all && swept(arguments->operands[0])) {
        if (reply->json)
            platter_json_text(reply->root, "swept_folder", arguments->operands[0]);
        else
            cli_print(CLI_OUT, "%s led to a drive that is gone, and is a folder again\n", arguments->operands[0]);
        return PLATTER_OK;
    }
    result = platter_control_open(&unmounting.transport, NULL, err);
    if (result != PLATTER_OK)
        return result;
    result = platter_control_list(unmounting.transport, &volumes, &count, err);
    if (result != PLATTER_OK)
        goto close;
    if (reply->json) {
        unmounting.done = platter_json_array(reply->root, "unmounted");
        unmounting.failed = platter_json_array(reply->root, "failed");
    }
    if (!all) {
        result = unmount_one(&unmounting, arguments->operands[0], volumes, count, err);
        goto close;
    }
    for (size_t i = 0; i < count; i++) {
        if (volumes[i].may_remove) {
            take_one_of_many(&unmounting, &volumes[i]);
            taken++;
        }
    }
    if (taken == 0 && !reply->json)
        cli_print(CLI_OUT, count == 0 ? "no drives are mounted\n" : "no drive is mounted that you may unmount\n");
    result = unmounting.worst;
    reply->reported = true;
close:
    free(volumes);
    platter_control_close(unmounting.transport);
    return result;
}
