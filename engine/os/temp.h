/* SPDX-License-Identifier: MIT */
/*
 * A file that gets its name when it is whole.
 *
 * Where the system has files without a name it is one until then, and a process that is killed leaves nothing. Elsewhere
 * it is called ".platter-RANDOM.part" meanwhile, beside the one it will be; what a killed process has left of that kind
 * is removed by the next that makes one in the same folder.
 */
#ifndef PLATTER_ENGINE_OS_TEMP_H
#define PLATTER_ENGINE_OS_TEMP_H

#include "file.h"

struct platter_temp {
    char *path;   /* of the temporary file; NULL: it has none */
    char *target; /* the name it is to get */
    struct platter_os_file *file;
};

/* Creates the temporary file. `target` may exist or not; nothing is done to it. */
enum platter_result platter_temp_create(const char *target, struct platter_temp *temp, struct platter_error *err);
/* Has the system begin to write out what it holds back, so that the flush finds less to do. Waits for nothing. */
void platter_temp_start_flush(struct platter_temp *temp);
/* Flushes, closes and renames; on failure the temporary file is gone, as after platter_temp_discard. */
enum platter_result platter_temp_commit(struct platter_temp *temp, bool replace, struct platter_error *err);
/* Closes and removes. Harmless after commit. */
void platter_temp_discard(struct platter_temp *temp);

#endif
