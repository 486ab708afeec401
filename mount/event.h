/* SPDX-License-Identifier: MIT */
/*
 * What goes to the Application log, source "Platter": the numbers and texts are those of service/events.mc, which is a
 * resource of platterd.exe. Everybody may read that log, so an event names the drive and who mounted it, never an image.
 */
#ifndef PLATTER_MOUNT_EVENT_H
#define PLATTER_MOUNT_EVENT_H

#include <stddef.h>
#include <stdint.h>

/* As in events.mc: severity (1 information, 2 warning, 3 error) in the two highest bits. tests/build/events.py compares. */
enum platter_event {
    PLATTER_EVENT_MOUNTED = 0x40000001,         /* account, drive, volume's number, how: "read-only" ... */
    PLATTER_EVENT_UNMOUNTED = 0x40000002,       /* account, drive, volume's number */
    PLATTER_EVENT_REFUSED = 0x80000003,         /* account, why */
    PLATTER_EVENT_DAMAGED = 0xC0000004,         /* account, what */
    PLATTER_EVENT_UNWRITTEN = 0xC0000005,       /* account, what: not all that was written is in the image */
    PLATTER_EVENT_PROVIDER_LOST = 0xC0000006,   /* account, drives, process id, why */
    PLATTER_EVENT_MOUNT_LOST = 0xC0000007,      /* account, why: a persistent mount is not back */
    PLATTER_EVENT_REQUEST_REFUSED = 0x80000008, /* account, why: by the service */
    PLATTER_EVENT_DAMAGED_DATA = 0xC0000009,    /* account: found while the image was served */
    PLATTER_EVENT_WORKER_LESS = 0x8000000A,     /* how the service's workers are confined, and why not more */
    PLATTER_EVENT_PIPE_TAKEN = 0xC000000B,      /* who has the name of the service's pipe */
};
#define PLATTER_EVENT_STRINGS 4u

/* Bytes of a string that goes into an event, its end included. ReportEvent takes 31,839 characters. */
#define PLATTER_EVENT_TEXT 512u

/*
 * Makes text fit for an event: valid UTF-8, at most PLATTER_EVENT_TEXT bytes ("..." tells where it was cut), control
 * characters and those that turn the writing direction as U+FFFD, so that one event cannot look like two, and "%" in
 * front of a digit, "%" or "!" as a full-width sign (U+FF05), since Event Viewer would put other text in its place
 * ("ReportEvent", SDK). Returns buffer.
 */
char *platter_event_text(const char *text, char buffer[PLATTER_EVENT_TEXT]);

/* 1 error, 2 warning, 4 information: EVENTLOG_*_TYPE of the event's severity. */
uint16_t platter_event_type(enum platter_event event);

#endif
