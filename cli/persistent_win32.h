/* SPDX-License-Identifier: MIT */
/* `mount --persistent`: what the service is asked for on behalf of this user. */
#ifndef PLATTER_CLI_PERSISTENT_H
#define PLATTER_CLI_PERSISTENT_H

#include "../mount/mount_win32.h"
#include "arguments.h"

/* --persistent, or --at-boot, which is more. */
bool cli_is_persistent(const struct cli_arguments *arguments);
/* Has the service mount the image; *report, the caller's, is what `mount` tells. */
enum platter_result cli_persistent_mount(const struct cli_arguments *arguments, const struct platter_mount *mount,
                                         json_t **report, struct platter_error *err);
/* Drives that this worker of the service had are unmounted: waits until the service has forgotten them. */
void cli_persistent_unmounted(uint32_t process_id);

#endif
