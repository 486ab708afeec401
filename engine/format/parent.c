/* SPDX-License-Identifier: MIT */
#include "parent.h"

#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../chain.h"
#include "../os/file.h"
#include "../utf.h"

#define MAX_UNITS 32768u /* of UTF-16: no path of Windows is longer */

bool platter_parent_add(struct platter_parent_names *names, const char *name)
{
    size_t length = strlen(name) + 1;
    char *copy;

    if (length == 1 || names->count == PLATTER_PARENT_NAMES)
        return true;
    copy = malloc(length);
    if (!copy)
        return false;
    memcpy(copy, name, length);
    names->names[names->count++] = copy;
    return true;
}

bool platter_parent_add_utf16(struct platter_parent_names *names, const uint8_t *text, size_t bytes, bool big_endian)
{
    size_t units = bytes / 2 < MAX_UNITS ? bytes / 2 : MAX_UNITS;
    uint16_t *host = malloc((units + 1) * sizeof(*host));
    char *utf8 = malloc(units * 3 + 1);
    bool added = false;

    if (host && utf8) {
        for (size_t i = 0; i < units; i++)
            host[i] = big_endian ? platter_be16(text + 2 * i) : platter_le16(text + 2 * i);
        (void)platter_utf8_from_utf16(host, units, utf8, units * 3 + 1);
        added = platter_parent_add(names, utf8);
    }
    free(utf8);
    free(host);
    return added;
}

void platter_parent_free(struct platter_parent_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    names->count = 0;
}

struct search {
    const struct platter_open_request *request;
    platter_parent_check_fn *check;
    void *context;
    struct platter_block **disk;
    struct platter_error first; /* of those that exist and are not it, or that may not be followed */
    bool failed;
};

static void note_failure(struct search *search, const struct platter_error *error)
{
    if (!search->failed)
        search->first = *error;
    search->failed = true;
}

/* True when the search is over, for better or worse. */
static bool try_name(struct search *search, const char *name, enum platter_result *result, struct platter_error *err)
{
    struct platter_error error;
    char *path;

    *result = platter_chain_follow(search->request->path, name, &path, &error);
    if (*result == PLATTER_E_ACCESS) {
        note_failure(search, &error);
        return false;
    }
    if (*result) {
        if (err)
            *err = error;
        return true;
    }
    if (!platter_os_exists(path)) {
        free(path);
        return false;
    }
    *result = search->check(search->context, path, &error);
    free(path);
    if (*result == PLATTER_OK) {
        *result = platter_chain_open(search->request, name, NULL, search->disk, err);
        return true;
    }
    note_failure(search, &error);
    return false;
}

static const char *base_name(const char *name)
{
    const char *base = name;

    for (const char *at = name; *at; at++) {
        if (*at == '\\' || *at == '/' || *at == ':')
            base = at + 1;
    }
    return base;
}

/* As stored, with this system's separators, and bare: whichever `form` says. */
static bool try_form(struct search *search, const char *name, int form, enum platter_result *result,
                     struct platter_error *err)
{
    char *slashes;
    bool over;

    if (form == 0)
        return try_name(search, name, result, err);
    if (form == 2)
        return base_name(name)[0] ? try_name(search, base_name(name), result, err) : false;
    if (!strchr(name, '\\'))
        return false;
    slashes = malloc(strlen(name) + 1);
    if (!slashes) {
        *result = platter_error_set(err, PLATTER_E_NO_MEMORY, name, PLATTER_NO_OFFSET, "out of memory");
        return true;
    }
    for (size_t i = 0; i <= strlen(name); i++)
        slashes[i] = name[i] == '\\' ? '/' : name[i];
    over = try_name(search, slashes, result, err);
    free(slashes);
    return over;
}

enum platter_result platter_parent_open(const struct platter_open_request *request,
                                        const struct platter_parent_names *names, platter_parent_check_fn *check,
                                        void *context, struct platter_block **disk, struct platter_error *err)
{
    struct search search = {.request = request, .check = check, .context = context, .disk = disk};
    enum platter_result result;

    if (names->count == 0)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "is a differencing disk that does not say where its parent is");
    for (size_t i = 0; i < names->count; i++) {
        if (try_form(&search, names->names[i], 0, &result, err) || try_form(&search, names->names[i], 1, &result, err))
            return result;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (try_form(&search, names->names[i], 2, &result, err))
            return result;
    }
    if (search.failed) {
        if (err)
            *err = search.first;
        return search.first.result;
    }
    return platter_error_set(err, PLATTER_E_NOT_FOUND, request->path, PLATTER_NO_OFFSET,
                             "its parent \"%.300s\" is neither there nor beside it; put it into the same folder",
                             names->names[0]);
}

enum platter_result platter_parent_read(struct platter_block *parent, uint8_t *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    uint64_t size = parent ? platter_block_size(parent) : 0;
    size_t there = offset >= size ? 0 : length < size - offset ? length : (size_t)(size - offset);

    memset(buffer + there, 0, length - there);
    return there ? platter_block_read(parent, buffer, there, offset, err) : PLATTER_OK;
}

enum platter_result platter_parent_map(struct platter_block *parent, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err)
{
    uint64_t size = parent ? platter_block_size(parent) : 0;

    if (offset < size)
        return platter_block_map(parent, offset, length < size - offset ? length : size - offset, extent, err);
    *extent = (struct platter_extent){.offset = offset, .length = length};
    return PLATTER_OK;
}
