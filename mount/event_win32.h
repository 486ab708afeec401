/* SPDX-License-Identifier: MIT */
/* Writes to the Application log. Nothing here fails aloud: a drive matters more than a word about it. */
#ifndef PLATTER_MOUNT_EVENT_WIN32_H
#define PLATTER_MOUNT_EVENT_WIN32_H

#include "account_win32.h"
#include "event.h"
#include "mount_win32.h"

/* Writes one event. `strings`: as beside its number in event.h; NULL is "". `account` may be NULL: no user is named. */
void platter_event_write(enum platter_event event, const struct platter_account *account, const char *const *strings,
                         size_t count);

/* MOUNTED or UNMOUNTED, of this drive. */
void platter_event_drive(enum platter_event event, const struct platter_account *account,
                         const struct platter_volume_info *info);

/*
 * Of a mount that this process serves for the user it runs as: each drive that is there now; why there is none; that it has
 * ended, and whether all is in its image. The service writes its workers' events by platter_event_write.
 */
void platter_event_mount_started(const struct platter_mount *mount);
void platter_event_mount_failed(const struct platter_mount *mount, const struct platter_error *err);
void platter_event_mount_ended(const struct platter_mount *mount, enum platter_result result);

/*
 * "the image is damaged at byte 4096" and such: what may be said of an error where everybody reads it. Returns buffer.
 */
char *platter_event_reason(const struct platter_error *err, char buffer[PLATTER_EVENT_TEXT]);

/*
 * HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\Platter: `program` (the whole path of platterd.exe) has the
 * texts. Administrators only; done by `platter service install` and the installer. Without it events are written all the
 * same, and Event Viewer shows their strings alone.
 */
enum platter_result platter_event_source_add(const wchar_t *program, struct platter_error *err);
enum platter_result platter_event_source_remove(struct platter_error *err);

#endif
