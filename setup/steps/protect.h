/* SPDX-License-Identifier: MIT */
/* Who may write to the installation folder: what is in it runs with the system's rights. */
#ifndef PLATTER_SETUP_PROTECT_H
#define PLATTER_SETUP_PROTECT_H

#include "steps.h"

/*
 * The folder, made before anything is unpacked into it, and nobody but administrators to write to it. Program Files sees to that
 * itself. Elsewhere a new folder may inherit that everybody writes to it, and one that is there may be anybody's: it is taken
 * over when it is empty or holds what is installed, and refused otherwise.
 */
enum steps_exit protect_folder(struct steps *steps);

/* Whether an administrator or the system has made this folder, and it is no link: then nobody else has put anything in its place. */
bool protect_is_ours(const wchar_t *folder);

#endif
