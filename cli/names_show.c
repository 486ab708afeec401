/* SPDX-License-Identifier: MIT */
#include "names_show.h"

#include <stdio.h>
#include <string.h>

#include "console.h"
#include "table.h"
#include "../mount/text.h"

#define WHO_TEXT 320

/* A letter as one session, or everybody, has it. */
struct view {
    const struct platter_names_directory *directory;
    const struct platter_name *name;
    bool hides; /* the machine's drive of that letter */
};

static const char *target_of(const struct platter_name *name)
{
    return name->target ? name->target : "";
}

static const char *who(const struct platter_names_directory *directory, char buffer[WHO_TEXT])
{
    if (directory->global)
        (void)snprintf(buffer, WHO_TEXT, "everybody");
    else if (directory->who)
        (void)snprintf(buffer, WHO_TEXT, "%.300s", directory->who);
    else
        (void)snprintf(buffer, WHO_TEXT, "logon session %08x-%08x", (unsigned)(directory->luid >> 32),
                       (unsigned)directory->luid);
    return platter_printable(buffer);
}

/* The name `letter`: in each directory that has it, that for everybody first. Calls function for each; their count. */
static size_t each_view(const struct platter_names *names, char letter,
                        void (*function)(void *context, const struct view *), void *context)
{
    const char text[] = {letter, ':', '\0'};
    bool global = false;
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++) {
        struct view view = {&names->directories[i], platter_names_find(&names->directories[i], text), false};

        if (!view.name)
            continue;
        global |= view.directory->global;
        view.hides = global && !view.directory->global;
        function(context, &view);
        count++;
    }
    return count;
}

/* ---- What was not seen --------------------------------------------------------------------------------------------- */

static const char *needed(const struct platter_names *names)
{
    return names->elevated ? "system" : "administrator";
}

static const char *needed_text(const struct platter_names *names)
{
    return names->elevated ? "only that session and SYSTEM may look into it"
                           : "run it as an administrator to look into it";
}

static void print_unseen(const struct platter_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct platter_names_directory *directory = &names->directories[i];
        char text[WHO_TEXT];

        if (directory->state == PLATTER_NAMES_DENIED)
            cli_print(CLI_OUT, "not seen: %s (%s): access denied, %s\n", directory->path, who(directory, text),
                      needed_text(names));
        else if (directory->state == PLATTER_NAMES_FAILED)
            cli_print(CLI_OUT, "not seen: %s (%s): it could not be read, status %08x\n", directory->path,
                      who(directory, text), (unsigned)directory->status);
    }
    if (!names->whole)
        cli_print(CLI_OUT, "not seen: logon sessions of which nothing is known here; %s\n",
                  names->elevated ? "only SYSTEM may list them all" : "run it as an administrator to list them all");
}

/* ---- For people ---------------------------------------------------------------------------------------------------- */

struct printing {
    const struct platter_names *names;
    struct cli_table *table;
    char letter;
};

static void add_row(void *context, const struct view *view)
{
    const struct printing *printing = context;
    char text[WHO_TEXT], meaning[PLATTER_MEANING_TEXT];
    const char drive[] = {printing->letter, ':', '\0'};

    cli_table_row(printing->table,
                  (const char *const[]){drive, who(view->directory, text), view->hides ? "hides it" : "",
                                        platter_target_meaning(printing->names, target_of(view->name), meaning),
                                        target_of(view->name)});
}

bool cli_names_print_letters(const struct platter_names *names)
{
    static const char *const heading[] = {"drive", "for", "", "what it is", "leads to"};
    struct cli_table table = {.columns = sizeof(heading) / sizeof(heading[0])};
    bool whole;

    cli_table_row(&table, heading);
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        struct printing printing = {names, &table, letter};

        (void)each_view(names, letter, add_row, &printing);
    }
    whole = cli_table_print(&table, 0);
    print_unseen(names);
    return whole && !names->without_memory;
}

static void print_view(void *context, const struct view *view)
{
    const struct printing *printing = context;
    char text[WHO_TEXT], meaning[PLATTER_MEANING_TEXT], target[PLATTER_MEANING_TEXT];

    (void)snprintf(target, sizeof(target), "%.600s", target_of(view->name));
    cli_print(CLI_OUT, "%c: for %s: %s, by the link %s\\%c: to %s%s\n", printing->letter, who(view->directory, text),
              platter_printable(platter_target_meaning(printing->names, target_of(view->name), meaning)),
              view->directory->path, printing->letter, platter_printable(target),
              view->hides ? "; hides the one for everybody" : "");
}

bool cli_names_print_letter(const struct platter_names *names, char letter)
{
    struct printing printing = {names, NULL, letter};

    if (each_view(names, letter, print_view, &printing) == 0)
        cli_print(CLI_OUT, "%c: is free, for everybody whose names can be seen\n", letter);
    print_unseen(names);
    return !names->without_memory;
}

bool cli_names_print_all(const struct platter_names *names)
{
    static const char *const heading[] = {"name", "type", "leads to", "notes"};
    bool whole = true;

    for (size_t i = 0; i < names->count; i++) {
        const struct platter_names_directory *directory = &names->directories[i];
        struct cli_table table = {.columns = sizeof(heading) / sizeof(heading[0])};
        char text[WHO_TEXT];

        if (directory->state != PLATTER_NAMES_READ)
            continue;
        cli_print(CLI_OUT, "%s%s (%s): %u name%s\n", i > 0 ? "\n" : "", directory->path, who(directory, text),
                  (unsigned)directory->count, directory->count == 1 ? "" : "s");
        if (directory->count == 0)
            continue;
        cli_table_row(&table, heading);
        for (size_t j = 0; j < directory->count; j++) {
            const struct platter_name *name = &directory->names[j];
            const struct platter_names_volume *volume = platter_names_volume_of(names, name->target);
            bool hides = !directory->global && names->directories[0].global && name->name &&
                         platter_names_find(&names->directories[0], name->name);
            char notes[64] = "";

            if (volume)
                (void)snprintf(notes, sizeof(notes), "Platter volume %llu%s", (unsigned long long)volume->id,
                               hides ? ", " : "");
            if (hides)
                (void)snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "hides the one for everybody");
            cli_table_row(&table, (const char *const[]){name->name ? name->name : "", name->type ? name->type : "",
                                                        target_of(name), notes});
        }
        whole &= cli_table_print(&table, 2);
    }
    print_unseen(names);
    return whole && !names->without_memory;
}

/* ---- For programs --------------------------------------------------------------------------------------------------- */

static void logon_json(json_t *object, const struct platter_names_directory *directory)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%08x-%08x", (unsigned)(directory->luid >> 32), (unsigned)directory->luid);
    platter_json_text(object, "logon_id", directory->global ? NULL : text);
    platter_json_text(object, "who", directory->who);
    platter_json_bool(object, "own", directory->own);
}

static void name_json(json_t *object, const struct platter_names *names, const struct platter_name *name)
{
    const struct platter_names_volume *volume = platter_names_volume_of(names, name->target);
    char meaning[PLATTER_MEANING_TEXT];

    platter_json_text(object, "target", name->target);
    platter_json_text(object, "meaning", name->target ? platter_target_meaning(names, name->target, meaning) : NULL);
    if (volume)
        platter_json_number(object, "volume", volume->id);
    else
        platter_json_null(object, "volume");
}

struct gathering {
    const struct platter_names *names;
    json_t *object;   /* of the letter; made when the first view comes */
    json_t *letters;  /* where to */
    json_t *sessions; /* of the letter */
    bool global;
    char letter;
};

static void view_json(void *context, const struct view *view)
{
    struct gathering *gathering = context;
    const char drive[] = {gathering->letter, ':', '\0'};

    if (!gathering->object) {
        gathering->object = platter_json_element(gathering->letters);
        platter_json_text(gathering->object, "letter", drive);
    }
    if (view->directory->global) {
        name_json(platter_json_object(gathering->object, "global"), gathering->names, view->name);
        gathering->global = true;
        return;
    }
    if (!gathering->sessions) {
        if (!gathering->global)
            platter_json_null(gathering->object, "global");
        gathering->sessions = platter_json_array(gathering->object, "sessions");
    }
    json_t *session = platter_json_element(gathering->sessions);
    logon_json(session, view->directory);
    name_json(session, gathering->names, view->name);
    platter_json_bool(session, "hides_global", view->hides);
}

static void directory_json(json_t *object, const struct platter_names *names,
                           const struct platter_names_directory *directory, bool all)
{
    static const char *const states[] = {"read", "denied", "none", "failed"};
    json_t *array;

    platter_json_text(object, "path", directory->path);
    platter_json_text(object, "kind", directory->global ? "global" : "session");
    logon_json(object, directory);
    platter_json_text(object, "state", states[directory->state]);
    platter_json_text(object, "needs", directory->state == PLATTER_NAMES_DENIED ? needed(names) : NULL);
    platter_json_number(object, "status", directory->status);
    if (!all)
        return;
    array = platter_json_array(object, "names");
    for (size_t i = 0; i < directory->count; i++) {
        json_t *element = platter_json_element(array);

        platter_json_text(element, "name", directory->names[i].name);
        platter_json_text(element, "type", directory->names[i].type);
        name_json(element, names, &directory->names[i]);
    }
}

void cli_names_json(json_t *root, const struct platter_names *names, char letter, bool all)
{
    json_t *letters = platter_json_array(root, "letters"), *directories;

    for (char each = letter ? letter : 'A'; each <= (letter ? letter : 'Z'); each++) {
        struct gathering gathering = {.names = names, .letters = letters, .letter = each};

        (void)each_view(names, each, view_json, &gathering);
        if (gathering.object && !gathering.sessions)
            (void)platter_json_array(gathering.object, "sessions");
    }
    directories = platter_json_array(root, "directories");
    for (size_t i = 0; i < names->count; i++)
        directory_json(platter_json_element(directories), names, &names->directories[i], all);
    platter_json_bool(root, "all_sessions_known", names->whole);
}
