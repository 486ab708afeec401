/* SPDX-License-Identifier: MIT */
/* Taking a drive away in order: file system flushed, locked and dismounted, then letter, then device. */
#ifndef PLATTER_CLI_DISMOUNT_H
#define PLATTER_CLI_DISMOUNT_H

#include "control_win32.h"
#include "holders.h"

/*
 * Waits some seconds for a drive that is in use (indexers and virus scanners come and go), then PLATTER_E_BUSY; with
 * `force` what is open then loses its files. Returns when the drive is gone. *holders (NULL: nobody wants to know), which
 * starts as {0}, says with PLATTER_E_BUSY who has it open; err->message does, too.
 */
enum platter_result cli_dismount(struct platter_transport *transport, const struct platter_volume_info *info,
                                 bool force, struct cli_holders *holders, struct platter_error *err);

#endif
