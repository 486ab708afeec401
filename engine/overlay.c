/* SPDX-License-Identifier: MIT */
/*
 * Overlays: QCOW2 images of version 3 with another image as backing file, which take the writes in its place. QEMU's
 * rules of names hold, so that its tools find the image as well.
 */
#include "overlay.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "detail.h"
#include "format/qcow2.h"
#include "format/qcow2_create.h"
#include "image.h"
#include "os/nameless.h"
#include "os/path.h"
#include "reference.h"
#include "source/file.h"

extern const struct platter_format platter_format_qcow2;

static enum platter_result no_memory(const char *path, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
}

/* ---- The name of the image, in its overlay ------------------------------------------------------------------------ */

static char *folder_of(const char *path)
{
    size_t length = platter_os_folder_length(path);
    char *folder = calloc(1, length + 2);

    if (folder)
        memcpy(folder, length ? path : ".", length ? length : 1);
    return folder;
}

/*
 * A bare name where both lie in one folder, so that they may move together; else the whole path. To be freed. NULL: no
 * memory, or no such file.
 */
static char *name_of_base(const char *overlay, const char *base)
{
    const char *bare = base + platter_os_folder_length(base);
    char *one = folder_of(overlay), *other = folder_of(base);
    bool together = one && other && platter_os_same_file(one, other);

    free(one);
    free(other);
    /* QEMU takes what stands before a colon for a protocol. */
    return together && !strchr(bare, ':') ? strdup(bare) : platter_os_full_path(base);
}

/*
 * For an image that QEMU does not know, which it would take for a raw disk and commit to: as a JSON name that opens the
 * file for reading only. Without a driver it is found by content, by us.
 */
static char *name_for_reading(const char *base)
{
    char *whole = platter_os_full_path(base), *text = NULL, *name = NULL;
    json_t *object =
        whole ? json_pack("{s:{s:s, s:s, s:b}}", "file", "driver", "file", "filename", whole, "read-only", 1) : NULL;

    if (object)
        text = json_dumps(object, JSON_COMPACT);
    if (text)
        name = malloc(strlen(text) + 6);
    if (name) {
        memcpy(name, "json:", 5);
        memcpy(name + 5, text, strlen(text) + 1);
    }
    free(text);
    json_decref(object);
    free(whole);
    return name;
}

static enum platter_result check_no_view(const char *path, struct platter_image *base, struct platter_error *err)
{
    if (!platter_image_is_view(base))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                             "an overlay that is kept cannot say that it stands on a snapshot, or on another disk than "
                             "the first, of %.200s; one without a name can",
                             platter_image_info(base)->path);
}

enum platter_result platter_overlay_name(const char *path, struct platter_image *base, char **name, const char **format,
                                         struct platter_error *err)
{
    const struct platter_image_info *info = platter_image_info(base);

    enum platter_result result = check_no_view(path, base, err);

    if (result)
        return result;
    *format = platter_qcow2_qemu_format(info->format);
    *name = platter_reference_is_url(info->path) ? strdup(info->path)
            : *format                            ? name_of_base(path, info->path)
                                                 : name_for_reading(info->path);
    if (!*name)
        return platter_error_set(err, PLATTER_E_FAILED, path, PLATTER_NO_OFFSET,
                                 "the path of the image cannot be written into it: no memory, or it is no UTF-8");
    return PLATTER_OK;
}

/* ---- An overlay that is there -------------------------------------------------------------------------------------- */

/* Reads the header of the overlay behind `block`: its disk's size and its backing file. */
static enum platter_result read_header(struct platter_block *block, uint64_t *size, char **base_path,
                                       const char **base_format, struct platter_error *err)
{
    struct qcow2_header header;
    uint8_t magic[4] = {0};
    enum platter_result result;
    char *name = NULL;

    *base_path = NULL;
    if (platter_block_size(block) >= sizeof(magic))
        (void)platter_block_read(block, magic, sizeof(magic), 0, NULL);
    if (platter_be32(magic) != QCOW2_MAGIC)
        return platter_error_set(err, PLATTER_E_FORMAT, block->name, PLATTER_NO_OFFSET,
                                 "is not an overlay (a QCOW2 image with a backing file)");
    result = platter_qcow2_header_read(block, &header, err);
    if (result)
        return result;
    *size = header.size;
    if (!header.backing_name)
        result = platter_error_set(err, PLATTER_E_FORMAT, block->name, PLATTER_NO_OFFSET,
                                   "is a QCOW2 image of its own, not an overlay: it has no backing file");
    if (result == PLATTER_OK)
        result = platter_qcow2_backing(block->name, &header, &name, base_format, err);
    if (result == PLATTER_OK)
        *base_path = platter_reference_is_url(name) ? strdup(name) : platter_chain_path(block->name, name);
    if (result == PLATTER_OK && !*base_path)
        result = no_memory(block->name, err);
    free(name);
    platter_qcow2_header_free(&header);
    return result;
}

/* Whether the overlay was made for this image, as far as can be told without its content. */
static enum platter_result check_belongs(struct platter_block *file, const struct platter_image_info *base,
                                         struct platter_error *err)
{
    const char *format;
    char *there;
    uint64_t size;
    enum platter_result result = read_header(file, &size, &there, &format, err);

    if (result)
        return result;
    if (strcmp(there, base->path) != 0 && !platter_os_same_file(there, base->path))
        result = platter_error_set(err, PLATTER_E_USAGE, file->name, PLATTER_NO_OFFSET,
                                   "is an overlay on \"%.300s\", not on this image", there);
    else if (format && strcmp(format, base->format) != 0)
        result = platter_error_set(err, PLATTER_E_USAGE, file->name, PLATTER_NO_OFFSET,
                                   "was made on this image as one of format %s, but it is opened as %s", format,
                                   base->format);
    else if (size != base->virtual_size)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                   "was made on a disk of %llu bytes; the image has %llu now, so it has been changed",
                                   (unsigned long long)size, (unsigned long long)base->virtual_size);
    free(there);
    return result;
}

enum platter_result platter_overlay_file_open(const char *path, struct platter_overlay_file *file,
                                              struct platter_error *err)
{
    enum platter_result result;

    memset(file, 0, sizeof(*file));
    result = platter_os_file_open(path, PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_REMOVABLE, &file->os, err);
    if (result == PLATTER_OK)
        result = platter_file_over(file->os, path, PLATTER_OPEN_WRITABLE, &file->block, err);
    if (result == PLATTER_OK)
        result = read_header(file->block, &file->size, &file->base_path, &file->base_format, err);
    if (result)
        platter_overlay_file_close(file);
    return result;
}

void platter_overlay_file_close(struct platter_overlay_file *file)
{
    platter_block_unref(file->block);
    platter_os_file_close(file->os);
    free(file->base_path);
    memset(file, 0, sizeof(*file));
}

/* ---- Opening -------------------------------------------------------------------------------------------------------- */

/* The file of a named overlay, made if it is not there. */
static enum platter_result open_named(struct platter_image *base, const char *path, uint32_t flags,
                                      struct platter_block **file, struct platter_error *err)
{
    const struct platter_convert_options child = {.format = platter_format_qcow2.name, .backing = base};
    const struct platter_image_info *info = platter_image_info(base);
    enum platter_result result = check_no_view(path, base, err);

    if (result)
        return result;
    if (platter_os_same_file(path, info->path))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "is the image itself; the overlay has to be another file");
    /* Somebody else may be faster. */
    if (!platter_os_exists(path))
        result = platter_create(path, &child, err);
    if (result && result != PLATTER_E_EXISTS)
        return result;
    result = platter_file_open(path, flags, file, err);
    if (result == PLATTER_OK)
        result = check_belongs(*file, info, err);
    return result;
}

static enum platter_result open_temporary(struct platter_image *base, uint32_t flags, struct platter_block **file,
                                          struct platter_error *err)
{
    const struct platter_qcow2_new wanted = {.size = platter_image_info(base)->virtual_size};
    uint32_t os_flags = flags & PLATTER_OPEN_UNBUFFERED ? PLATTER_OS_FILE_UNBUFFERED : 0;
    struct platter_os_file *os;
    char *path;
    enum platter_result result = platter_nameless_create(os_flags, &path, &os, err);

    if (result)
        return result;
    result = platter_qcow2_create(os, path, &wanted, err);
    if (result == PLATTER_OK)
        result = platter_file_take(os, path, flags, file, err);
    if (result)
        platter_os_file_close(os);
    free(path);
    return result;
}

enum platter_result platter_overlay_open(struct platter_image *base, const char *path, uint32_t flags,
                                         struct platter_image **image, struct platter_error *err)
{
    struct platter_block *disk = platter_image_block(base), *file = NULL;
    const struct platter_open_options options = {.flags = (flags & PLATTER_OPEN_UNBUFFERED) | PLATTER_OPEN_WRITABLE,
                                                 .sector_size = platter_block_sector_size(disk)};
    struct platter_detail_list unused = {0};
    struct platter_opened opened = {.details = &unused};
    struct platter_open_request request = {.options = &options, .backing = disk};
    enum platter_result result;

    result = path ? open_named(base, path, options.flags, &file, err) : open_temporary(base, options.flags, &file, err);
    if (result)
        goto out;
    request.path = file->name;
    result = platter_format_qcow2.open(file, &request, &opened, err);
    if (result)
        goto out;
    opened.block->physical_sector_size = platter_block_physical_sector_size(disk);
    result = platter_image_over(base, &platter_format_qcow2, opened.block, path ? path : "", image, err);
out:
    platter_detail_free(&unused);
    platter_block_unref(file);
    return result;
}
