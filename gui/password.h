/* SPDX-License-Identifier: MIT */
/* The window that asks for the password of an encrypted image. */
#ifndef PLATTER_GUI_PASSWORD_H
#define PLATTER_GUI_PASSWORD_H

#include <stdbool.h>
#include <wchar.h>

#define PASSWORD_UNITS 341u                    /* UTF-16 units that can be typed */
#define PASSWORD_SIZE (PASSWORD_UNITS * 3 + 1) /* bytes of UTF-8 with the NUL; `platter` takes 1024 */

/*
 * `left`: how often it can still be asked for, this time included; `again`: the last one was wrong. False when the user does
 * not want to. `password` is the caller's to wipe with SecureZeroMemory(); nothing else here keeps it.
 */
bool platter_ask_password(const wchar_t *image, unsigned left, bool again, char password[PASSWORD_SIZE]);

#endif
