/* SPDX-License-Identifier: MIT */
/*
 * A disk whose blocks a table of the format's maps to places in one file: dynamic VHD, VHDX, VDI, sparse VMDK. How a
 * request is cut into runs, read, written, discarded and mapped is the same for all of them, and stands here; where a
 * run lies, and how a new one gets its place, is the format's.
 *
 * Locks: `change` for whoever adds to the table. Who overwrites or reads what is there takes none: a block stays where
 * it is for as long as the image is open.
 */
#ifndef PLATTER_ENGINE_FORMAT_MAPPED_H
#define PLATTER_ENGINE_FORMAT_MAPPED_H

#include "../block.h"
#include "../os/thread.h"

enum platter_run_kind {
    PLATTER_RUN_ZERO,
    PLATTER_RUN_PARENT,
    PLATTER_RUN_OWN,    /* in the file as it is */
    PLATTER_RUN_PACKED, /* in the file, compressed; within one block */
};

struct platter_run {
    enum platter_run_kind kind;
    uint64_t host;   /* own, packed: byte in the file */
    uint64_t length; /* of the disk, alike; own: contiguous in the file */
};

struct platter_mapped;

struct platter_mapped_ops {
    /* What lies at `offset`; `limit` bytes from there on are of interest, and run->length is at most that. */
    enum platter_result (*lookup)(struct platter_mapped *m, uint64_t offset, uint64_t limit, struct platter_run *run,
                                  struct platter_error *err);
    /* Reads a packed run. NULL: there are none. */
    enum platter_result (*unpack)(struct platter_mapped *m, const struct platter_run *run, uint8_t *buffer,
                                  uint64_t offset, struct platter_error *err);
    /* Before each write and discard; NULL: nothing has to be done. */
    enum platter_result (*begin)(struct platter_mapped *m, struct platter_error *err);
    /*
     * `change` held. Writes the first part of a run that is not in the file, *done bytes of it, into a new place; what
     * it returns with an error in has not become part of the disk.
     */
    enum platter_result (*write_new)(struct platter_mapped *m, const uint8_t *buffer, uint64_t offset,
                                     const struct platter_run *run, uint64_t *done, struct platter_error *err);
};

/* First member of the format's own structure, which fills it but for `base` and opens what it points to. */
struct platter_mapped {
    struct platter_block base;
    const struct platter_mapped_ops *ops;
    struct platter_block *file;
    struct platter_block *parent; /* NULL: none */
    uint64_t parent_offset;       /* byte of the parent at which this begins: an extent of a disk */
    struct platter_mutex change;
    bool writable;
};

void platter_mapped_init(struct platter_mapped *m, const struct platter_mapped_ops *ops, struct platter_block *file);
/* Lets go of file and parent. */
void platter_mapped_free(struct platter_mapped *m);

/* For the format's struct platter_block_ops. */
enum platter_result platter_mapped_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err);
enum platter_result platter_mapped_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                         struct platter_error *err);
/* What is in the file becomes a hole in it, which reads as zero; what is not stays as it is. */
enum platter_result platter_mapped_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                           struct platter_error *err);
enum platter_result platter_mapped_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err);

/*
 * `change` held. Writes whole sectors of `sector` bytes around [offset, offset + length), none of which is in the file
 * yet, to `host`, where the first byte of `buffer` goes.
 */
enum platter_result platter_mapped_write_sectors(struct platter_mapped *m, uint32_t sector, const uint8_t *buffer,
                                                 size_t length, uint64_t offset, uint64_t host,
                                                 struct platter_error *err);
/* Puts what the parent has at `offset`, or zeros, to `host`: the part of a new block that a write leaves as it was. */
enum platter_result platter_mapped_fill(struct platter_mapped *m, bool parents, uint64_t offset, uint64_t length,
                                        uint64_t host, struct platter_error *err);

#endif
