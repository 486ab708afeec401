/* SPDX-License-Identifier: MIT */
#include "temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

enum platter_result platter_temp_create(const char *target, struct platter_temp *temp, struct platter_error *err)
{
    size_t length = strlen(target);
    enum platter_result result = PLATTER_E_EXISTS;

    memset(temp, 0, sizeof(*temp));
    temp->target = malloc(length + 1);
    temp->path = malloc(length + 32);
    if (!temp->target || !temp->path) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, target, PLATTER_NO_OFFSET, "out of memory");
        goto fail;
    }
    memcpy(temp->target, target, length + 1);
    /* A clash of 64 random bits is an attack or a broken generator; a few tries tell. */
    for (int i = 0; i < 4 && result == PLATTER_E_EXISTS; i++) {
        uint64_t random;

        result = platter_os_random(&random, sizeof(random), err);
        if (result)
            goto fail;
        /* Not the target's name with something added: that could become too long for the file system. */
        (void)snprintf(temp->path, length + 32, "%.*s.%016llx.part", (int)platter_os_folder_length(target), target,
                       (unsigned long long)random);
        result = platter_os_file_open(temp->path, PLATTER_OS_FILE_CREATE, &temp->file, err);
    }
    if (result == PLATTER_OK)
        return PLATTER_OK;
    if (err)
        (void)snprintf(err->file, sizeof(err->file), "%s", target);
fail:
    free(temp->path);
    free(temp->target);
    memset(temp, 0, sizeof(*temp));
    return result;
}

enum platter_result platter_temp_commit(struct platter_temp *temp, bool replace, struct platter_error *err)
{
    enum platter_result result = platter_os_file_flush(temp->file, err);

    if (result == PLATTER_OK) {
        platter_os_file_close(temp->file);
        temp->file = NULL;
        result = platter_os_rename(temp->path, temp->target, replace, err);
    }
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
