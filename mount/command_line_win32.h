/* SPDX-License-Identifier: MIT */
/* Command lines for CreateProcess. */
#ifndef PLATTER_MOUNT_COMMAND_LINE_H
#define PLATTER_MOUNT_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* A command line under construction, quoted as the C runtime unquotes it. Starts as {0}. */
struct platter_command_line {
    wchar_t *text;
    size_t length, room;
    bool failed; /* without memory */
};

void platter_command_line_add(struct platter_command_line *line, const wchar_t *word);
void platter_command_line_add_utf8(struct platter_command_line *line, const char *word);
/* Adds the words of another line. */
void platter_command_line_join(struct platter_command_line *line, const struct platter_command_line *words);
void platter_command_line_free(struct platter_command_line *line);

/* The whole path of this process' program; NULL: it could not be told. To be freed. */
wchar_t *platter_own_program(void);

#endif
