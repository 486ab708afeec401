/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

static bool incomplete;

static json_t *kept(json_t *value)
{
    if (!value)
        incomplete = true;
    return value;
}

static void add(json_t *object, const char *key, json_t *value)
{
    /* The _new functions take the reference, also when they fail. */
    if (!object || json_object_set_new(object, key, kept(value)) != 0)
        incomplete = true;
}

void cli_json_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : json_null();

    if (!value) {
        char *repaired = cli_utf8_repair(text);

        value = repaired ? json_string(repaired) : NULL;
        free(repaired);
    }
    add(object, key, value);
}

void cli_json_number(json_t *object, const char *key, uint64_t number)
{
    add(object, key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_null());
}

void cli_json_bool(json_t *object, const char *key, bool value)
{
    add(object, key, json_boolean(value));
}

void cli_json_null(json_t *object, const char *key)
{
    add(object, key, json_null());
}

json_t *cli_json_object(json_t *object, const char *key)
{
    json_t *value = json_object();

    add(object, key, value);
    return incomplete ? NULL : value;
}

json_t *cli_json_array(json_t *object, const char *key)
{
    json_t *value = json_array();

    add(object, key, value);
    return incomplete ? NULL : value;
}

json_t *cli_json_element(json_t *array)
{
    json_t *value = kept(json_object());

    if (!array || json_array_append_new(array, value) != 0)
        incomplete = true;
    return incomplete ? NULL : value;
}

void cli_json_append(json_t *array, const char *text)
{
    char *repaired = cli_utf8_repair(text);
    json_t *value = kept(repaired ? json_string(repaired) : NULL);

    if (!array || json_array_append_new(array, value) != 0)
        incomplete = true;
    free(repaired);
}

char *cli_json_dump(const json_t *root)
{
    char *text = incomplete || !root ? NULL : json_dumps(root, JSON_INDENT(2));
    size_t length = text ? strlen(text) : 0;
    char *line = text ? realloc(text, length + 2) : NULL;

    if (!line) {
        free(text);
        return NULL;
    }
    line[length] = '\n';
    line[length + 1] = '\0';
    return line;
}
