/* SPDX-License-Identifier: MIT */
/*
 * Whose bytes of a volume are damaged. owner.c goes through the partitions and tells what is left over; a file per file
 * system goes through the files. Everything there is of a volume may be damaged, or made up: bounded work, and what
 * cannot be read only makes the answer less complete.
 */
#ifndef PLATTER_ENGINE_FILESYSTEM_OWNER_H
#define PLATTER_ENGINE_FILESYSTEM_OWNER_H

#include <platter/engine.h>

#define PLATTER_OWNER_PATH 4096u /* bytes; a longer path is cut at its start */

/* One volume under examination. */
struct platter_owner_search {
    struct platter_block *volume;
    uint64_t base;                      /* byte of the disk where the volume begins */
    const struct platter_range *ranges; /* of the disk: ascending, apart from each other, not empty */
    size_t count;
    struct platter_owner owner; /* partition and file system filled in */
    platter_owner_fn *found;
    void *context;
    const struct platter_progress *progress; /* may be NULL */
    bool incomplete;                         /* not all files could be looked at */
    bool full;                               /* too many pieces were told already */
    bool cancelled;
    struct platter_range *told; /* of the disk, in no order */
    size_t told_count, told_room;
};

/* Whether the run of the volume touches damage; a run outside the volume does not. */
bool platter_owner_touches(const struct platter_owner_search *search, uint64_t offset, uint64_t length);
/*
 * Tells that the run of the volume belongs to `name`, for what of it is damaged. file_offset: the byte of the file at
 * the run's start.
 */
void platter_owner_tell(struct platter_owner_search *search, uint64_t offset, uint64_t length,
                        enum platter_owner_kind kind, const char *name, uint64_t file_offset);
/* True when the user wants no more; to be asked now and then. */
bool platter_owner_stopped(struct platter_owner_search *search, uint64_t done, uint64_t total);

/* Each goes through all files of the volume and tells those that touch damage. */
void platter_fat_owners(struct platter_owner_search *search);
void platter_ntfs_owners(struct platter_owner_search *search);

#endif
