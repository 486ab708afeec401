/* SPDX-License-Identifier: MIT */
/* What a layer of the block stack implements. The checks that every layer needs are made once, in block.c. */
#ifndef PLATTER_ENGINE_BLOCK_H
#define PLATTER_ENGINE_BLOCK_H

#include <platter/engine.h>

struct platter_os_file;

/* A run of a block's bytes as they lie in a file: stored plainly, and in the system's cache like everybody's. */
struct platter_location {
    struct platter_os_file *file; /* borrowed; lives as long as the block */
    uint64_t offset;              /* bytes in `file` */
    uint64_t length;              /* bytes, never 0 */
};

/*
 * block.c has already checked that offset + length lies inside the device and that length is not 0, so an operation
 * may count on it. A missing operation means: write and discard are refused, flush succeeds, map says all is data.
 */
struct platter_block_ops {
    const char *layer; /* "file", "vhd", "partition", ...: for messages and traces */
    void (*close)(struct platter_block *block);
    enum platter_result (*read)(struct platter_block *block, void *buffer, size_t length, uint64_t offset,
                                struct platter_error *err);
    enum platter_result (*write)(struct platter_block *block, const void *buffer, size_t length, uint64_t offset,
                                 struct platter_error *err);
    enum platter_result (*flush)(struct platter_block *block, struct platter_error *err);
    enum platter_result (*discard)(struct platter_block *block, uint64_t offset, uint64_t length,
                                   struct platter_error *err);
    enum platter_result (*map)(struct platter_block *block, uint64_t offset, uint64_t length,
                               struct platter_extent *extent, struct platter_error *err);
    /* See platter_block_locate(). Missing: the bytes can only be read. */
    bool (*locate)(struct platter_block *block, uint64_t offset, uint64_t length, struct platter_location *location);
};

/* First member of each layer's own structure; platter_block_init() fills it with one reference. */
struct platter_block {
    const struct platter_block_ops *ops;
    uint64_t size;
    uint32_t sector_size;
    uint32_t physical_sector_size;
    uint32_t caps;
    char *name;
    int references; /* atomic */
};

/* Copies `name`. sector sizes may be 0: 512. */
enum platter_result platter_block_init(struct platter_block *block, const struct platter_block_ops *ops,
                                       const char *name, uint64_t size, uint32_t sector_size,
                                       uint32_t physical_sector_size, uint32_t caps, struct platter_error *err);

/*
 * Writes what the range holds over itself, so that a file system that keeps holes gives it room now, and a write there later
 * does not find the disk full (one that copies on write promises nothing). Nobody else may write there meanwhile.
 */
enum platter_result platter_block_settle(struct platter_block *block, uint64_t offset, uint64_t length,
                                         struct platter_error *err);

/*
 * Where the run at `offset` lies, at most `length` bytes of it: for those who can have it moved by the system without
 * copying it themselves. False: it is not stored plainly, not cached, or outside the block; read it then.
 */
bool platter_block_locate(struct platter_block *block, uint64_t offset, uint64_t length,
                          struct platter_location *location);

#endif
