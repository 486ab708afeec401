/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <stdlib.h>
#include <string.h>

#include "../engine/os/file.h"
#include "../engine/source/source.h"

#define KNOWN_FLAGS                                                                                                    \
    (PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_UNBUFFERED | PLATTER_OS_FILE_SHARE_WRITERS | PLATTER_OS_FILE_LOOK |       \
     PLATTER_OS_FILE_FOLDER)

/* ---- Paths, as Windows compares them, as far as ASCII goes ------------------------------------------------------------ */

static bool is_letter(char c)
{
    return ((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'z';
}

static char folded(char c)
{
    return c == '/' ? '\\' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (folded(a[i]) != folded(b[i]))
            return false;
        if (!a[i])
            return true;
    }
    return true;
}

static bool same_path(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && same(a, b, strlen(a));
}

static bool is_share(const char *path)
{
    return folded(path[0]) == '\\' && folded(path[1]) == '\\';
}

/* Bytes of \\server\share\ with its last separator; 0: it has none. */
static size_t share_length(const char *path)
{
    size_t separators = 0, i = 2;

    for (; path[i] && separators < 2; i++)
        separators += folded(path[i]) == '\\';
    return separators == 2 && path[2] != '\\' ? i : 0;
}

/* Up to and with the last separator. */
static size_t folder_length(const char *path)
{
    size_t length = strlen(path);

    while (length && folded(path[length - 1]) != '\\')
        length--;
    return length;
}

static bool has_dots(const char *path)
{
    for (const char *at = path; *at; at++) {
        if (folded(*at) == '\\' && at[1] == '.' && (!at[2] || folded(at[2]) == '\\'))
            return true;
        if (folded(*at) == '\\' && at[1] == '.' && at[2] == '.' && (!at[3] || folded(at[3]) == '\\'))
            return true;
    }
    return false;
}

char *service_path_tidy(const char *path)
{
    size_t length = strlen(path), root = is_share(path) ? share_length(path) : 0, used;
    char *tidy = malloc(length + 1);

    if (!tidy)
        return NULL;
    memcpy(tidy, path, length + 1);
    if (is_letter(path[0]) && path[1] == ':' && folded(path[2]) == '\\')
        root = 3;
    if (!root)
        return tidy;
    for (used = 0; used < root; used++)
        tidy[used] = path[used] == '/' ? '\\' : path[used];
    for (const char *at = path + root; *at;) {
        size_t name = 0;

        while (at[name] && folded(at[name]) != '\\')
            name++;
        if (name == 2 && at[0] == '.' && at[1] == '.') {
            if (used > root)
                used--; /* the separator */
            while (used > root && tidy[used - 1] != '\\')
                used--;
        } else if (name > 0 && !(name == 1 && at[0] == '.')) {
            memmove(tidy + used, at, name);
            used += name;
            if (at[name])
                tidy[used++] = '\\';
        }
        at += at[name] ? name + 1 : name;
    }
    tidy[used] = '\0';
    return tidy;
}

/* "CON", "nul.img", "COM1 .txt": Win32 opens a device by them in any folder. */
static bool is_device(const char *name, size_t length)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"};
    size_t stem = 0, bare;

    while (stem < length && name[stem] != '.')
        stem++;
    for (bare = stem; bare && name[bare - 1] == ' ';)
        bare--;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (strlen(devices[i]) == bare && same(name, devices[i], bare))
            return true;
    }
    if (bare < 4 || (!same(name, "com", 3) && !same(name, "lpt", 3)))
        return false;
    /* A digit, or one that stands high: U+00B2, U+00B3, U+00B9. */
    return (bare == 4 && name[3] >= '0' && name[3] <= '9') ||
           (bare == 5 && memcmp(name + 3, "\xc2", 1) == 0 && memchr("\xb2\xb3\xb9", name[4], 3));
}

/*
 * What Win32 takes for one component and opens as such: with a dot or a space at its end another file would be opened than is
 * compared here.
 */
static bool is_plain(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || strchr("*?\"<>|", name[i]))
            return false;
    }
    return !length || (name[length - 1] != '.' && name[length - 1] != ' ' && !is_device(name, length));
}

static bool are_plain(const char *path)
{
    while (*path) {
        size_t length = 0;

        while (path[length] && folded(path[length]) != '\\')
            length++;
        if (!is_plain(path, length))
            return false;
        path += path[length] ? length + 1 : length;
    }
    return true;
}

/* The "shares" of a server that hold no files. */
static bool is_pipes(const char *path)
{
    static const char *const names[] = {"pipe\\", "ipc$\\", "mailslot\\"};
    size_t share = 2;

    while (folded(path[share]) != '\\')
        share++;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (same(path + share + 1, names[i], strlen(names[i])))
            return true;
    }
    return false;
}

bool service_path_is_whole(const char *path)
{
    bool drive = is_letter(path[0]) && path[1] == ':' && folded(path[2]) == '\\' && path[3];
    /* \\.\ and \\?\ are devices, or hide what they are. */
    bool share = is_share(path) && path[2] != '.' && path[2] != '?' && share_length(path) > 0 && !is_pipes(path);

    return (drive || share) && !strchr(path + 2, ':') && !has_dots(path) && are_plain(path + 2) &&
           folder_length(path) < strlen(path);
}

/* ---- Rules ----------------------------------------------------------------------------------------------------------- */

/* "disk.vmdk" and "disk-flat.vmdk", "backup-00-00.mrimgx" and "backup-01-01.mrimgx". */
static bool belongs(const char *image, const char *path)
{
    size_t folder = folder_length(image);
    const char *name = image + folder, *dot = strrchr(name, '.');
    size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);

    const char *rest;

    if (folder_length(path) != folder || !same(image, path, folder + stem))
        return false;
    /* Of "a.vmdk" not "accounts.txt": behind the name its letters and digits end. */
    rest = path + folder + stem;
    return !is_letter(*rest) && !(*rest >= '0' && *rest <= '9') && !((unsigned char)*rest & 0x80);
}

static bool has_image_extension(const char *path)
{
    static const char *const known[] = {"vhd",  "avhd",   "vhdx", "avhdx", "vmdk", "vdi", "qcow2",
                                        "qcow", "mrimgx", "img",  "raw",   "iso",  "dd",  "bin"};
    const char *dot = strrchr(path + folder_length(path), '.');

    if (!dot)
        return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (same_path(dot + 1, known[i]))
            return true;
    }
    return false;
}

static bool lies_near(const char *image, const char *path)
{
    size_t share = share_length(image);

    return !is_share(path) || (is_share(image) && share && same(image, path, share));
}

static enum platter_result refused(const char *path, const char *why, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_ACCESS, path, PLATTER_NO_OFFSET,
                             "is not opened by the Platter service for this mount: %s", why);
}

enum platter_result service_access_check(const struct platter_mount_options *mount, const char *path, uint32_t flags,
                                         struct platter_error *err)
{
    bool writing = flags & PLATTER_OS_FILE_WRITE;
    bool in_place = !mount->read_only && !mount->overlay;

    if (flags & ~(uint32_t)KNOWN_FLAGS)
        return refused(path, "files are not created or removed", err);
    if (platter_source_is_remote(mount->image)) {
        if (mount->overlay && !(flags & PLATTER_OS_FILE_FOLDER) && same_path(mount->overlay, path))
            return PLATTER_OK;
        return refused(path, "an image on a server has no files here", err);
    }
    if (flags & PLATTER_OS_FILE_FOLDER) {
        size_t folder = folder_length(mount->image);

        if (!writing && strlen(path) == folder && same(mount->image, path, folder))
            return PLATTER_OK;
        return refused(path, "only the image's own folder is listed", err);
    }
    if (!service_path_is_whole(path))
        return refused(path, "it is no whole path of a file", err);
    if (!lies_near(mount->image, path))
        return refused(path, "it lies on another server than the image", err);
    if (mount->overlay && same_path(mount->overlay, path))
        return PLATTER_OK;
    if (same_path(mount->image, path) || belongs(mount->image, path)) {
        if (!writing || in_place)
            return PLATTER_OK;
        return refused(path, "the mount does not write to its image", err);
    }
    if (writing)
        return refused(path, "it is not part of the image", err);
    if (has_image_extension(path))
        return PLATTER_OK;
    return refused(path, "its name is not one of an image", err);
}
