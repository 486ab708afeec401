/* SPDX-License-Identifier: MIT */
/* A mount from inside the process that serves it: image opened, volumes made, announced, served, taken away. */
#ifndef PLATTER_MOUNT_MOUNT_H
#define PLATTER_MOUNT_MOUNT_H

#include "choose.h"
#include "folder_win32.h"
#include "options.h"
#include "overlay.h"

#include <platter/provider.h>

#include <windows.h>

#define PLATTER_DISC_SECTOR 2048u /* bytes; what CDFS and UDFS want of a CD-ROM device */

struct platter_mount_volume {
    const struct platter_partition *partition;
    struct platter_block *block;
    bool announced;
    struct platter_volume_info info; /* once announced */
};

struct platter_mount {
    const struct platter_mount_options *options;
    bool (*alive)(void *context); /* says that work goes on, and asks whether it is still wanted; NULL: it is */
    void *alive_context;
    struct platter_choice choice;
    char letters[26];
    size_t letter_count;
    bool read_only;
    struct platter_writing writing;
    char image_path[PLATTER_IMAGE_NAME_CHARS * 3]; /* whole, for others to see */
    struct platter_image *image;
    struct platter_partition_table *table;
    size_t count;
    struct platter_mount_volume volumes[PLATTER_MAX_CHOSEN];
    struct platter_provider *provider;
    char folder[PLATTER_FOLDER_TEXT]; /* whole path of the folder the drive is to be in; "": none */
    bool in_folder;                   /* it is */
    bool remember;                    /* its letter is to come back the next time */
    char forbidden[200];              /* the policy that lets this user only read; else "" */
    char forgetful[200];              /* it will not, though it was asked for; else "" */
    bool refused;                     /* the machine's policy forbade it */
    bool damaged;                     /* set by platter_mount_end: what was read was found damaged */
    bool stuck;                       /* a call to the driver has not come back */
    uint32_t routes;                  /* PLATTER_ROUTE_BITs that this machine offers */
    uint32_t policy;                  /* enum platter_policy, as the driver said it */
    SRWLOCK ending; /* held by who takes the drives away, so that nobody frees the provider under his hands */
};

/* Holds a file system that Windows mounts on CD-ROM devices only. */
bool platter_is_disc(const struct platter_partition *partition);

/* Reads mount->options into the rest of *mount, which is {0}: what is wrong with them is told before anything is begun. */
enum platter_result platter_mount_prepare(struct platter_mount *mount, struct platter_error *err);
/* All volumes are there, or none. Calls mount->alive() meanwhile. */
enum platter_result platter_mount_start(struct platter_mount *mount, struct platter_error *err);
/* Adds what was mounted to the reply's object. */
void platter_mount_json(json_t *root, const struct platter_mount *mount);
/* Takes all drives away in order, also those in use. From any thread, while another serves. */
void platter_mount_dismount(struct platter_mount *mount);
/* Ends the provider and closes the image; the result says whether all that was written is in it. */
enum platter_result platter_mount_end(struct platter_mount *mount, struct platter_error *err);

#endif
