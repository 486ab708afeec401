/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "console.h"
#include "../mount/control_win32.h"
#include "../mount/folder_win32.h"
#include "table.h"
#include "../mount/text.h"
#include "../mount/wide_win32.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>

static bool print_volumes(const struct platter_volume_info *volumes, size_t count)
{
    static const char *const heading[] = {"id",    "drive",   "size", "part",    "access", "letter by",
                                          "state", "process", "read", "written", "image"};
    struct cli_table table = {.columns = sizeof(heading) / sizeof(heading[0]), .right = 1 | 4 | 8 | 128 | 256 | 512};

    if (count == 0) {
        cli_print(CLI_OUT, "no drives are mounted\n");
        return true;
    }
    cli_table_row(&table, heading);
    for (size_t i = 0; i < count; i++) {
        const struct platter_volume_info *info = &volumes[i];
        char id[24], letter[4], size[PLATTER_SIZE_TEXT], part[16], process[16], in[PLATTER_SIZE_TEXT],
            out[PLATTER_SIZE_TEXT];
        char image[PLATTER_IMAGE_NAME_CHARS * 6 + 64], text[PLATTER_IMAGE_NAME_CHARS * 3 + 1];
        char *folders = platter_folders_of(info); /* the first one; --json has all */
        const char *overlay = platter_image_name_overlay(info->image_name, text, sizeof(text));

        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)info->volume_id);
        (void)snprintf(part, sizeof(part), "%u", (unsigned)info->partition_number);
        (void)snprintf(process, sizeof(process), "%u", (unsigned)info->owner_process_id);
        platter_narrow_field(info->image_name, PLATTER_IMAGE_NAME_CHARS, image, sizeof(image));
        if (overlay)
            (void)snprintf(image + strlen(image), sizeof(image) - strlen(image),
                           overlay[0] ? " (changes go to %s)" : " (changes go away with the drive)%s", overlay);
        cli_table_row(&table, (const char *const[]){
                                  id,
                                  info->letter ? platter_letter_text(info->letter, letter)
                                  : folders    ? folders
                                               : "-",
                                  platter_size_text(info->length_bytes, size), info->partition_number ? part : "-",
                                  info->flags & PLATTER_VOLUME_READ_ONLY ? "read-only" : "read-write",
                                  info->route == PLATTER_ROUTE_NONE ? "-" : platter_route_text(info->route),
                                  platter_state_name(info->state), process, platter_size_text(info->read_bytes, in),
                                  platter_size_text(info->written_bytes, out), image[0] ? image : "(of another user)"});
        free(folders);
    }
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
