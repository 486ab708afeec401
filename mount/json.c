/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local bool incomplete;

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

void platter_json_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : json_null();

    if (!value) {
        char *repaired = platter_utf8_repair(text);

        value = repaired ? json_string(repaired) : NULL;
        free(repaired);
    }
    add(object, key, value);
}

void platter_json_number(json_t *object, const char *key, uint64_t number)
{
    add(object, key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_null());
}

void platter_json_bool(json_t *object, const char *key, bool value)
{
    add(object, key, json_boolean(value));
}

void platter_json_null(json_t *object, const char *key)
{
    add(object, key, json_null());
}

json_t *platter_json_object(json_t *object, const char *key)
{
    json_t *value = json_object();

    add(object, key, value);
    return incomplete ? NULL : value;
}

json_t *platter_json_array(json_t *object, const char *key)
{
    json_t *value = json_array();

    add(object, key, value);
    return incomplete ? NULL : value;
}

json_t *platter_json_element(json_t *array)
{
    json_t *value = kept(json_object());

    if (!array || json_array_append_new(array, value) != 0)
        incomplete = true;
    return incomplete ? NULL : value;
}

void platter_json_append(json_t *array, const char *text)
{
    char *repaired = platter_utf8_repair(text);
    json_t *value = kept(repaired ? json_string(repaired) : NULL);

    if (!array || json_array_append_new(array, value) != 0)
        incomplete = true;
    free(repaired);
}

char *platter_json_dump(const json_t *root)
{
    char *text = incomplete || !root ? NULL : json_dumps(root, JSON_INDENT(2));
    size_t length = text ? strlen(text) : 0;
    char *line = text ? realloc(text, length + 2) : NULL;

    incomplete = false; /* the next object begins anew */
    if (!line) {
        free(text);
        return NULL;
    }
    line[length] = '\n';
    line[length + 1] = '\0';
    return line;
}

const char *platter_json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void platter_error_json(json_t *object, const struct platter_error *err, const char *hint)
{
    json_t *error = platter_json_object(object, "error");

    platter_json_number(error, "code", (uint64_t)err->result);
    platter_json_text(error, "name", platter_result_name(err->result));
    platter_json_text(error, "message", err->message);
    platter_json_text(error, "file", err->file[0] ? err->file : NULL);
    platter_json_number(error, "offset", err->offset); /* PLATTER_NO_OFFSET is too large, and so null */
    platter_json_number(error, "os_error", (uint32_t)err->os_error);
    platter_json_text(error, "hint", hint);
}

enum platter_result platter_error_take(const json_t *error, struct platter_error *err)
{
    const json_t *offset = json_object_get(error, "offset");

    memset(err, 0, sizeof(*err));
    err->result = (enum platter_result)json_integer_value(json_object_get(error, "code"));
    if (err->result == PLATTER_OK)
        err->result = PLATTER_E_FAILED;
    err->os_error = (int)json_integer_value(json_object_get(error, "os_error"));
    err->offset = json_is_integer(offset) ? (uint64_t)json_integer_value(offset) : PLATTER_NO_OFFSET;
    (void)snprintf(err->file, sizeof(err->file), "%s", platter_json_text_of(error, "file"));
    (void)snprintf(err->message, sizeof(err->message), "%s", platter_json_text_of(error, "message"));
    return err->result;
}
