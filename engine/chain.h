/* SPDX-License-Identifier: MIT */
/* Images that stand on other images: differencing disks, backing files, incremental backups. */
#ifndef PLATTER_ENGINE_CHAIN_H
#define PLATTER_ENGINE_CHAIN_H

#include "format/format.h"

/* A chain longer than this is refused; a chain that comes back to itself is too. */
#define PLATTER_CHAIN_MAX 128u

/* One image of a chain, on the stack of the open that is under way. */
struct platter_chain {
    const char *path;
    const struct platter_chain *child; /* the image that named this one; NULL: what the user opened */
    unsigned depth;
};

/*
 * Opens the image that `request`'s image names as its parent, for reading only, and gives its disk. `name` is a path
 * as stored: one that is not absolute counts from the folder of request->path. `format`: a name to insist on; NULL when
 * the child does not say, then it is found by content.
 */
enum platter_result platter_chain_open(const struct platter_open_request *request, const char *name, const char *format,
                                       struct platter_block **disk, struct platter_error *err);

/*
 * Whether files beside the image at `path` may be looked for; `what`: which, for the message. Not at a server, which shall
 * not choose which of the user's own files are opened: PLATTER_E_UNSUPPORTED.
 */
enum platter_result platter_chain_beside(const char *path, const char *what, struct platter_error *err);

/* `name` as a path that can be opened from here; NULL: no memory. To be freed. */
char *platter_chain_path(const char *child_path, const char *name);
/* The same for a name that stands in the image: PLATTER_E_ACCESS for one that reference.h says is not to be followed. */
enum platter_result platter_chain_follow(const char *child_path, const char *name, char **path,
                                         struct platter_error *err);

#endif
