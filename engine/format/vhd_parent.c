/* SPDX-License-Identifier: MIT */
/* Differencing VHD: finding the parent, and telling whether it is the one the child was made on. */
#include <stdlib.h>
#include <string.h>

#include "../ascii.h"
#include "../os/file.h"
#include "../source/file.h"
#include "parent.h"
#include "vhd_sparse.h"

#define MAX_LOCATOR 65536u /* bytes */
#define EPOCH 946684800    /* 2000-01-01 00:00 UTC in seconds since 1970 */

/* Codes of the specification, "Parent Locator Entries". */
enum locator_platform {
    WINDOWS_ABSOLUTE = 0x57326B75,     /* W2ku: UTF-16, little-endian */
    WINDOWS_RELATIVE = 0x57327275,     /* W2ru */
    WINDOWS_ABSOLUTE_OLD = 0x5769326B, /* Wi2k: one byte a character */
    WINDOWS_RELATIVE_OLD = 0x57693272, /* Wi2r */
    MAC_URL = 0x4D616358,              /* MacX: a file: URL in UTF-8 */
};

/* Turns file://host/path%20name into /path name, in place. */
static char *path_of_url(char *url)
{
    char *path = url, *out;

    if (strncmp(url, "file://", 7) == 0) {
        path = strchr(url + 7, '/');
        if (!path)
            return url + strlen(url);
    }
    out = path;
    for (char *in = path; *in; in++) {
        int high = *in == '%' ? platter_hex_digit(in[1]) : -1, low = high >= 0 ? platter_hex_digit(in[2]) : -1;

        if (low >= 0 && (high | low) != 0) {
            *out++ = (char)(high << 4 | low);
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return path;
}

static enum platter_result add_locator(struct vhd_sparse *s, const struct vhd_locator *locator,
                                       struct platter_parent_names *names, struct platter_error *err)
{
    uint8_t *text;
    enum platter_result result;
    bool added;

    if (locator->length == 0)
        return PLATTER_OK;
    if (locator->length > MAX_LOCATOR ||
        !platter_inside(locator->offset, locator->length, platter_block_size(s->m.file)))
        return platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, locator->offset,
                                 "a parent locator of %u bytes cannot lie here", locator->length);
    text = malloc((size_t)locator->length + 1);
    if (!text)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_block_read(s->m.file, text, locator->length, locator->offset, err);
    if (result)
        goto out;
    text[locator->length] = '\0';
    if (locator->platform == WINDOWS_ABSOLUTE || locator->platform == WINDOWS_RELATIVE)
        added = platter_parent_add_utf16(names, text, locator->length, false);
    else if (locator->platform == MAC_URL)
        added = platter_parent_add(names, path_of_url((char *)text));
    else
        added = platter_parent_add(names, (const char *)text);
    if (!added)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
out:
    free(text);
    return result;
}

/* The whole names first, then those relative to the child, then the name in the header, which may be either. */
static enum platter_result collect(struct vhd_sparse *s, struct platter_parent_names *names, struct platter_error *err)
{
    static const uint32_t order[] = {WINDOWS_ABSOLUTE, WINDOWS_ABSOLUTE_OLD, WINDOWS_RELATIVE, WINDOWS_RELATIVE_OLD,
                                     MAC_URL};

    for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
        for (size_t i = 0; i < VHD_LOCATORS; i++) {
            enum platter_result result = PLATTER_OK;

            if (s->header.locators[i].platform == order[o])
                result = add_locator(s, &s->header.locators[i], names, err);
            if (result)
                return result;
        }
    }
    if (!platter_parent_add_utf16(names, s->header.parent_name, sizeof(s->header.parent_name), true))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, s->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    return PLATTER_OK;
}

/*
 * The specification has the child keep the parent's "modification time stamp". Windows takes the file's time for it,
 * others the time in the parent's footer; either will do, the file's to the 2 seconds of a FAT.
 */
static bool time_matches(uint32_t stored, const struct vhd_footer *parent, const char *path)
{
    int64_t modified;

    if (stored == 0 || stored == parent->timestamp)
        return true;
    if (!platter_os_modified(path, &modified))
        return true;
    modified -= EPOCH + (int64_t)stored;
    return modified >= -2 && modified <= 2;
}

static enum platter_result is_parent(void *context, const char *path, struct platter_error *err)
{
    const struct vhd_sparse *s = context;
    struct vhd_footer footer;
    struct platter_block *file;
    enum platter_result result = platter_file_open(path, PLATTER_OPEN_SHARE_WRITERS, &file, err);

    if (result)
        return result;
    result = platter_vhd_footer_read(file, &footer, err);
    if (result == PLATTER_OK && memcmp(footer.id, s->header.parent_id, sizeof(footer.id)) != 0)
        result = platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, s->header.offset + 40,
                                   "its parent \"%.300s\" has another id: it is not the disk that this one was made on",
                                   path);
    else if (result == PLATTER_OK && !time_matches(s->header.parent_timestamp, &footer, path))
        result = platter_error_set(err, PLATTER_E_FORMAT, s->m.file->name, s->header.offset + 56,
                                   "its parent \"%.300s\" has another time stamp: it has been changed since this disk "
                                   "was made on it",
                                   path);
    platter_block_unref(file);
    return result;
}

enum platter_result platter_vhd_parent_open(struct vhd_sparse *s, const struct platter_open_request *request,
                                            struct platter_detail_list *details, struct platter_error *err)
{
    struct platter_parent_names names = {.count = 0};
    enum platter_result result = collect(s, &names, err);

    if (result == PLATTER_OK)
        result = platter_parent_open(request, &names, is_parent, s, &s->m.parent, err);
    if (result == PLATTER_OK)
        platter_detail_add(details, "parent", "%s", platter_block_name(s->m.parent));
    platter_parent_free(&names);
    return result;
}
