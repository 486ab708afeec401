/* SPDX-License-Identifier: MIT */
#include "detail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

void platter_detail_add(struct platter_detail_list *list, const char *key, const char *format, ...)
{
    char value[1024];
    size_t key_size = strlen(key) + 1, value_size;
    char *text;
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(value, sizeof(value), format, arguments) < 0)
        value[0] = '\0';
    va_end(arguments);
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct platter_image_detail *lines = realloc(list->lines, room * sizeof(*lines));

        if (!lines)
            return;
        list->lines = lines;
        list->room = room;
    }
    value_size = strlen(value) + 1;
    text = malloc(key_size + value_size);
    if (!text)
        return;
    memcpy(text, key, key_size);
    memcpy(text + key_size, value, value_size);
    list->lines[list->count].key = text;
    list->lines[list->count].value = text + key_size;
    list->count++;
}

void platter_detail_free(struct platter_detail_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        void *text;

        /* The key starts the one allocation that holds both; it is const only for readers. */
        memcpy(&text, &list->lines[i].key, sizeof(text));
        free(text);
    }
    free(list->lines);
    memset(list, 0, sizeof(*list));
}
