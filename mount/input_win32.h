/* SPDX-License-Identifier: MIT */
/* What is handed to a program on its standard input, so that it stands in no command line and in no file. */
#ifndef PLATTER_MOUNT_INPUT_H
#define PLATTER_MOUNT_INPUT_H

#define PLATTER_INPUT_MOST 2048u /* bytes */

/*
 * A handle that a started program inherits and reads `line` from, ended by a newline, and then the end. To be closed; NULL with
 * GetLastError() set.
 */
void *platter_input_line(const char *line);

#endif
