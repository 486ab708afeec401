/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include "console.h"
#include "../mount/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_reply_print(struct cli_reply *reply)
{
    char *text = platter_json_dump(reply->root);

    reply->printed = true;
    if (!text)
        return false;
    cli_write(CLI_OUT, text);
    cli_flush(CLI_OUT);
    free(text);
    return true;
}

const char *cli_default_hint(enum platter_result result)
{
    switch (result) {
    case PLATTER_E_USAGE:
        return "'platter --help' shows how it goes";
    case PLATTER_E_BUSY:
        return "close the program that uses it, and try again";
    case PLATTER_E_NO_SPACE:
        return "make room and try again";
    case PLATTER_E_NO_MEMORY:
        return "close some programs and try again";
    case PLATTER_E_IO:
        return "check the medium or the connection it lies on";
    case PLATTER_E_DAMAGED:
        return "'platter verify' lists all that is damaged";
    default:
        return NULL;
    }
}

void cli_error_print(const struct platter_error *err, const char *hint)
{
    char text[sizeof(err->file) + sizeof(err->message) + 64];

    platter_error_text(err, text, sizeof(text));
    /* A system's texts may bring full stops and line ends. */
    for (size_t length = strlen(text); length > 0 && strchr(". \r\n", text[length - 1]); length--)
        text[length - 1] = '\0';
    cli_print(CLI_ERR, "platter: %s%s%s\n", platter_printable(text), hint ? "; " : "", hint ? hint : "");
}

void cli_print_name(enum cli_stream stream, const char *name)
{
    char copy[8192]; /* twice what a path of Linux can have */

    (void)snprintf(copy, sizeof(copy), "%s", name);
    cli_print(stream, "%s", platter_printable(copy));
}

void cli_warn(const char *text)
{
    char copy[1024];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    cli_print(CLI_ERR, "platter: warning: %s\n", platter_printable(copy));
}
