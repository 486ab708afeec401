/* SPDX-License-Identifier: MIT */
#include "temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "system.h"

#ifndef _WIN32
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#endif

#define PREFIX ".platter-"
#define SUFFIX ".part"
#define DIGITS 16u
#define NAME_BYTES (sizeof(PREFIX) + DIGITS + sizeof(SUFFIX))
/* A clash of 64 random bits is an attack or a broken generator; a few tries tell. */
#define TRIES 4

static enum platter_result no_memory(const char *target, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_NO_MEMORY, target, PLATTER_NO_OFFSET, "out of memory");
}

/* A name beside the target. Not the target's with something added: that could become too long for the file system. */
static enum platter_result make_path(struct platter_temp *temp, struct platter_error *err)
{
    size_t folder = platter_os_folder_length(temp->target);
    uint64_t random;
    enum platter_result result = platter_os_random(&random, sizeof(random), err);

    if (result)
        return result;
    free(temp->path);
    temp->path = malloc(folder + NAME_BYTES);
    if (!temp->path)
        return no_memory(temp->target, err);
    (void)snprintf(temp->path, folder + NAME_BYTES, "%.*s" PREFIX "%016llx" SUFFIX, (int)folder, temp->target,
                   (unsigned long long)random);
    return PLATTER_OK;
}

#ifdef _WIN32
static bool open_unnamed(struct platter_temp *temp)
{
    (void)temp;
    return false;
}

static enum platter_result give_name(struct platter_temp *temp, bool replace, struct platter_error *err)
{
    platter_os_file_close(temp->file);
    temp->file = NULL;
    return platter_os_rename(temp->path, temp->target, replace, err);
}

void platter_temp_start_flush(struct platter_temp *temp)
{
    (void)temp; /* the lazy writer begins by itself */
}

/* What is in use cannot be removed here. */
static void remove_stale(const char *path)
{
    (void)platter_os_remove(path, NULL);
}
#else
static void descriptor_path(const struct platter_temp *temp, char *path, size_t size)
{
    (void)snprintf(path, size, "/proc/self/fd/%d", (int)platter_os_file_handle(temp->file));
}

/* False: this file system has no files without names, or no /proc tells where one could be given its name from. */
static bool open_unnamed(struct platter_temp *temp)
{
    size_t length = platter_os_folder_length(temp->target);
    char *folder = strndup(length ? temp->target : ".", length ? length : 1), path[64];
    bool opened = folder && platter_os_file_open(folder, PLATTER_OS_FILE_UNNAMED, &temp->file, NULL) == PLATTER_OK;

    free(folder);
    if (!opened)
        return false;
    descriptor_path(temp, path, sizeof(path));
    if (access(path, F_OK) == 0)
        return true;
    platter_os_file_close(temp->file);
    temp->file = NULL;
    return false;
}

static enum platter_result link_to(const struct platter_temp *temp, const char *name, struct platter_error *err)
{
    char path[64];

    descriptor_path(temp, path, sizeof(path));
    if (linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
        return PLATTER_OK;
    if (errno == EEXIST)
        return platter_error_set(err, PLATTER_E_EXISTS, temp->target, PLATTER_NO_OFFSET, "exists already");
    return platter_error_set_os(err, platter_os_result(errno), temp->target, PLATTER_NO_OFFSET, errno,
                                "cannot be created");
}

static enum platter_result give_name(struct platter_temp *temp, bool replace, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    if (!temp->path && !replace)
        return link_to(temp, temp->target, err);
    /* A link replaces nothing; a rename does, of what has a name. */
    if (!temp->path && (result = make_path(temp, err)) == PLATTER_OK && (result = link_to(temp, temp->path, err))) {
        free(temp->path);
        temp->path = NULL;
    }
    return result ? result : platter_os_rename(temp->path, temp->target, replace, err);
}

void platter_temp_start_flush(struct platter_temp *temp)
{
    (void)sync_file_range((int)platter_os_file_handle(temp->file), 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* Who is still at it holds its locks. */
static void remove_stale(const char *path)
{
    struct platter_os_file *file;

    if (platter_os_file_open(path, PLATTER_OS_FILE_WRITE, &file, NULL) != PLATTER_OK)
        return;
    (void)platter_os_remove(path, NULL);
    platter_os_file_close(file);
}
#endif

static bool is_ours(const char *name)
{
    size_t prefix = strlen(PREFIX);

    return strncmp(name, PREFIX, prefix) == 0 && strspn(name + prefix, "0123456789abcdef") == DIGITS &&
           strcmp(name + prefix + DIGITS, SUFFIX) == 0;
}

static bool sweep_one(void *context, const char *name)
{
    const struct platter_temp *temp = context;
    size_t folder = platter_os_folder_length(temp->target);
    char *path;

    if (!is_ours(name) || strcmp(name, temp->path + folder) == 0)
        return true;
    path = malloc(folder + NAME_BYTES);
    if (!path)
        return false;
    (void)snprintf(path, folder + NAME_BYTES, "%.*s%s", (int)folder, temp->target, name);
    remove_stale(path);
    free(path);
    return true;
}

static enum platter_result open_named(struct platter_temp *temp, struct platter_error *err)
{
    enum platter_result result = PLATTER_E_EXISTS;

    for (int i = 0; i < TRIES && result != PLATTER_OK; i++) {
        struct platter_os_file *again;
        enum platter_result seen;

        if ((result = make_path(temp, err)))
            return result;
        result = platter_os_file_open(temp->path, PLATTER_OS_FILE_CREATE, &temp->file, err);
        /* Busy: somebody who sweeps has it open, and takes it away. */
        if (result == PLATTER_E_EXISTS || result == PLATTER_E_BUSY)
            continue;
        if (result)
            return result;
        seen = platter_os_file_open(temp->path, PLATTER_OS_FILE_WRITE, &again, NULL);
        if (seen == PLATTER_E_BUSY) {
            /* So others who are at work keep us out as well, and what lets us in is nobody's. */
            (void)platter_os_folder_list(temp->target, sweep_one, temp, NULL);
        } else if (seen == PLATTER_E_NOT_FOUND) {
            platter_os_file_close(temp->file);
            temp->file = NULL;
            result = PLATTER_E_EXISTS;
        } else if (seen == PLATTER_OK) {
            platter_os_file_close(again);
        }
    }
    return result;
}

enum platter_result platter_temp_create(const char *target, struct platter_temp *temp, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    memset(temp, 0, sizeof(*temp));
    temp->target = malloc(strlen(target) + 1);
    if (!temp->target)
        return no_memory(target, err);
    memcpy(temp->target, target, strlen(target) + 1);
    if (open_unnamed(temp))
        return PLATTER_OK;
    result = open_named(temp, err);
    if (result == PLATTER_OK)
        return PLATTER_OK;
    if (err)
        (void)snprintf(err->file, sizeof(err->file), "%s", target);
    free(temp->path);
    free(temp->target);
    memset(temp, 0, sizeof(*temp));
    return result;
}

enum platter_result platter_temp_commit(struct platter_temp *temp, bool replace, struct platter_error *err)
{
    enum platter_result result = platter_os_file_flush(temp->file, err);

    if (result == PLATTER_OK)
        result = give_name(temp, replace, err);
    if (result == PLATTER_OK) {
        platter_os_sync_folder(temp->target);
        free(temp->path);
        temp->path = NULL;
    }
    platter_temp_discard(temp);
    return result;
}

void platter_temp_discard(struct platter_temp *temp)
{
    platter_os_file_close(temp->file);
    if (temp->path)
        (void)platter_os_remove(temp->path, NULL);
    free(temp->path);
    free(temp->target);
    memset(temp, 0, sizeof(*temp));
}
