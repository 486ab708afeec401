/* SPDX-License-Identifier: MIT */
/* Who has a drive open, in words. This is the part that needs no Windows; holders_win32.c finds out. */
#ifndef PLATTER_MOUNT_HOLDERS_H
#define PLATTER_MOUNT_HOLDERS_H

#include "json.h"

#include <stddef.h>

#define PLATTER_HOLDERS_MAX 32
#define PLATTER_HOLDERS_TEXT 480

struct platter_holder {
    uint32_t process_id;
    char name[128]; /* of its program: "notepad.exe"; "": unknown */
    char file[260]; /* what it has open, as far as that is known: "\docs\a.txt"; "": unknown, or the drive itself */
};

struct platter_holders {
    struct platter_holder list[PLATTER_HOLDERS_MAX];
    size_t count;
    bool more; /* there are others */
    char veto
        [256]; /* who objected to the device's removal, as the Plug and Play manager says it; "": it was not asked */
    char unknown[160]; /* why nobody may be named; "": all that could be asked was asked */
};

/* One entry a process; what is known of it more than before is filled in. */
void platter_holders_add(struct platter_holders *holders, uint32_t process_id, const char *name, const char *file);
/* "notepad.exe (process 4711) has \docs\a.txt open", several behind each other. Never empty. */
char *platter_holders_text(const struct platter_holders *holders, char buffer[PLATTER_HOLDERS_TEXT]);
/* "holders": [{"process_id", "name", "file"}], "veto": text or null. */
void platter_holders_json(json_t *object, const struct platter_holders *holders);

/*
 * PNP_VETO_TYPE as a sentence; `name` is what came with it: a device, a driver, a service, a program. Source: "PNP_VETO_TYPE
 * enumeration" (cfg.h).
 */
char *platter_veto_text(unsigned type, const char *name, char *buffer, size_t size);

#endif
