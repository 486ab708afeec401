/* SPDX-License-Identifier: MIT */
/*
 * The names of drives: the global directory, and one directory for each logon session, whose names go first for who is in
 * that session. This is the part that needs no Windows; names_win32.c reads the directories.
 */
#ifndef PLATTER_CLI_NAMES_H
#define PLATTER_CLI_NAMES_H

#include "json.h"

#include <platter/protocol.h>

#include <stddef.h>

/* A name in a directory. */
struct cli_name {
    char *name;
    char *type;   /* "SymbolicLink", "Directory", ... */
    char *target; /* of a symbolic link; NULL: none, or it may not be read */
};

enum cli_names_state {
    CLI_NAMES_READ,
    CLI_NAMES_DENIED, /* the caller may not look into it */
    CLI_NAMES_NONE,   /* there is no such directory: such a session has no names of its own */
    CLI_NAMES_FAILED,
};

struct cli_names_directory {
    char *path;    /* \GLOBAL??, \Sessions\0\DosDevices\00000000-000003e7 */
    bool global;   /* its names are for everybody */
    bool own;      /* of the session that asks */
    uint64_t luid; /* of the logon session; 0 with `global` */
    char *who;     /* whose session that is, for people; NULL: unknown */
    enum cli_names_state state;
    uint32_t status; /* NTSTATUS of what failed, else 0 */
    struct cli_name *names;
    size_t count;
};

/* A volume of Platter, to tell what a target is. */
struct cli_names_volume {
    uint64_t id;
    char *device; /* \Device\PlatterVolume3 */
    char *image;  /* NULL: of another user */
};

struct cli_names {
    struct cli_names_directory *directories; /* the global one first */
    size_t count;
    struct cli_names_volume *volumes;
    size_t volume_count;
    bool elevated;       /* the caller is an administrator, who may see more than others */
    bool whole;          /* all logon sessions are known; false: there may be more than `directories` has */
    bool without_memory; /* something was lost */
};

/* ---- Filling; all copy their texts. What memory does not suffice for sets without_memory. ---- */

struct cli_names_directory *cli_names_add_directory(struct cli_names *names, const char *path, bool global,
                                                    uint64_t luid);
void cli_names_add(struct cli_names *names, struct cli_names_directory *directory, const char *name, const char *type,
                   const char *target);
void cli_names_add_volume(struct cli_names *names, uint64_t id, const char *device, const char *image);
/* Directories by their logon sessions, the global one first and the caller's own next, and names by the alphabet. */
void cli_names_sort(struct cli_names *names);
void cli_names_free(struct cli_names *names);

/* ---- Asking ---- */

/* Without regard to case, as the object manager looks. NULL: not there. */
const struct cli_name *cli_names_find(const struct cli_names_directory *directory, const char *name);
/* The volume that a target leads to; NULL: none of Platter. */
const struct cli_names_volume *cli_names_volume_of(const struct cli_names *names, const char *target);

#define CLI_MEANING_TEXT 640
/*
 * What a link's target is, in words: "Platter volume 3, C:\images\disk.vhd", "the folder C:\src (subst)", "network drive
 * \\server\share", "CD or DVD drive", "volume of a disk". `names` (NULL is fine) knows Platter's volumes.
 */
char *cli_target_meaning(const struct cli_names *names, const char *target, char buffer[CLI_MEANING_TEXT]);

/* ---- Showing ---- */

/* False without memory. */
bool cli_names_print_letters(const struct cli_names *names);
bool cli_names_print_letter(const struct cli_names *names, char letter);
bool cli_names_print_all(const struct cli_names *names);
/* "letters" (of one, where `letter` is not 0), "directories" (their names only where `all`). */
void cli_names_json(json_t *root, const struct cli_names *names, char letter, bool all);

#endif
