/* SPDX-License-Identifier: MIT */
/* What overlay.c and overlay_commit.c share. The public functions are in platter/engine.h. */
#ifndef PLATTER_ENGINE_OVERLAY_H
#define PLATTER_ENGINE_OVERLAY_H

#include <platter/engine.h>

#include "os/file.h"

/* An overlay's file, open for writing and locked, and the image that its header names. */
struct platter_overlay_file {
    struct platter_os_file *os;
    struct platter_block *block; /* over `os`, which it borrows */
    uint64_t size;               /* bytes of the disk */
    char *base_path;
    const char *base_format; /* NULL: by content */
};

/* PLATTER_E_FORMAT for what is no QCOW2 image on a backing file, PLATTER_E_BUSY while it is mounted. */
enum platter_result platter_overlay_file_open(const char *path, struct platter_overlay_file *file,
                                              struct platter_error *err);
void platter_overlay_file_close(struct platter_overlay_file *file);

/*
 * How a child at `path` is to name its backing file `base`: *name, to be freed, and QEMU's word for its format, NULL where
 * there is none. PLATTER_E_UNSUPPORTED for a snapshot, or another disk than the first.
 */
enum platter_result platter_overlay_name(const char *path, struct platter_image *base, char **name, const char **format,
                                         struct platter_error *err);

#endif
