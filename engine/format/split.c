/* SPDX-License-Identifier: MIT */
/*
 * Split raw: a disk's bytes in NAME.001, NAME.002 and so on (or from NAME.000), of whatever sizes. Opened by its first
 * part. That has no mark of its own, so a name that ends like this counts only when more parts are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../join.h"
#include "../os/file.h"
#include "../os/folder.h"
#include "../source/file.h"
#include "format.h"

/* What the parts make together is a raw disk like any other. */
extern const struct platter_format platter_format_raw;

#define PARTS_MOST 65535u
#define DIGITS_LEAST 2u
#define DIGITS_MOST 9u

/* Where the digits of a part's number begin; 0: the name has none. */
static size_t find_digits(const char *name)
{
    size_t length = strlen(name), at = length;

    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    if (at < 2 || name[at - 1] != '.' || length - at < DIGITS_LEAST || length - at > DIGITS_MOST)
        return 0;
    return at;
}

struct parts {
    const char *name; /* of the first part, without its folder */
    size_t digits;    /* where its number begins */
    uint32_t first;   /* that number */
    uint8_t *present; /* a bit a number */
    uint32_t last;    /* the highest there is */
};

static bool see_name(void *context, const char *name)
{
    struct parts *parts = context;
    size_t digits = find_digits(name), width = strlen(parts->name) - parts->digits;
    unsigned long number;

    if (digits != parts->digits || strncmp(name, parts->name, digits) != 0)
        return true;
    number = strtoul(name + digits, NULL, 10);
    /* 001 ... 999, 1000: the number grows when it has to, and only then. */
    if (number > PARTS_MOST ||
        (strlen(name) - digits != width && (strlen(name) - digits < width || name[digits] == '0')))
        return true;
    parts->present[number / 8] |= (uint8_t)(1u << number % 8);
    if (number > parts->last)
        parts->last = (uint32_t)number;
    return true;
}

static bool present(const struct parts *parts, uint32_t number)
{
    return parts->present[number / 8] >> number % 8 & 1;
}

/* Lists the parts beside `path`. *found: it may be the first of several; else nothing is left to be freed. */
static enum platter_result find_parts(const char *path, struct parts *parts, bool *found, struct platter_error *err)
{
    size_t digits;
    enum platter_result result;

    *parts = (struct parts){.name = path + platter_os_folder_length(path)};
    *found = false;
    digits = find_digits(parts->name);
    if (digits == 0 || strtoul(parts->name + digits, NULL, 10) > 1)
        return PLATTER_OK;
    parts->digits = digits;
    parts->first = (uint32_t)strtoul(parts->name + digits, NULL, 10);
    parts->present = calloc(1, PARTS_MOST / 8 + 1);
    if (!parts->present)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = platter_os_folder_list(path, see_name, parts, err);
    *found = result == PLATTER_OK && (parts->last > parts->first || (parts->first == 1 && present(parts, 0)));
    if (!*found)
        free(parts->present);
    return result;
}

/* The path of a part; NULL: no memory. */
static char *part_path(const char *path, const struct parts *parts, uint32_t number)
{
    size_t length = strlen(path) + DIGITS_MOST + 1, digits = (size_t)(parts->name - path) + parts->digits;
    char *made = malloc(length);

    if (made) {
        memcpy(made, path, digits);
        (void)snprintf(made + digits, length - digits, "%0*u", (int)(strlen(path) - digits), number);
    }
    return made;
}

static enum platter_probe split_probe(struct platter_block *file)
{
    struct parts parts;
    bool found;

    if (find_parts(file->name, &parts, &found, NULL) || !found)
        return PLATTER_PROBE_NO;
    free(parts.present);
    return PLATTER_PROBE_MAYBE;
}

static enum platter_result open_part(struct platter_block *file, const struct platter_open_request *request,
                                     const struct parts *parts, uint32_t number, struct platter_block **part,
                                     struct platter_error *err)
{
    char *path = part_path(request->path, parts, number);
    enum platter_result result;

    if (!path)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    if (number == parts->first) {
        *part = platter_block_ref(file);
        result = PLATTER_OK;
    } else if (!present(parts, number)) {
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, path, PLATTER_NO_OFFSET,
                                   "this part of the image is missing; there are parts up to number %u", parts->last);
    } else {
        result = platter_file_open(path, request->options->flags, part, err);
    }
    free(path);
    return result;
}

static enum platter_result split_open(struct platter_block *file, const struct platter_open_request *request,
                                      struct platter_opened *opened, struct platter_error *err)
{
    struct platter_block **blocks = NULL, *joined;
    enum platter_result result;
    struct parts parts;
    size_t count = 0;
    bool found;

    result = find_parts(request->path, &parts, &found, err);
    if (result)
        return result;
    if (!found)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "is not the first part of an image in several (NAME.000 or NAME.001)");
    if (parts.first == 1 && present(&parts, 0)) {
        result = platter_error_set(err, PLATTER_E_USAGE, request->path, PLATTER_NO_OFFSET,
                                   "is the second part of an image that begins with number 0; open that one");
        goto out;
    }
    blocks = calloc(parts.last - parts.first + 1, sizeof(struct platter_block *));
    if (!blocks) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
        goto out;
    }
    for (uint32_t number = parts.first; number <= parts.last; number++) {
        result = open_part(file, request, &parts, number, &blocks[count], err);
        if (result)
            goto out;
        opened->file_size += platter_block_size(blocks[count]);
        opened->allocated_size += platter_file_allocated(blocks[count]);
        count++;
    }
    platter_detail_add(opened->details, "parts", "%zu", count);
    result = platter_join_create("split raw", request->path, blocks, count, 0, &joined, err);
    if (result == PLATTER_OK) {
        result = platter_format_raw.open(joined, request, opened, err);
        platter_block_unref(joined);
    }
out:
    for (size_t i = 0; i < count; i++)
        platter_block_unref(blocks[i]);
    free(blocks);
    free(parts.present);
    return result;
}

const struct platter_format platter_format_split = {
    .name = "split",
    .probe = split_probe,
    .open = split_open,
};
