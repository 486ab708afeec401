/* SPDX-License-Identifier: MIT */
/* Images by their places, and letters where no Mount Manager remembers them. */
#ifndef PLATTER_MOUNT_REMEMBER_WIN32_H
#define PLATTER_MOUNT_REMEMBER_WIN32_H

#include "remember.h"

/* The path behind drive letters, links and spellings, for platter_remembered_id(). NULL without memory; to be freed. */
char *platter_remember_path(const char *path);

/* The letter the volume of this id had last, if it is free now; else 0. Of this user, HKCU\Software\Platter\Letters. */
char platter_remembered_letter(const uint8_t id[16]);
void platter_remember_letter(const uint8_t id[16], char letter);

#endif
