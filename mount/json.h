/* SPDX-License-Identifier: MIT */
/*
 * Building what --json prints. Text that is not valid UTF-8 is repaired, as JSON cannot hold it otherwise. What fails
 * for want of memory is remembered, so that half an object is never taken for a whole one.
 */
#ifndef PLATTER_MOUNT_JSON_H
#define PLATTER_MOUNT_JSON_H

#include <platter/engine.h>

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

/* Each adds key: value to `object`; NULL text and numbers that JSON readers cannot hold (2^63 and more) become null. */
void platter_json_text(json_t *object, const char *key, const char *text);
void platter_json_number(json_t *object, const char *key, uint64_t number);
void platter_json_bool(json_t *object, const char *key, bool value);
void platter_json_null(json_t *object, const char *key);
/* Makes, adds and lends. NULL without memory, which all functions here take. */
json_t *platter_json_object(json_t *object, const char *key);
json_t *platter_json_array(json_t *object, const char *key);
json_t *platter_json_element(json_t *array); /* a new object at the end */
void platter_json_append(json_t *array, const char *text);

/* The whole text, with a newline at the end; NULL when anything above, or this, ran out of memory. To be freed. */
char *platter_json_dump(const json_t *root);

/* The text under `key`, "" when there is none. */
const char *platter_json_text_of(const json_t *object, const char *key);

/* {"code": 6, "name": "format", "message": ..., "file": ..., "offset": ..., "os_error": ..., "hint": ...} under "error". */
void platter_error_json(json_t *object, const struct platter_error *err, const char *hint);
/* The error that another process met, as if it had been met here. */
enum platter_result platter_error_take(const json_t *error, struct platter_error *err);

#endif
