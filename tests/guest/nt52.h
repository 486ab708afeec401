/* SPDX-License-Identifier: MIT */
/*
 * platter.exe is for Windows 7 and later and calls some twenty routines that NT 5.2, the level of the guests that
 * tests/guest can be run on, does not have. tests/guest/platter.exe is the same program, linked from the same objects,
 * with these routines added; where NT 5.2 has the routine itself, it is used.
 */
#ifndef PLATTER_TESTS_GUEST_NT52_H
#define PLATTER_TESTS_GUEST_NT52_H

/* These are definitions, not imports. */
#define _KERNEL32_
#define _ADVAPI32_
#define WINUSERAPI

#include <windows.h>

/* The name by which callers compiled for an import find NAME, whose arguments have BYTES bytes on x86. */
#ifdef _WIN64
#define NT52_IMPORT(name, bytes) void *const nt52_import_##name __asm__("__imp_" #name) = (void *)name
#else
#define NT52_IMPORT(name, bytes) void *const nt52_import_##name __asm__("__imp__" #name "@" #bytes) = (void *)name
#endif

#endif
