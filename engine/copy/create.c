/* SPDX-License-Identifier: MIT */
/* New images: which format, of which kind, of which size; and whether that can be. */
#include "create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ascii.h"
#include "../image.h"
#include "../os/file.h"
#include "../overlay.h"

const char *platter_format_for_name(const char *path)
{
    const char *dot = strrchr(path + platter_os_folder_length(path), '.');

    for (size_t i = 0; dot && platter_formats[i]; i++) {
        const struct platter_maker *maker = platter_formats[i]->maker;

        for (size_t e = 0; maker && maker->extensions[e]; e++) {
            if (platter_same_word(dot + 1, maker->extensions[e]))
                return platter_formats[i]->name;
        }
    }
    return NULL;
}

static enum platter_result find_format(const char *name, const struct platter_format **format,
                                       struct platter_error *err)
{
    char names[160];
    size_t used = 0;

    for (size_t i = 0; platter_formats[i] && used < sizeof(names); i++) {
        *format = platter_formats[i];
        if (!(*format)->maker)
            continue;
        if (strcmp(name, (*format)->name) == 0)
            return PLATTER_OK;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", (*format)->name);
    }
    return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                             "images of format \"%.64s\" cannot be made; these can: %s", name, names);
}

/* *chosen: the one that is meant, by the maker's own pointer. */
static enum platter_result choose_subformat(const struct platter_format *format, const char *name, const char **chosen,
                                            struct platter_error *err)
{
    const char *const *list = format->maker->subformats;
    char names[160];
    size_t used = 0;

    for (size_t i = 0; list && list[i] && used < sizeof(names); i++) {
        *chosen = list[i];
        if (!name || platter_same_word(name, list[i]))
            return PLATTER_OK;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", list[i]);
    }
    if (!name)
        return PLATTER_OK;
    if (used == 0)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET, "%s images have no subformat to choose",
                                 format->name);
    return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                             "%s images have no subformat \"%.64s\"; there is: %s", format->name, name, names);
}

static enum platter_result choose_size(const char *path, const struct platter_convert_options *options,
                                       struct platter_block *source, struct platter_new_image *wanted,
                                       struct platter_error *err)
{
    struct platter_block *below = source ? source : wanted->backing;
    uint64_t least = below ? platter_block_size(below) : 0;

    wanted->sector_size = options->sector_size ? options->sector_size : 512;
    if (below && !options->sector_size)
        wanted->sector_size = platter_block_sector_size(below);
    if (below)
        wanted->physical_sector_size = platter_block_physical_sector_size(below);
    if (wanted->sector_size < 512 || wanted->sector_size > 4096 || (wanted->sector_size & (wanted->sector_size - 1)))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "sectors cannot have %u bytes",
                                 wanted->sector_size);
    wanted->size = options->size;
    /* A source that ends within a sector is continued with zeros, as a raw image that does is read. */
    if (!options->size)
        wanted->size = least + (wanted->sector_size - least % wanted->sector_size) % wanted->sector_size;
    if (wanted->size == 0)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "a disk has to have a size");
    if (wanted->size < least)
        return platter_error_set(
            err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "%llu bytes are less than the %llu that are to be %s",
            (unsigned long long)wanted->size, (unsigned long long)least, source ? "copied" : "below");
    if (wanted->size % wanted->sector_size)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "%llu bytes are no whole number of sectors of %u bytes",
                                 (unsigned long long)wanted->size, wanted->sector_size);
    return PLATTER_OK;
}

static enum platter_result check_limits(const char *path, const struct platter_format *format,
                                        struct platter_new_image *wanted, struct platter_error *err)
{
    const struct platter_maker *maker = format->maker;
    uint32_t block = wanted->block_size;

    if (wanted->size > maker->size_most)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                                 "a disk of %llu bytes is too large for a %s image, which can hold %llu (%llu GiB)",
                                 (unsigned long long)wanted->size, format->name, (unsigned long long)maker->size_most,
                                 (unsigned long long)(maker->size_most >> 30));
    /* The 2048 of an optical disc are how it is read, not what its contents count in. */
    if (maker->sector_most == 512 && wanted->sector_size == 4096)
        return platter_error_set(
            err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
            "a %s image has sectors of 512 bytes, and the partitions of this disk, which has 4096, "
            "would not be found in it; VHDX can have 4096",
            format->name);
    if (block == 0) {
        wanted->block_size = maker->block_usual;
        return PLATTER_OK;
    }
    if ((block & (block - 1)) || block < maker->block_least || block > maker->block_most)
        return maker->block_most == 0
                   ? platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "%s images have no blocks",
                                       format->name)
                   : platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                       "blocks of %u bytes: want a power of two from %u to %u in a %s image", block,
                                       maker->block_least, maker->block_most, format->name);
    return PLATTER_OK;
}

/* Names *wanted's backing file; *name is to be freed. */
static enum platter_result choose_backing(const char *path, const struct platter_format *format,
                                          struct platter_image *backing, struct platter_new_image *wanted, char **name,
                                          struct platter_error *err)
{
    enum platter_result result;

    if (!backing)
        return PLATTER_OK;
    if (!format->maker->children)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                                 "a %s image cannot be made as the child of another; qcow2 can", format->name);
    result = platter_overlay_name(path, backing, name, &wanted->backing_format, err);
    wanted->backing_name = *name;
    wanted->backing = platter_image_block(backing);
    return result;
}

enum platter_result platter_writer_start(const char *path, const struct platter_convert_options *options,
                                         struct platter_block *source, struct platter_writer **writer,
                                         struct platter_error *err)
{
    struct platter_new_image wanted = {.block_size = options->block_size};
    const struct platter_format *format = NULL;
    char *backing_name = NULL;
    enum platter_result result = find_format(options->format ? options->format : "raw", &format, err);

    if (result)
        return result;
    if ((result = choose_subformat(format, options->subformat, &wanted.subformat, err)) ||
        (result = choose_backing(path, format, source ? NULL : options->backing, &wanted, &backing_name, err)) ||
        (result = choose_size(path, options, source, &wanted, err)) ||
        (result = check_limits(path, format, &wanted, err)))
        goto out;
    result = platter_writer_image(path, format, &wanted, writer, err);
out:
    free(backing_name);
    return result;
}
