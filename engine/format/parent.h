/* SPDX-License-Identifier: MIT */
/* Finding the parent of a differencing disk by the names, in Windows' form, that the child has for it. */
#ifndef PLATTER_ENGINE_FORMAT_PARENT_H
#define PLATTER_ENGINE_FORMAT_PARENT_H

#include "format.h"

#define PLATTER_PARENT_NAMES 12u

struct platter_parent_names {
    char *names[PLATTER_PARENT_NAMES]; /* UTF-8, in the order in which they are to be tried */
    size_t count;
};

/* Takes a copy; those that are empty or too many are passed over. False: no memory. */
bool platter_parent_add(struct platter_parent_names *names, const char *name);
/* The same from UTF-16 as it lies in a file. A name with a lone surrogate in it names nothing. */
bool platter_parent_add_utf16(struct platter_parent_names *names, const uint8_t *text, size_t bytes, bool big_endian);
void platter_parent_free(struct platter_parent_names *names);

/* PLATTER_OK when the file at `path` is the parent that the child was made on; the error says why it is not. */
typedef enum platter_result platter_parent_check_fn(void *context, const char *path, struct platter_error *err);

/*
 * Tries each name as it is, then with slashes for backslashes; then the bare file name of each beside the child.
 * Opens the first that exists and passes `check`. When none does, the error is that of the first that existed, or that
 * reference.h refuses; what it refuses is not even looked for.
 */
enum platter_result platter_parent_open(const struct platter_open_request *request,
                                        const struct platter_parent_names *names, platter_parent_check_fn *check,
                                        void *context, struct platter_block **disk, struct platter_error *err);

/* Reading and mapping what a parent holds; where it is shorter than the child (or NULL), zeros. */
enum platter_result platter_parent_read(struct platter_block *parent, uint8_t *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err);
enum platter_result platter_parent_map(struct platter_block *parent, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err);

#endif
