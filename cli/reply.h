/* SPDX-License-Identifier: MIT */
/* How a command tells its outcome: one JSON object, or text; errors as one sentence that says what to do. */
#ifndef PLATTER_CLI_REPLY_H
#define PLATTER_CLI_REPLY_H

#include "console.h"
#include "../mount/json.h"

#include <platter/engine.h>

#define CLI_JSON_SCHEMA 1 /* raised when a member is renamed, removed or changes its meaning; not when one is added */

struct cli_reply {
    bool json;
    json_t *root;     /* with --json: the object to fill; else NULL */
    bool printed;     /* the JSON object is out already */
    bool reported;    /* the command's output says already why its result is not PLATTER_OK */
    const char *hint; /* what to do about the error; NULL: what cli_default_hint says */
};

/* Prints the JSON object; once, at the end or where others wait for it. False without memory. */
bool cli_reply_print(struct cli_reply *reply);

/* What people can do about such an error, in general; NULL when there is no general advice. */
const char *cli_default_hint(enum platter_result result);
/* "platter: file: at byte N: cause; hint" on standard error. */
void cli_error_print(const struct platter_error *err, const char *hint);
/* The name of a file, without what could steer a terminal. */
void cli_print_name(enum cli_stream stream, const char *name);
/* "platter: warning: ..." on standard error. `text` may hold what an image says. */
void cli_warn(const char *text);

#endif
