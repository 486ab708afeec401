/* SPDX-License-Identifier: MIT */
/* Whether a program that is to run with more rights can be exchanged by somebody who has less. */
#ifndef PLATTER_CLI_REPLACEABLE_H
#define PLATTER_CLI_REPLACEABLE_H

#include <stdbool.h>
#include <wchar.h>

/*
 * True when somebody other than administrators, SYSTEM and Windows' installer may write to the file, put files beside it, or
 * take the file or a folder above it away, as far as access lists and owners tell. `path`: whole, of an existing file.
 */
bool cli_is_replaceable(const wchar_t *path);

#endif
