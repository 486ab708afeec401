/* SPDX-License-Identifier: MIT */
/* `persist list` and `persist forget`: the mounts that the service keeps. */
#include "../engine/os/path.h"
#include "../mount/text.h"
#include "../service/client_win32.h"
#include "commands.h"
#include "console.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000u

const struct cli_option cli_forget_options[] = {{"all", NULL, "all of yours; an administrator's: those of all users"},
                                                {NULL, NULL, NULL}};

/* ---- list ---------------------------------------------------------------------------------------------------------- */

static const char *drives_of(const json_t *mount, char *buffer, size_t size)
{
    const json_t *volume;
    size_t i, used = 0;

    buffer[0] = '\0';
    json_array_foreach(json_object_get(mount, "volumes"), i, volume)
    {
        const char *letter = platter_json_text_of(volume, "letter");

        if (letter[0] && used + strlen(letter) + 2 < size)
            used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? " " : "", letter);
    }
    if (!used && json_array_size(json_object_get(mount, "volumes")) > 0 && platter_json_text_of(mount, "folder")[0])
        return platter_json_text_of(mount, "folder");
    return used ? buffer : "-";
}

static bool print_mounts(const json_t *mounts)
{
    static const char *const heading[] = {"id", "state", "drives", "comes back", "image", "why"};
    struct cli_table table = {.columns = sizeof(heading) / sizeof(heading[0])};
    const json_t *mount;
    size_t i;

    if (json_array_size(mounts) == 0) {
        cli_print(CLI_OUT, "no mounts are kept\n");
        return true;
    }
    cli_table_row(&table, heading);
    json_array_foreach(mounts, i, mount)
    {
        const json_t *error = json_object_get(mount, "error");
        char drives[128];

        cli_table_row(&table,
                      (const char *const[]){platter_json_text_of(mount, "id"), platter_json_text_of(mount, "state"),
                                            drives_of(mount, drives, sizeof(drives)),
                                            !json_is_true(json_object_get(mount, "comes_back")) ? "no"
                                            : json_is_true(json_object_get(mount, "at_boot"))   ? "at boot"
                                                                                                : "at log-on",
                                            platter_json_text_of(mount, "image"),
                                            json_is_object(error) ? platter_json_text_of(error, "message") : ""});
    }
    return cli_table_print(&table, 0);
}

static enum platter_result ask(json_t *request, const char *what, json_t **answer, struct platter_error *err)
{
    platter_json_text(request, "request", what);
    return service_ask(request, ANSWER_MS, answer, err);
}

enum platter_result cli_persist_list(const struct cli_arguments *arguments, struct cli_reply *reply,
                                     struct platter_error *err)
{
    json_t *request = json_object(), *answer = NULL;
    enum platter_result result = ask(request, "list", &answer, err);

    (void)arguments;
    if (result == PLATTER_OK && reply->json)
        (void)json_object_update(reply->root, answer);
    else if (result == PLATTER_OK && !print_mounts(json_object_get(answer, "mounts")))
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    json_decref(answer);
    json_decref(request);
    return result;
}

/* ---- forget -------------------------------------------------------------------------------------------------------- */

static enum platter_result name_one(json_t *request, const char *text, struct platter_error *err)
{
    char *whole;

    if (service_is_id(text)) {
        platter_json_text(request, "id", text);
        return PLATTER_OK;
    }
    whole = platter_os_full_path(text);
    if (!whole)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    platter_json_text(request, "image", whole);
    free(whole);
    return PLATTER_OK;
}

enum platter_result cli_persist_forget(const struct cli_arguments *arguments, struct cli_reply *reply,
                                       struct platter_error *err)
{
    bool all = cli_option_given(arguments, "all");
    json_t *request = json_object(), *answer = NULL;
    enum platter_result result = PLATTER_OK;

    if (all == (arguments->operand_count == 1))
        result = platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s",
                                   all ? "an id and '--all' exclude each other"
                                       : "say which mount: its id in 'platter persist list', its image, or '--all'");
    else if (all)
        platter_json_bool(request, "all", true);
    else
        result = name_one(request, arguments->operands[0], err);
    if (result == PLATTER_OK)
        result = ask(request, "forget", &answer, err);
    if (result == PLATTER_OK && reply->json)
        (void)json_object_update(reply->root, answer);
    else if (result == PLATTER_OK)
        cli_print(CLI_OUT, "%u forgotten; what is mounted stays until it is unmounted\n",
                  (unsigned)json_array_size(json_object_get(answer, "forgotten")));
    json_decref(answer);
    json_decref(request);
    return result;
}
