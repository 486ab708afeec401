/* SPDX-License-Identifier: MIT */
/*
 * For the Windows test programs: TAP, a watchdog, and overlapped I/O that cannot wait for ever. What is tested here is a
 * driver, and a driver's commonest fault is a request that never ends.
 */
#ifndef PLATTER_WT_H
#define PLATTER_WT_H

#include <windows.h>
#include <winioctl.h>
#include <stdbool.h>
#include <stdint.h>
#include "platter/engine.h" /* PLATTER_PRINTF */

int wmain(int argc, wchar_t **argv); /* mingw-w64's headers do not declare it */

/* One case. Returns `passed`. The name may be a printf format. */
bool wt_ok(bool passed, const char *format, ...) PLATTER_PRINTF(2, 3);
/* A line that TAP readers pass over. */
void wt_note(const char *format, ...) PLATTER_PRINTF(1, 2);
/* Ends the program as failed: what follows could not mean anything. */
void wt_bail(const char *format, ...) PLATTER_PRINTF(1, 2) __attribute__((noreturn));
/* Prints the plan; what main() returns. */
int wt_finish(void);

/* Ends the program with a failed case when it has run this long. Call first. */
void wt_watchdog(unsigned seconds);
/* Milliseconds since the program started. */
uint64_t wt_now(void);

/* xorshift: the same sequence everywhere, so that a failure can be had again. State must not be 0. */
uint32_t wt_random(uint32_t *state);

/* ---- I/O, always overlapped, always with a limit ---- */

#define WT_STUCK 0xffffffffu /* did not end within the limit: no Win32 error has this number */
#define WT_LIMIT_MS 20000u

struct wt_io {
    OVERLAPPED overlapped;
    HANDLE file;
    DWORD started; /* ERROR_IO_PENDING, or the error it ended with at once (0: none) */
};

void wt_io_init(struct wt_io *io); /* makes the event */
void wt_io_free(struct wt_io *io);
void wt_io_read(struct wt_io *io, HANDLE file, void *buffer, DWORD length, uint64_t offset);
void wt_io_write(struct wt_io *io, HANDLE file, const void *buffer, DWORD length, uint64_t offset);
void wt_io_control(struct wt_io *io, HANDLE file, DWORD code, const void *in, DWORD in_length, void *out,
                   DWORD out_length);
/* Waits for the end. Returns the Win32 error, or WT_STUCK; *done (may be NULL): bytes. */
DWORD wt_io_wait(struct wt_io *io, DWORD limit_ms, DWORD *done);

/* The same in one go; WT_LIMIT_MS. */
DWORD wt_read(HANDLE file, void *buffer, DWORD length, uint64_t offset, DWORD *done);
DWORD wt_write(HANDLE file, const void *buffer, DWORD length, uint64_t offset, DWORD *done);
DWORD wt_control(HANDLE file, DWORD code, const void *in, DWORD in_length, void *out, DWORD out_length, DWORD *done);

/* ---- Drives ---- */

/* Opens \\.\X: overlapped; INVALID_HANDLE_VALUE and GetLastError() when there is none. */
HANDLE wt_open_drive(char letter, DWORD access);
bool wt_drive_exists(char letter);
/* Waits until the letter is there (or gone). False: it did not happen in time. */
bool wt_wait_drive(char letter, bool present, DWORD limit_ms);

#endif /* PLATTER_WT_H */
