/* SPDX-License-Identifier: MIT */
/* What new VMDK images of all kinds begin with. */
#ifndef PLATTER_ENGINE_FORMAT_VMDK_CREATE_H
#define PLATTER_ENGINE_FORMAT_VMDK_CREATE_H

#include "vmdk.h"

/* What differs from one header to the next; places and lengths in sectors. */
struct vmdk_header_fields {
    uint32_t version, flags;
    uint64_t sectors; /* of the disk */
    uint64_t spare_at, directory_at, overhead;
};

void platter_vmdk_header_put(uint8_t raw[VMDK_SECTOR], const struct vmdk_header_fields *fields);
/* The descriptor of a disk with one sparse extent, which is the file `path` itself. */
enum platter_result platter_vmdk_descriptor_put(char *text, size_t room, const char *path, uint64_t sectors,
                                                const char *type, struct platter_error *err);

#endif
