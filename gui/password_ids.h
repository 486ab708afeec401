/* SPDX-License-Identifier: MIT */
/* Numbers that password.rc and password.c share. */
#define PASSWORD_DIALOG 100
#define PASSWORD_IMAGE 101
#define PASSWORD_NOTE 102
#define PASSWORD_EDIT 103
#define PASSWORD_ICON 104
