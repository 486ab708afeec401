/* SPDX-License-Identifier: MIT */
/* A block over a file or a disk device: the bottom of every stack. */
#ifndef PLATTER_ENGINE_SOURCE_FILE_H
#define PLATTER_ENGINE_SOURCE_FILE_H

#include "../block.h"

/* flags: enum platter_open_flag. For images, and for the neighbours of images: parents, extents, parts. */
enum platter_result platter_file_open(const char *path, uint32_t flags, struct platter_block **block,
                                      struct platter_error *err);

/* Beside enum platter_open_flag: a flush does nothing, as for a file that has no name yet who made it flushes at the end. */
#define PLATTER_FILE_UNFLUSHED (1u << 31)

/* The same over a file that is open already; it is borrowed, and open for writing if `flags` says so. */
enum platter_result platter_file_over(struct platter_os_file *file, const char *path, uint32_t flags,
                                      struct platter_block **block, struct platter_error *err);

/* The same with a file that the block closes; on failure it is still the caller's. */
enum platter_result platter_file_take(struct platter_os_file *file, const char *path, uint32_t flags,
                                      struct platter_block **block, struct platter_error *err);

/*
 * What the file takes on the medium in bytes (its size where the system does not tell); also true for blocks that
 * are no files: then their size.
 */
uint64_t platter_file_allocated(struct platter_block *block);

/*
 * Changes the size of a file open for writing; the new part reads as zero. The caller sees to it that nobody reads or
 * writes beyond the new end meanwhile, and that two do not resize at once. PLATTER_E_UNSUPPORTED for what is no file.
 */
enum platter_result platter_file_resize(struct platter_block *block, uint64_t size, struct platter_error *err);

#endif
