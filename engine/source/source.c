/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <string.h>

#include "../ahead.h"
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
    const struct platter_ahead_options ahead = {.chunk = 256u << 10, .threads = 16};
    struct platter_block *remote;
    enum platter_result result;

    if (!platter_source_is_remote(path))
        return platter_file_open(path, flags, block, err);
    result = platter_nbd_open(path, flags, &remote, err);
    if (result)
        return result;
    result = platter_ahead_create(remote, &ahead, block, err);
    platter_block_unref(remote);
    return result;
}
