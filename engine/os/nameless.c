/* SPDX-License-Identifier: MIT */
#include "nameless.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "system.h"

#define NAME_BYTES 40u /* "platter-", 16 digits, ".qcow2", 0 */

enum platter_result platter_nameless_create(uint32_t flags, char **path, struct platter_os_file **file,
                                            struct platter_error *err)
{
    char *folder = platter_os_temp_folder(), *made = NULL;
    enum platter_result result = PLATTER_E_EXISTS;
    size_t size = folder ? strlen(folder) + NAME_BYTES : 0;
    uint64_t random;

    if (folder)
        made = malloc(size);
    if (!made) {
        result = platter_error_set(err, PLATTER_E_FAILED, folder, PLATTER_NO_OFFSET,
                                   "there is no folder for temporary files, or no memory");
        goto out;
    }
    /* A clash of 64 random bits is an attack or a broken generator; a few tries tell. */
    for (int i = 0; i < 4 && result == PLATTER_E_EXISTS; i++) {
        result = platter_os_random(&random, sizeof(random), err);
        if (result)
            break;
        (void)snprintf(made, size, "%splatter-%016llx.qcow2", folder, (unsigned long long)random);
        result = platter_os_file_open(made, flags | PLATTER_OS_FILE_CREATE | PLATTER_OS_FILE_TEMPORARY, file, err);
    }
    if (result == PLATTER_OK) {
        *path = made;
        made = NULL;
    }
out:
    free(made);
    free(folder);
    return result;
}
