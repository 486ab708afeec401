/* SPDX-License-Identifier: MIT */
/* Several blocks, one behind the other, as one: the parts of a split image, the extents of a VMDK. */
#ifndef PLATTER_ENGINE_JOIN_H
#define PLATTER_ENGINE_JOIN_H

#include "block.h"

/*
 * The join keeps references of its own to the parts, of which none may be empty. Can be written when all parts can, and discards when all do.
 * layer: static text, for messages; sector_size 0: 512.
 */
enum platter_result platter_join_create(const char *layer, const char *name, struct platter_block *const *parts,
                                        size_t count, uint32_t sector_size, struct platter_block **block,
                                        struct platter_error *err);

#endif
