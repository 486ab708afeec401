/* SPDX-License-Identifier: MIT */
/* Differencing VHDX: the parent locator, and telling whether a file is the parent meant; the specification, 2.6.2.6. */
#include <stdlib.h>
#include <string.h>

#include "../source/file.h"
#include "parent.h"
#include "vhdx.h"

#define MAX_LOCATOR (1u << 20) /* bytes */

/* B04AEFB7-D19E-4A81-B789-25B8E9445913 */
static const vhdx_guid locator_type = {0xB7, 0xEF, 0x4A, 0xB0, 0x9E, 0xD1, 0x81, 0x4A,
                                       0xB7, 0x89, 0x25, 0xB8, 0xE9, 0x44, 0x59, 0x13};

struct linkage {
    char linkage[2][39]; /* "{guid}", as stored; "": not there */
    const struct vhdx *x;
};

/* A value of a pair, of `length` bytes of UTF-16; NULL: the key is not there. */
static const uint8_t *value_of(const uint8_t *locator, uint32_t size, const char *key, uint32_t *length)
{
    uint32_t count = platter_le16(locator + 18);

    for (uint32_t i = 0; i < count && 20 + 12 * (i + 1) <= size; i++) {
        const uint8_t *pair = locator + 20 + 12 * (size_t)i;
        uint32_t key_at = platter_le32(pair), value_at = platter_le32(pair + 4);
        uint32_t key_length = platter_le16(pair + 8);
        size_t c = 0;

        *length = platter_le16(pair + 10);
        if (key_length != 2 * strlen(key) || !platter_inside(key_at, key_length, size) ||
            !platter_inside(value_at, *length, size))
            continue;
        while (key[c] && platter_le16(locator + key_at + 2 * c) == (uint16_t)(unsigned char)key[c])
            c++;
        if (!key[c])
            return locator + value_at;
    }
    return NULL;
}

static void copy_guid(const uint8_t *locator, uint32_t size, const char *key, char out[39])
{
    uint32_t length;
    const uint8_t *value = value_of(locator, size, key, &length);

    out[0] = '\0';
    if (!value || length != 2 * 38)
        return;
    for (size_t i = 0; i < 38; i++) {
        uint16_t c = platter_le16(value + 2 * i);

        out[i] = (char)(c >= 'A' && c <= 'F' ? c + 0x20 : c < 0x80 ? c : '?');
    }
    out[38] = '\0';
}

static enum platter_result is_parent(void *context, const char *path, struct platter_error *err)
{
    const struct linkage *linkage = context;
    struct vhdx_header header;
    struct platter_block *file;
    char id[39] = "{";
    enum platter_result result = platter_file_open(path, PLATTER_OPEN_SHARE_WRITERS, &file, err);

    if (result)
        return result;
    result = platter_vhdx_header_read(file, &header, err);
    platter_block_unref(file);
    if (result)
        return result;
    platter_vhdx_guid_text(header.data_write, id + 1);
    memcpy(id + 37, "}", 2);
    if (strcmp(id, linkage->linkage[0]) == 0 || strcmp(id, linkage->linkage[1]) == 0)
        return PLATTER_OK;
    return platter_error_set(
        err, PLATTER_E_FORMAT, linkage->x->m.file->name, linkage->x->meta.locator_offset,
        "its parent \"%.200s\" has another id than it had: it has been changed since this disk was "
        "made on it, or is another disk",
        path);
}

/* NULL: *result says why. To be freed. */
static uint8_t *read_locator(struct vhdx *x, enum platter_result *result, struct platter_error *err)
{
    uint32_t size = x->meta.locator_length;
    uint8_t *locator;

    if (size < 20 || size > MAX_LOCATOR) {
        *result = platter_error_set(err, PLATTER_E_FORMAT, x->m.file->name, x->meta.locator_offset,
                                    "a parent locator of %u bytes is not possible", size);
        return NULL;
    }
    locator = malloc(size);
    if (!locator) {
        *result = platter_error_set(err, PLATTER_E_NO_MEMORY, x->m.file->name, PLATTER_NO_OFFSET, "out of memory");
        return NULL;
    }
    *result = platter_block_read(x->m.file, locator, size, x->meta.locator_offset, err);
    if (*result == PLATTER_OK && memcmp(locator, locator_type, sizeof(locator_type)) != 0)
        *result = platter_error_set(err, PLATTER_E_UNSUPPORTED, x->m.file->name, x->meta.locator_offset,
                                    "its parent is no VHDX");
    if (*result == PLATTER_OK)
        return locator;
    free(locator);
    return NULL;
}

enum platter_result platter_vhdx_parent_open(struct vhdx *x, const struct platter_open_request *request,
                                             struct platter_detail_list *details, struct platter_error *err)
{
    /* The specification's order. */
    static const char *const paths[] = {"relative_path", "volume_path", "absolute_win32_path"};
    struct platter_parent_names names = {.count = 0};
    struct linkage linkage = {.x = x};
    uint32_t size = x->meta.locator_length;
    enum platter_result result;
    uint8_t *locator = read_locator(x, &result, err);

    if (!locator)
        return result;
    copy_guid(locator, size, "parent_linkage", linkage.linkage[0]);
    copy_guid(locator, size, "parent_linkage2", linkage.linkage[1]);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        uint32_t length;
        const uint8_t *value = value_of(locator, size, paths[i], &length);

        if (value && !platter_parent_add_utf16(&names, value, length, false)) {
            result = platter_error_set(err, PLATTER_E_NO_MEMORY, x->m.file->name, PLATTER_NO_OFFSET, "out of memory");
            goto out;
        }
    }
    result = platter_parent_open(request, &names, is_parent, &linkage, &x->m.parent, err);
    if (result == PLATTER_OK)
        platter_detail_add(details, "parent", "%s", platter_block_name(x->m.parent));
out:
    platter_parent_free(&names);
    free(locator);
    return result;
}
