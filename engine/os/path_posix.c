/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

char *platter_os_full_path(const char *path)
{
    return realpath(path, NULL);
}

char *platter_os_temp_folder(void)
{
    /* /var/tmp before /tmp: that is often memory, and what goes there may be as long as a disk. */
    const char *const folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t size = folders[i] ? strlen(folders[i]) + 2 : 0;
        char *folder;

        if (size <= 2 || access(folders[i], W_OK | X_OK) != 0)
            continue;
        folder = malloc(size);
        if (folder)
            (void)snprintf(folder, size, "%s/", folders[i]);
        return folder;
    }
    return NULL;
}

size_t platter_os_folder_length(const char *path)
{
    const char *last = strrchr(path, '/');

    return last ? (size_t)(last - path) + 1 : 0;
}

bool platter_os_is_absolute(const char *path)
{
    return path[0] == '/';
}

bool platter_os_paths_name_servers(void)
{
    return false;
}
