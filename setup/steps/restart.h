/* SPDX-License-Identifier: MIT */
/* What Windows is to do at its next start. */
#ifndef PLATTER_SETUP_RESTART_H
#define PLATTER_SETUP_RESTART_H

#include "steps.h"

/*
 * Whether Windows would remove files from the folder at its next start, as an uninstallation has asked it to: they would be
 * the new ones by then. STEPS_RESTART_FIRST and why, or STEPS_DONE.
 */
enum steps_exit restart_check(struct steps *steps);
/* Has a file that is in use removed at the next start, under another name where it can be given one, so that its own is free. */
void restart_remove(struct steps *steps, const wchar_t *path);
/* A folder, when it is empty by then. */
void restart_remove_folder(struct steps *steps, const wchar_t *path);

#endif
