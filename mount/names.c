/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Filling ------------------------------------------------------------------------------------------------------ */

static char *copy(struct platter_names *names, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *made = text ? malloc(size) : NULL;

    if (made)
        memcpy(made, text, size);
    else if (text)
        names->without_memory = true;
    return made;
}

/* The array with room for one more element, all zeros; NULL without memory, and the array is as it was. */
static void *grow(struct platter_names *names, void *array, size_t count, size_t size)
{
    char *grown = realloc(array, (count + 1) * size);

    if (grown)
        memset(grown + count * size, 0, size);
    else
        names->without_memory = true;
    return grown;
}

struct platter_names_directory *platter_names_add_directory(struct platter_names *names, const char *path, bool global,
                                                            uint64_t luid)
{
    struct platter_names_directory *grown = grow(names, names->directories, names->count, sizeof(*grown)), *directory;

    if (!grown)
        return NULL;
    names->directories = grown;
    directory = &grown[names->count++];
    directory->path = copy(names, path);
    directory->global = global;
    directory->luid = luid;
    return directory;
}

void platter_names_add(struct platter_names *names, struct platter_names_directory *directory, const char *name,
                       const char *type, const char *target)
{
    struct platter_name *grown = grow(names, directory->names, directory->count, sizeof(*grown)), *added;

    if (!grown)
        return;
    directory->names = grown;
    added = &grown[directory->count++];
    added->name = copy(names, name);
    added->type = copy(names, type);
    added->target = copy(names, target);
}

void platter_names_add_volume(struct platter_names *names, uint64_t id, const char *device, const char *image)
{
    struct platter_names_volume *grown = grow(names, names->volumes, names->volume_count, sizeof(*grown)), *volume;

    if (!grown)
        return;
    names->volumes = grown;
    volume = &grown[names->volume_count++];
    volume->id = id;
    volume->device = copy(names, device);
    volume->image = copy(names, image);
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static int compare_names(const void *first, const void *second)
{
    const struct platter_name *a = first, *b = second;

    return strcasecmp(text_or(a->name, ""), text_or(b->name, ""));
}

static int compare_directories(const void *first, const void *second)
{
    const struct platter_names_directory *a = first, *b = second;

    if (a->global != b->global)
        return a->global ? -1 : 1;
    if (a->own != b->own)
        return a->own ? -1 : 1;
    return a->luid < b->luid ? -1 : a->luid > b->luid;
}

void platter_names_sort(struct platter_names *names)
{
    if (names->count > 1)
        qsort(names->directories, names->count, sizeof(*names->directories), compare_directories);
    for (size_t i = 0; i < names->count; i++) {
        if (names->directories[i].count > 1)
            qsort(names->directories[i].names, names->directories[i].count, sizeof(struct platter_name), compare_names);
    }
}

void platter_names_free(struct platter_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        struct platter_names_directory *directory = &names->directories[i];

        for (size_t j = 0; j < directory->count; j++) {
            free(directory->names[j].name);
            free(directory->names[j].type);
            free(directory->names[j].target);
        }
        free(directory->names);
        free(directory->path);
        free(directory->who);
    }
    for (size_t i = 0; i < names->volume_count; i++) {
        free(names->volumes[i].device);
        free(names->volumes[i].image);
    }
    free(names->directories);
    free(names->volumes);
    memset(names, 0, sizeof(*names));
}

/* ---- Asking ------------------------------------------------------------------------------------------------------- */

const struct platter_name *platter_names_find(const struct platter_names_directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->names[i].name && strcasecmp(directory->names[i].name, name) == 0)
            return &directory->names[i];
    }
    return NULL;
}

const struct platter_names_volume *platter_names_volume_of(const struct platter_names *names, const char *target)
{
    for (size_t i = 0; names && target && i < names->volume_count; i++) {
        if (names->volumes[i].device && strcasecmp(names->volumes[i].device, target) == 0)
            return &names->volumes[i];
    }
    return NULL;
}

/* What follows the prefix, NULL when the text does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncasecmp(text, prefix, length) == 0 ? text + length : NULL;
}

/*
 * \Device\LanmanRedirector\;Z:0000000000012345\server\share, \Device\Mup\;LanmanRedirector\;Z:..\server\share, and the
 * same of other redirectors: what follows the last part that begins with a semicolon.
 */
static const char *share_of(const char *target)
{
    const char *mark = NULL;

    for (const char *at = target; (at = strstr(at, "\\;")) != NULL; at += 2)
        mark = at;
    return mark ? strchr(mark + 1, '\\') : NULL;
}

char *platter_target_meaning(const struct platter_names *names, const char *target, char buffer[PLATTER_MEANING_TEXT])
{
    static const struct {
        const char *prefix, *text;
    } devices[] = {
        {"\\Device\\HarddiskVolume", "volume of a disk"},
        {"\\Device\\Harddisk", "disk"},
        {"\\Device\\CdRom", "CD or DVD drive"},
        {"\\Device\\Floppy", "floppy drive"},
        {"\\Device\\Serial", "serial port"},
        {"\\Device\\NamedPipe", "named pipes"},
    };
    const struct platter_names_volume *volume = platter_names_volume_of(names, target);
    const char *rest;

    if (volume) {
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "Platter volume %llu, %.500s", (unsigned long long)volume->id,
                       text_or(volume->image, "an image of another user"));
        return buffer;
    }
    if ((rest = after(target, PLATTER_VOLUME_DEVICE_PREFIX)) != NULL)
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "Platter volume %.20s, which is not there any more", rest);
    else if ((rest = after(target, "\\??\\UNC\\")) != NULL)
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "network drive \\\\%.500s", rest);
    else if ((rest = after(target, "\\??\\")) != NULL && rest[0] && rest[1] == ':')
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "the folder %.500s (subst)", rest);
    else if ((rest = share_of(target)) != NULL)
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "network drive \\%.500s", rest);
    else
        buffer[0] = '\0';
    for (size_t i = 0; !buffer[0] && i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (after(target, devices[i].prefix))
            (void)snprintf(buffer, PLATTER_MEANING_TEXT, "%s", devices[i].text);
    }
    if (!buffer[0])
        (void)snprintf(buffer, PLATTER_MEANING_TEXT, "device of another driver");
    return buffer;
}
