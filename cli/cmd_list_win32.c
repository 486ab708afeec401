/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "../mount/account_win32.h"
#include "../mount/control_win32.h"
#include "../mount/folder_win32.h"
#include "table.h"
#include "../mount/text.h"
#include "../mount/wide_win32.h"

#include <windows.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

/* 100 ns units since 1601 as "2026-11-22 14:05" of this machine's clock; "-" when there is no such date. */
static const char *since_text(uint64_t time, char buffer[PLATTER_TIME_TEXT])
{
    FILETIME file = {(DWORD)time, (DWORD)(time >> 32)};
    SYSTEMTIME utc, date;

    if (time == 0 || !FileTimeToSystemTime(&file, &utc) || !SystemTimeToTzSpecificLocalTime(NULL, &utc, &date))
        return "-";
    (void)snprintf(buffer, PLATTER_TIME_TEXT, "%04u-%02u-%02u %02u:%02u", date.wYear, date.wMonth, date.wDay,
                   date.wHour, date.wMinute);
    return buffer;
}

/* "busy", "idle 12:30"; the state of one that does not run. */
static const char *activity_text(const struct platter_volume_info *info, char *buffer, size_t size)
{
    char duration[PLATTER_TIME_TEXT];

    if (info->state != PLATTER_STATE_RUNNING)
        return platter_state_name(info->state);
    if (info->in_flight > 0 || info->idle_ms < 1000)
        return "busy";
    (void)snprintf(buffer, size, "idle %s", platter_duration_text(info->idle_ms / 1000, duration));
    return buffer;
}

static const char *access_text(const struct platter_volume_info *info)
{
    if (info->flags & PLATTER_VOLUME_READ_ONLY)
        return "read-only";
    return info->flags & PLATTER_VOLUME_PRIVATE ? "owner only" : "read-write";
}

static void image_text(const struct platter_volume_info *info, char *image, size_t size)
{
    char text[PLATTER_IMAGE_NAME_CHARS * 3 + 1];
    const char *overlay = platter_image_name_overlay(info->image_name, text, sizeof(text));

    platter_narrow_field(info->image_name, PLATTER_IMAGE_NAME_CHARS, image, size);
    if (!image[0])
        (void)snprintf(image, size, "(of another user)");
    if (overlay)
        (void)snprintf(image + strlen(image), size - strlen(image),
                       overlay[0] ? " (changes go to %s)" : " (changes go away with the drive)%s", overlay);
}

static void add_row(struct cli_table *table, const struct platter_volume_info *info)
{
    char id[24], letter[4], size[PLATTER_SIZE_TEXT], part[16], in[PLATTER_SIZE_TEXT], out[PLATTER_SIZE_TEXT];
    char since[PLATTER_TIME_TEXT], activity[PLATTER_TIME_TEXT + 8], image[PLATTER_IMAGE_NAME_CHARS * 6 + 64];
    char *folders = platter_folders_of(info); /* the first one; --json has all */
    struct platter_account owner;

    platter_account_of(info->owner_sid, info->owner_sid_length, &owner);
    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)info->volume_id);
    (void)snprintf(part, sizeof(part), "%u", (unsigned)info->partition_number);
    image_text(info, image, sizeof(image));
    cli_table_row(table, (const char *const[]){
                             id,
                             info->letter ? platter_letter_text(info->letter, letter)
                             : folders    ? folders
                                          : "-",
                             platter_size_text(info->length_bytes, size), info->partition_number ? part : "-",
                             access_text(info), owner.name[0] ? owner.name : "(another)",
                             since_text(info->mounted_at, since), activity_text(info, activity, sizeof(activity)),
                             platter_size_text(info->read_bytes, in), platter_size_text(info->written_bytes, out),
                             info->route == PLATTER_ROUTE_NONE ? "-" : platter_route_text(info->route), image});
    free(folders);
}

static bool print_volumes(const struct platter_volume_info *volumes, size_t count)
{
    static const char *const heading[] = {"id",    "drive",    "size", "part",    "access",    "mounted by",
                                          "since", "activity", "read", "written", "letter by", "image"};
    struct cli_table table = {.columns = sizeof(heading) / sizeof(heading[0]), .right = 1 | 4 | 8 | 256 | 512};

    if (count == 0) {
        cli_print(CLI_OUT, "no drives are mounted\n");
        return true;
    }
    cli_table_row(&table, heading);
    for (size_t i = 0; i < count; i++)
        add_row(&table, &volumes[i]);
    return cli_table_print(&table, 0);
}

static void list_json(json_t *object, const struct platter_volume_info *info)
{
    platter_volume_json(object, info);
    platter_folders_json(object, info);
}

enum platter_result cli_list(const struct cli_arguments *arguments, struct cli_reply *reply, struct platter_error *err)
{
    struct platter_transport *transport = NULL;
    struct platter_volume_info *volumes = NULL;
    size_t count = 0;
    enum platter_result result = platter_control_open(&transport, NULL, err);

    (void)arguments;
    if (result != PLATTER_OK)
        return result;
    result = platter_control_list(transport, &volumes, &count, err);
    if (result == PLATTER_OK && reply->json) {
        json_t *array = platter_json_array(reply->root, "volumes");

        for (size_t i = 0; i < count; i++)
            list_json(platter_json_element(array), &volumes[i]);
    } else if (result == PLATTER_OK && !print_volumes(volumes, count)) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    }
    free(volumes);
    platter_control_close(transport);
    return result;
}
