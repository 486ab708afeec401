/* SPDX-License-Identifier: MIT */
#ifndef PLATTER_MOUNT_PROCESS_WIN32_H
#define PLATTER_MOUNT_PROCESS_WIN32_H

#include <stdint.h>

/* The file name of the program that a process runs, "platter.exe"; to be freed. NULL: this user may not know, or it has ended. */
char *platter_process_program(uint32_t process_id);

#endif
