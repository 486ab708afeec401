/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "system.h"

enum platter_result platter_os_folder_list(const char *path, platter_os_name_fn *function, void *context,
                                           struct platter_error *err)
{
    size_t length = platter_os_folder_length(path);
    char *folder = strndup(length ? path : ".", length ? length : 1);
    enum platter_result result = PLATTER_OK;
    const struct dirent *entry;
    DIR *listing;

    if (!folder)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    listing = opendir(folder);
    if (!listing) {
        int code = errno;

        result = platter_error_set_os(err, platter_os_result(code), folder, PLATTER_NO_OFFSET, code,
                                      "the folder cannot be listed");
        goto out;
    }
    while ((entry = readdir(listing)) && function(context, entry->d_name))
        ;
    closedir(listing);
out:
    free(folder);
    return result;
}
