/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_ENGINE_QCOW2_CREATE_H
#define PLATTER_ENGINE_QCOW2_CREATE_H

#include "../os/file.h"

struct platter_qcow2_new {
    uint64_t size;              /* bytes of the disk */
    const char *backing_name;   /* as it is to stand in the image; NULL: none */
    const char *backing_format; /* NULL: not said, which leaves the next reader guessing */
    uint32_t cluster_bits;      /* a cluster has 1 << cluster_bits bytes; 0: 64 KiB */
};

/* Fills an empty file with an empty image. `path` is for messages. */
enum platter_result platter_qcow2_create(struct platter_os_file *file, const char *path,
                                         const struct platter_qcow2_new *wanted, struct platter_error *err);

#endif
