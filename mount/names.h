/* SPDX-License-Identifier: MIT */
/*
 * The names of drives: the global directory, and one directory for each logon session, whose names go first for who is in
 * that session. This is the part that needs no Windows; names_win32.c reads the directories.
 */
#ifndef PLATTER_MOUNT_NAMES_H
#define PLATTER_MOUNT_NAMES_H

#include "json.h"

#include <platter/protocol.h>

#include <stddef.h>

/* A name in a directory. */
struct platter_name {
    char *name;
    char *type;   /* "SymbolicLink", "Directory", ... */
    char *target; /* of a symbolic link; NULL: none, or it may not be read */
};

enum platter_names_state {
    PLATTER_NAMES_READ,
    PLATTER_NAMES_DENIED, /* the caller may not look into it */
    PLATTER_NAMES_NONE,   /* there is no such directory: such a session has no names of its own */
    PLATTER_NAMES_FAILED,
};

struct platter_names_directory {
    char *path;    /* \GLOBAL??, \Sessions\0\DosDevices\00000000-000003e7 */
    bool global;   /* its names are for everybody */
    bool own;      /* of the session that asks */
    uint64_t luid; /* of the logon session; 0 with `global` */
    char *who;     /* whose session that is, for people; NULL: unknown */
    enum platter_names_state state;
    uint32_t status; /* NTSTATUS of what failed, else 0 */
    struct platter_name *names;
    size_t count;
};

/* A volume of Platter, to tell what a target is. */
struct platter_names_volume {
    uint64_t id;
    char *device; /* \Device\PlatterVolume3 */
    char *image;  /* NULL: of another user */
};

struct platter_names {
    struct platter_names_directory *directories; /* the global one first */
    size_t count;
    struct platter_names_volume *volumes;
    size_t volume_count;
    bool elevated;       /* the caller is an administrator, who may see more than others */
    bool whole;          /* all logon sessions are known; false: there may be more than `directories` has */
    bool without_memory; /* something was lost */
};

/* ---- Filling; all copy their texts. What memory does not suffice for sets without_memory. ---- */

struct platter_names_directory *platter_names_add_directory(struct platter_names *names, const char *path, bool global,
                                                            uint64_t luid);
void platter_names_add(struct platter_names *names, struct platter_names_directory *directory, const char *name,
                       const char *type, const char *target);
void platter_names_add_volume(struct platter_names *names, uint64_t id, const char *device, const char *image);
/* Directories by their logon sessions, the global one first and the caller's own next, and names by the alphabet. */
void platter_names_sort(struct platter_names *names);
void platter_names_free(struct platter_names *names);

/* ---- Asking ---- */

/* Without regard to case, as the object manager looks. NULL: not there. */
const struct platter_name *platter_names_find(const struct platter_names_directory *directory, const char *name);
/* The volume that a target leads to; NULL: none of Platter. */
const struct platter_names_volume *platter_names_volume_of(const struct platter_names *names, const char *target);

#define PLATTER_MEANING_TEXT 640
/*
 * What a link's target is, in words: "Platter volume 3, C:\images\disk.vhd", "the folder C:\src (subst)", "network drive
 * \\server\share", "CD or DVD drive", "volume of a disk". `names` (NULL is fine) knows Platter's volumes.
 */
char *platter_target_meaning(const struct platter_names *names, const char *target, char buffer[PLATTER_MEANING_TEXT]);

#endif
