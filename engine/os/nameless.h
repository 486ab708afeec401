/* SPDX-License-Identifier: MIT */
/* Files that nobody else finds and that go with who made them. */
#ifndef PLATTER_ENGINE_OS_NAMELESS_H
#define PLATTER_ENGINE_OS_NAMELESS_H

#include "file.h"

/*
 * Creates a file in the user's folder for temporary ones; it goes when it is closed, however the process ends. `flags`:
 * PLATTER_OS_FILE_UNBUFFERED or 0. *path, to be freed, is for messages.
 */
enum platter_result platter_nameless_create(uint32_t flags, char **path, struct platter_os_file **file,
                                            struct platter_error *err);

#endif
