/* SPDX-License-Identifier: MIT */
/* Taking a drive away in order: file system flushed, locked and dismounted, then letter, then device. */
#ifndef PLATTER_MOUNT_DISMOUNT_H
#define PLATTER_MOUNT_DISMOUNT_H

#include "control_win32.h"
#include "holders.h"

/*
 * Waits some seconds for a drive that is in use (indexers and virus scanners come and go), then PLATTER_E_BUSY; with
 * `force` what is open then loses its files. Returns when the drive is gone. *holders (NULL: nobody wants to know), which
 * starts as {0}, says with PLATTER_E_BUSY who has it open; err->message does, too.
 */
enum platter_result platter_dismount(struct platter_transport *transport, const struct platter_volume_info *info,
                                     bool force, struct platter_holders *holders, struct platter_error *err);

#endif
