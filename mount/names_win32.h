/* SPDX-License-Identifier: MIT */
/* Reading the directories of drive names, with the rights of who asks. */
#ifndef PLATTER_MOUNT_NAMES_WIN32_H
#define PLATTER_MOUNT_NAMES_WIN32_H

#include "names.h"

#include <platter/engine.h>

/*
 * The global directory, the directory of each logon session that can be found out, and the driver's volumes, if it is
 * there. What may not be seen is in *names as such, and no error. Sorted; to be freed with platter_names_free().
 */
enum platter_result platter_names_read(struct platter_names *names, struct platter_error *err);

/* What has a drive letter here, in words, for "X: is taken by ..."; NULL when it is free, or without memory. To be freed. */
char *platter_letter_holder(char letter);

#endif
