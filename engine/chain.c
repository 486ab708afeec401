/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "os/file.h"
#include "reference.h"
#include "source/source.h"

char *platter_chain_path(const char *child_path, const char *name)
{
    size_t folder = platter_os_is_absolute(name) ? 0 : platter_os_folder_length(child_path);
    size_t length = strlen(name) + 1;
    char *path = malloc(folder + length);

    if (!path)
        return NULL;
    memcpy(path, child_path, folder);
    memcpy(path + folder, name, length);
    return path;
}

enum platter_result platter_chain_beside(const char *path, const char *what, struct platter_error *err)
{
    if (!platter_source_is_remote(path))
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                             "needs %.200s: an image at a server may not need other files; serve the whole disk", what);
}

enum platter_result platter_chain_follow(const char *child_path, const char *name, char **path,
                                         struct platter_error *err)
{
    const char *why = platter_reference_refused(child_path, name, platter_os_paths_name_servers());
    enum platter_result result = platter_chain_beside(child_path, name, err);

    if (result)
        return result;
    if (why)
        return platter_error_set(err, PLATTER_E_ACCESS, child_path, PLATTER_NO_OFFSET,
                                 "names \"%.200s\", which %s: such names in images are not followed", name, why);
    *path = platter_chain_path(child_path, name);
    if (!*path)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, child_path, PLATTER_NO_OFFSET, "out of memory");
    return PLATTER_OK;
}

enum platter_result platter_chain_open(const struct platter_open_request *request, const char *name, const char *format,
                                       struct platter_block **disk, struct platter_error *err)
{
    const struct platter_chain here = {
        .path = request->path,
        .child = request->chain,
        .depth = request->chain ? request->chain->depth + 1 : 1,
    };
    struct platter_open_options options = {
        /* A parent is only read, and others may read it too; but whoever writes to it pulls the ground away. */
        .flags = request->options->flags & PLATTER_OPEN_SHARE_WRITERS,
        .format = format,
        .password = request->options->password,
    };
    struct platter_image *image;
    enum platter_result result;
    char *path;

    if (here.depth >= PLATTER_CHAIN_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "stands on more than %u images, one on the other", PLATTER_CHAIN_MAX - 1);
    result = platter_chain_follow(request->path, name, &path, err);
    if (result)
        return result;
    for (const struct platter_chain *at = &here; at; at = at->child) {
        if (platter_os_same_file(at->path, path)) {
            result = platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                       "names \"%s\" as its parent, which stands on this image itself", name);
            goto out;
        }
    }
    result = platter_image_open_in(path, &options, &here, &image, err);
    if (result)
        goto out;
    *disk = platter_block_ref(platter_image_block(image));
    platter_image_close(image);
out:
    free(path);
    return result;
}
