/* SPDX-License-Identifier: MIT */
#include "command_line_win32.h"

#include <windows.h>
#include <stdlib.h>
#include <string.h>

#include "wide_win32.h"

static void put(struct platter_command_line *line, wchar_t unit)
{
    if (line->length + 2 > line->room) {
        size_t room = line->room ? line->room * 2 : 256;
        wchar_t *grown = realloc(line->text, room * sizeof(*grown));

        if (!grown) {
            line->failed = true;
            return;
        }
        line->text = grown;
        line->room = room;
    }
    line->text[line->length++] = unit;
    line->text[line->length] = L'\0';
}

/* The rules of "Parsing C++ command-line arguments": backslashes count only in front of a quote. */
void platter_command_line_add(struct platter_command_line *line, const wchar_t *word)
{
    size_t slashes = 0;

    if (line->length > 0)
        put(line, L' ');
    put(line, L'"');
    for (; *word; word++) {
        if (*word == L'\\') {
            slashes++;
        } else {
            if (*word == L'"') {
                for (size_t i = 0; i <= slashes; i++)
                    put(line, L'\\');
            }
            slashes = 0;
        }
        put(line, *word);
    }
    for (size_t i = 0; i < slashes; i++)
        put(line, L'\\');
    put(line, L'"');
}

void platter_command_line_add_utf8(struct platter_command_line *line, const char *word)
{
    wchar_t *wide = platter_wide(word);

    if (wide)
        platter_command_line_add(line, wide);
    else
        line->failed = true;
    free(wide);
}

void platter_command_line_join(struct platter_command_line *line, const struct platter_command_line *words)
{
    line->failed |= words->failed;
    if (words->length > 0)
        put(line, L' ');
    for (size_t i = 0; i < words->length && !line->failed; i++)
        put(line, words->text[i]);
}

void platter_command_line_free(struct platter_command_line *line)
{
    free(line->text);
    memset(line, 0, sizeof(*line));
}

wchar_t *platter_own_program(void)
{
    for (DWORD room = MAX_PATH; room <= 32768; room *= 2) {
        wchar_t *path = malloc(room * sizeof(*path));
        DWORD length = path ? GetModuleFileNameW(NULL, path, room) : 0;

        if (length > 0 && length < room)
            return path;
        free(path);
        if (length == 0)
            break;
    }
    return NULL;
}
