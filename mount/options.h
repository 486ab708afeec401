/* SPDX-License-Identifier: MIT */
/* What a mount is asked to be, wherever that was said: on a command line, to the service, in the registry. */
#ifndef PLATTER_MOUNT_OPTIONS_H
#define PLATTER_MOUNT_OPTIONS_H

#include <platter/engine.h>

/* What is asked for. All texts are borrowed, as long as the mount lasts. */
struct platter_mount_options {
    const char *image;                /* a path, or the URI of a server */
    struct platter_open_options open; /* `flags` are zero */
    const char *partition;            /* "all", "N[,N...]"; NULL: those that hold a file system */
    const char *letters;              /* "X[,Y...]"; NULL: as the system chooses */
    const char *folder;               /* NULL: none */
    const char *overlay;              /* a file; "": a temporary one; NULL: none */
    const char *remember_path;        /* the image's whole path for `remember`; NULL: it is found out here */
    bool no_letter, read_only, remember;
    bool shared; /* everybody may write where the file system has no access lists; else such a drive is its owner's */
    bool hosted; /* by a worker of the service: said of the volume, and no temporary overlays */
};

#endif
