/* SPDX-License-Identifier: MIT */
/*
 * platter-steps.exe: what setup and uninstall.exe do to the machine. The NSIS scripts beside this folder ask, show and
 * unpack; each change is made here, in steps that are undone in reverse when one of them fails (journal.h).
 *
 * Functions that can fail return enum steps_exit, and have said why with steps_fail().
 */
#ifndef PLATTER_SETUP_STEPS_H
#define PLATTER_SETUP_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

#include <platter/engine.h>

#define STEPS_PATH                                                                                                     \
    512u /* UTF-16 units with the NUL: more than a folder of 120 units (options.c) and a file in it need */

/* Exit statuses of setup and uninstall.exe, docs/install.md. Never reused. */
enum steps_exit {
    STEPS_DONE = 0,
    STEPS_CANCELLED = 1,      /* by the user; NSIS's own */
    STEPS_FAILED = 2,         /* and what was there before is there again */
    STEPS_UNSUPPORTED = 3,    /* this Windows */
    STEPS_NOT_ELEVATED = 4,   /* only administrators may */
    STEPS_BUSY = 5,           /* drives are mounted and in use */
    STEPS_SECURE_BOOT = 6,    /* Windows would not load this driver: its signature */
    STEPS_NEWER = 7,          /* a newer version is installed */
    STEPS_RUNNING = 8,        /* another setup runs */
    STEPS_USAGE = 9,          /* an option makes no sense */
    STEPS_INTERRUPTED = 10,   /* half done; the next run puts it right */
    STEPS_UNTRUSTED = 11,     /* the driver package is not what was signed, or Windows does not trust who signed it */
    STEPS_RESTART_FIRST = 12, /* Windows has yet to finish what an uninstallation began */
    STEPS_RESTART = 3010,     /* done, once Windows has been restarted */
    STEPS_WOULD_ASK = 20,     /* `mounts`: there are some; never setup's own status */
    STEPS_SAME = 21,          /* `check`: this very version is installed; likewise */
    STEPS_OLDER = 22,         /* `check`: an older one is; likewise */
};

/* What the user chooses; bits, and their names in /COMPONENTS=. */
enum steps_component {
    STEPS_SERVICE = 1,
    STEPS_IN_PATH = 2,
    STEPS_EXPLORER = 4,
    STEPS_START_MENU = 8,
    STEPS_ALL = 15,
};

struct steps_options {
    const wchar_t *command;
    wchar_t dir[STEPS_PATH]; /* the installation folder, whole, without a backslash at the end */
    wchar_t log[STEPS_PATH];
    wchar_t message[STEPS_PATH]; /* file for what is to be shown; "": none */
    wchar_t files[STEPS_PATH];   /* what has been unpacked, "SIZE PATH" a line */
    const wchar_t *version;      /* of what is to be installed, "1.2.3" */
    bool release;                /* its driver carries a signature of Microsoft's */
    const wchar_t *fail_at;      /* docs/testing.md; NULL: nowhere */
    const wchar_t *die_at;
    unsigned components;
    unsigned wait_seconds; /* for drives in use */
    bool test_certificate;
    bool force; /* drives in use are taken away */
};

/* What there is of an earlier installation. */
struct steps_installed {
    wchar_t dir[STEPS_PATH]; /* "": none */
    wchar_t version[32];
    unsigned components;
    wchar_t certificate[48]; /* SHA-1 of the test certificate that setup added, in hexadecimal; "": none */
};

struct steps {
    struct steps_options options;
    struct steps_installed installed;
    FILE *log;
    void *journal;      /* HANDLE; NULL: changes are not noted */
    bool restart;       /* Windows finishes something at its next start */
    bool undoing;       /* a failure is logged and does not replace the first one's words */
    char message[2048]; /* UTF-8 */
};

/* ---- log.c ---- */

/* Best effort: a machine that cannot be logged on is no reason not to install. */
void steps_log_open(struct steps *steps);
void steps_log_close(struct steps *steps);
/* A line with the time, and the same on standard output, which setup shows. */
void steps_say(struct steps *steps, const char *format, ...) PLATTER_PRINTF(2, 3);
/* Says why, which is kept as the message; `error`: a GetLastError() whose text is appended, or 0. Returns `exit`. */
enum steps_exit steps_fail(struct steps *steps, enum steps_exit exit, unsigned long error, const char *format, ...)
    PLATTER_PRINTF(4, 5);
/* The message into the file that setup reads, UTF-16. */
void steps_write_message(struct steps *steps);
/* Where tests want a failure: STEPS_FAILED or the end of this process there, STEPS_DONE elsewhere. */
enum steps_exit steps_point(struct steps *steps, const wchar_t *name);

/* ---- options.c ---- */

enum steps_exit steps_options_read(struct steps *steps, int count, wchar_t **arguments);
/* "service,path": 0 and false when a name is unknown. */
bool steps_components_read(const wchar_t *text, unsigned *components);
/* `units` of at least 64. */
void steps_components_write(unsigned components, wchar_t *text, size_t units);

/* ---- checks.c ---- */

/* What HKLM\SOFTWARE\Platter tells. */
void steps_installed_read(struct steps_installed *installed);
/* Whether this machine can have this version: STEPS_DONE, STEPS_SAME, STEPS_OLDER, or the refusal. */
enum steps_exit steps_check(struct steps *steps);
/* Whether this user may. */
enum steps_exit steps_check_elevated(struct steps *steps);

/* ---- install.c, uninstall.c: the order of things ---- */

enum steps_exit steps_install(struct steps *steps);
enum steps_exit steps_uninstall(struct steps *steps);

#endif
