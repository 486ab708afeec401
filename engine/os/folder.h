/* SPDX-License-Identifier: MIT */
/* What a folder holds. */
#ifndef PLATTER_ENGINE_OS_FOLDER_H
#define PLATTER_ENGINE_OS_FOLDER_H

#include <platter/engine.h>

/* Called with each name, without its folder. False: that is enough. */
typedef bool platter_os_name_fn(void *context, const char *name);

/* Lists what lies in the folder that `path`, a file, is in; in no order. Names that are no UTF-8 are left out on Windows. */
enum platter_result platter_os_folder_list(const char *path, platter_os_name_fn *function, void *context,
                                           struct platter_error *err);

#endif
