/* SPDX-License-Identifier: MIT */
/*
 * Building what --json prints. Text that is not valid UTF-8 is repaired, as JSON cannot hold it otherwise. What fails
 * for want of memory is remembered, so that half an object is never taken for a whole one.
 */
#ifndef PLATTER_CLI_JSON_H
#define PLATTER_CLI_JSON_H

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

/* Each adds key: value to `object`; NULL text and numbers that JSON readers cannot hold (2^63 and more) become null. */
void cli_json_text(json_t *object, const char *key, const char *text);
void cli_json_number(json_t *object, const char *key, uint64_t number);
void cli_json_bool(json_t *object, const char *key, bool value);
void cli_json_null(json_t *object, const char *key);
/* Makes, adds and lends. NULL without memory, which all functions here take. */
json_t *cli_json_object(json_t *object, const char *key);
json_t *cli_json_array(json_t *object, const char *key);
json_t *cli_json_element(json_t *array); /* a new object at the end */
void cli_json_append(json_t *array, const char *text);

/* The whole text, with a newline at the end; NULL when anything above, or this, ran out of memory. To be freed. */
char *cli_json_dump(const json_t *root);

#endif
