/* SPDX-License-Identifier: MIT */
/*
 * Differencing VDI: finding the parent. The image knows it by its id only, VirtualBox keeps the path elsewhere: look at
 * the images beside the child, and in the folder above, where those lie that snapshots in "Snapshots" were made on.
 */
#include <stdlib.h>
#include <string.h>

#include "../chain.h"
#include "../os/folder.h"
#include "../source/file.h"
#include "vdi.h"

#define LOOK_MOST 4096u /* images that are looked at, at most */

struct search {
    const struct vdi *v;
    const char *path, *prefix; /* of the child; before names found in the folder that is listed */
    unsigned looked;
    bool changed; /* one with the right id has been written to since */
    char *found;  /* relative to the child */
    bool no_memory;
};

static bool is_vdi_name(const char *name)
{
    size_t length = strlen(name);

    return length > 4 && name[length - 4] == '.' && (name[length - 3] | 0x20) == 'v' &&
           (name[length - 2] | 0x20) == 'd' && (name[length - 1] | 0x20) == 'i';
}

/* Whether the file is the disk that the child was made on. One that cannot be read is not. */
static bool is_parent(struct search *search, const char *path)
{
    const struct vdi_header *child = &search->v->header;
    static const uint8_t none[16];
    struct platter_block *file;
    struct vdi_header header;
    bool is = false;

    if (platter_file_open(path, PLATTER_OPEN_SHARE_WRITERS, &file, NULL))
        return false;
    if (platter_vdi_header_read(file, &header, NULL) == PLATTER_OK &&
        memcmp(header.id, child->parent_id, sizeof(header.id)) == 0) {
        is = memcmp(child->parent_modified, none, sizeof(none)) == 0 ||
             memcmp(child->parent_modified, header.modified, sizeof(header.modified)) == 0;
        search->changed |= !is;
    }
    platter_block_unref(file);
    return is;
}

static bool look(void *context, const char *name)
{
    struct search *search = context;
    size_t prefix = strlen(search->prefix), length = strlen(name) + 1;
    char *relative, *path;

    if (!is_vdi_name(name))
        return true;
    if (search->looked++ >= LOOK_MOST)
        return false;
    relative = malloc(prefix + length);
    if (!relative) {
        search->no_memory = true;
        return false;
    }
    memcpy(relative, search->prefix, prefix);
    memcpy(relative + prefix, name, length);
    path = platter_chain_path(search->path, relative);
    search->no_memory = path == NULL;
    /* Of copies the first by name, whatever order the folder has. */
    if (path && is_parent(search, path) && (!search->found || strcmp(relative, search->found) < 0)) {
        char *worse = search->found;

        search->found = relative;
        relative = worse;
    }
    free(path);
    free(relative);
    return !search->no_memory;
}

/* Looks through the folder that is `prefix` from the child's. */
static void look_through(struct search *search, const char *prefix)
{
    char *any;

    if (search->found || search->no_memory)
        return;
    search->prefix = prefix;
    /* The listing wants a file in the folder; which one does not matter. */
    any = malloc(strlen(prefix) + 2);
    if (any) {
        char *path;

        memcpy(any, prefix, strlen(prefix));
        memcpy(any + strlen(prefix), "x", 2);
        path = platter_chain_path(search->path, any);
        search->no_memory = path == NULL;
        if (path)
            (void)platter_os_folder_list(path, look, search, NULL);
        free(path);
    } else {
        search->no_memory = true;
    }
    free(any);
}

enum platter_result platter_vdi_parent_open(struct vdi *v, const struct platter_open_request *request,
                                            struct platter_error *err)
{
    struct search search = {.v = v, .path = request->path};
    enum platter_result result;

    if (request->chain && request->chain->depth + 1 >= PLATTER_CHAIN_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "stands on more than %u images, one on the other", PLATTER_CHAIN_MAX - 1);
    if ((result = platter_chain_beside(request->path, "its parent", err)))
        return result;
    look_through(&search, "");
    look_through(&search, "../");
    if (search.no_memory)
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    else if (search.found)
        result = platter_chain_open(request, search.found, "vdi", &v->m.parent, err);
    else if (search.changed)
        result = platter_error_set(err, PLATTER_E_FORMAT, request->path, 0x1B8,
                                   "its parent has been changed since this image was made on it");
    else
        result = platter_error_set(err, PLATTER_E_NOT_FOUND, request->path, 0x1A8,
                                   "its parent is neither beside it nor in the folder above; put it there");
    free(search.found);
    return result;
}
