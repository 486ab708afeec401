/* SPDX-License-Identifier: MIT */
/*
 * A provider small enough to misbehave on purpose: it speaks protocol.h to the driver by itself and serves a disk in
 * memory. Platter's own provider never does what these do.
 */
#ifndef PLATTER_WT_SESSION_H
#define PLATTER_WT_SESSION_H

#include "wt.h"
#include "platter/protocol.h"

enum wt_behaviour {
    WT_HONEST,     /* answers at once */
    WT_SLOW,       /* answers everything, each request delay_ms late */
    WT_SILENT,     /* fetches and never answers */
    WT_IDLE,       /* does not even fetch */
    WT_WRONG_ID,   /* answers ids that were never asked */
    WT_TWICE,      /* answers each request twice */
    WT_SHORT,      /* says OK with fewer bytes than asked */
    WT_LONG,       /* says OK with more bytes than asked */
    WT_FAR,        /* says the bytes lie behind the end of the buffer */
    WT_WRAP,       /* data_offset + length wraps round 32 bits */
    WT_ODD_STATUS, /* a status that does not exist */
    WT_ERROR,      /* the status in wt_disk.error */
};

/* One volume's bytes and how they are served. `behaviour` may be changed at any time. */
struct wt_disk {
    unsigned char *bytes;
    uint64_t length;
    uint64_t volume_id;
    volatile LONG behaviour; /* enum wt_behaviour */
    volatile LONG error;     /* enum platter_status, for WT_ERROR */
    volatile LONG delay_ms;  /* for WT_SLOW */
    volatile LONG flushes;
    volatile LONG writes;
};

enum { WT_DISKS = 16, WT_WORKERS = 2 };

struct wt_session {
    HANDLE control;
    struct wt_disk disks[WT_DISKS];
    unsigned disk_count;
    volatile LONG stop;
    volatile LONG late; /* sum of answers_late */
    HANDLE workers[WT_WORKERS];
};

/* \\.\Platter, HELLO not said. Bails when there is none. */
HANDLE wt_open_control(void);
DWORD wt_hello(HANDLE control, uint32_t version, struct platter_hello_out *out);

/* A writable volume of `length` bytes, 512-byte sectors, no letter asked: what tests then change. */
struct platter_volume_create_in wt_volume(uint64_t length);
DWORD wt_volume_create(HANDLE control, const struct platter_volume_create_in *in,
                       struct platter_volume_create_out *out);
DWORD wt_volume_start(HANDLE control, uint64_t id, struct platter_volume_info *info);
DWORD wt_volume_remove(HANDLE control, uint64_t id, uint32_t flags);
/* Finds one volume in VOLUME_LIST. ERROR_NOT_FOUND when it is not there. */
DWORD wt_volume_info(HANDLE control, uint64_t id, struct platter_volume_info *info);

/* Opens, says HELLO, starts the workers. */
void wt_session_open(struct wt_session *session);
/* Creates a disk of `in->length_bytes`, filled with numbers that depend on the offset, and does not start it. */
struct wt_disk *wt_session_add(struct wt_session *session, const struct platter_volume_create_in *in);
/* wt_session_add with a letter, and VOLUME_START. Bails when that fails. */
struct wt_disk *wt_session_mount(struct wt_session *session, char letter, uint64_t length, uint32_t deadline_ms);
/* Closes the control handle at once, whatever is under way, as a dying process would; then joins the workers. */
void wt_session_drop(struct wt_session *session);
/* Removes all volumes by force, then drops. */
void wt_session_close(struct wt_session *session);

/* What wt_session_add puts at `offset`, a multiple of 8: checks `length` bytes. */
bool wt_pattern_matches(const void *buffer, uint64_t offset, size_t length);

#endif /* PLATTER_WT_SESSION_H */
