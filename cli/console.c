/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <stdio.h>
#include <stdlib.h>

void cli_print(enum cli_stream stream, const char *format, ...)
{
    char line[512], *text;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    text = (size_t)length >= sizeof(line) ? malloc((size_t)length + 1) : NULL;
    if (!text) {
        cli_write(stream, line); /* fits, or is cut rather than lost */
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    cli_write(stream, text);
    free(text);
}
