/* SPDX-License-Identifier: MIT */
/* What platterw shows. */
#ifndef PLATTER_GUI_SHOW_H
#define PLATTER_GUI_SHOW_H

#include <stdbool.h>
#include <wchar.h>

/* Tests have texts written to this file instead of shown (--tell FILE), and nothing opened; NULL: a person looks. */
extern const wchar_t *platter_show_file;

/* A sentence in UTF-8, with what is said in front of it. */
void platter_show_error(const wchar_t *title, const char *text);
/* A drive's folder, in Explorer: "X:". */
void platter_show_drive(const char *letter);
/* Asks for an image. False when the user did not choose one. */
bool platter_show_choose(wchar_t *path, unsigned units);

#endif
