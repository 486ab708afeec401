/* SPDX-License-Identifier: MIT */
/* What points.exe is made of: names in points.c, the rest in points_*.c. */
#ifndef PLATTER_TESTS_GUEST_POINTS_H
#define PLATTER_TESTS_GUEST_POINTS_H

#include <windows.h>

/* The NT name of the device that `letter` ("X:") stands for to the caller, in `device` of `units`. */
BOOL points_device(const wchar_t *letter, wchar_t *device, DWORD units);

/* Each of these is one command, prints its outcome and returns the exit status. */
int points_devices(void);
int points_request_eject(const wchar_t *letter);
/* Starts the driver by the service manager alone, with no device node for its bus; stops it and forgets it. */
int points_service(const wchar_t *file);
int points_no_service(void);
/* Has eject.sys (`file`) ask for the ejection of the device that the letter stands for. */
int points_driver_eject(const wchar_t *letter, const wchar_t *file);
/* Ends the processes that run `program`, or waits for their end. */
int points_kill(const wchar_t *program);
int points_ended(const wchar_t *program);
/* As another user, in a logon session of his own: lists a folder, and one that must be closed, then runs the command line. */
int points_as(const wchar_t *user, const wchar_t *password, const wchar_t *folder, const wchar_t *closed,
              wchar_t *command);

#endif
