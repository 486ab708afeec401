/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <string.h>

#include "file.h"
#include "nbd.h"

bool platter_source_is_remote(const char *path)
{
    /* nbds too: it is refused in its own words, not as a file that is not there. */
    return strncmp(path, "nbd", 3) == 0 && path[3 + strcspn(path + 3, ":/\\")] == ':' && strstr(path, "://") != NULL;
}

enum platter_result platter_source_open(const char *path, uint32_t flags, struct platter_block **block,
                                        struct platter_error *err)
{
    return platter_source_is_remote(path) ? platter_nbd_open(path, flags, block, err)
                                          : platter_file_open(path, flags, block, err);
}
