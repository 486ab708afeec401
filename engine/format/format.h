/* SPDX-License-Identifier: MIT */
/* What an image format implements, and the list of formats. One file a format; registry.c holds the list. */
#ifndef PLATTER_ENGINE_FORMAT_H
#define PLATTER_ENGINE_FORMAT_H

#include "../block.h"

enum platter_probe {
    PLATTER_PROBE_NO = 0,
    PLATTER_PROBE_MAYBE = 1, /* could be anything: raw */
    PLATTER_PROBE_YES = 2,   /* its signature is there */
};

struct platter_detail_list;

struct platter_chain;

/* What a format is asked to open. */
struct platter_open_request {
    const char *path; /* the image's file, for messages and for finding its neighbours: parents, extents, parts */
    const struct platter_open_options *options;
    const struct platter_chain *chain; /* the images whose parents this is, for platter_chain_open() */
    struct platter_block *backing;     /* to be taken for the backing file, whatever its name is; NULL: open it */
};

/* What a format hands back from open. */
struct platter_opened {
    struct platter_block *block;         /* the disk; one reference, the caller's */
    const char *variant;                 /* static text; "" when there is only one */
    bool writable;                       /* can be written in place, whatever the flags of this open */
    bool compressed;                     /* stores its data compressed, though `writable` may be true */
    uint32_t unit;                       /* bytes that are best decoded together; 0: nothing is compressed */
    struct platter_detail_list *details; /* for platter_detail_add(); never NULL during open */
    uint64_t file_size;      /* of all its files, when there are several; 0: the one file that open was given */
    uint64_t allocated_size; /* goes with file_size */
};

/* Adds a line to what `platter info` shows. key: stable snake_case; value: printf. Out of memory is silently less detail. */
void platter_detail_add(struct platter_detail_list *list, const char *key, const char *format, ...)
    PLATTER_PRINTF(3, 4);

/* A new, empty image, as a format is asked to make it; copy/create.c has checked all of it against its maker. */
struct platter_new_image {
    uint64_t size;                 /* bytes of the disk: whole sectors, not 0 */
    uint32_t sector_size;          /* bytes */
    uint32_t physical_sector_size; /* bytes; 0: not known */
    uint32_t block_size;           /* bytes: of a block, cluster, grain */
    const char *subformat;         /* one of the maker's, by its pointer; NULL when there is only one kind */
    struct platter_block *backing; /* the disk below; NULL: none, and so are these */
    const char *backing_name, *backing_format; /* as they are to stand in the image; the format may be NULL: not said */
};

/* What new images of a format can be, and how one is made. */
struct platter_maker {
    const char *const *extensions; /* of file names, without the dot, lower case; NULL-terminated */
    const char *const *subformats; /* NULL-terminated, the usual one first; NULL: there is only one kind */
    uint64_t size_most;            /* bytes of the disk */
    uint32_t sector_most;          /* bytes: disks with longer sectors cannot be told from others; 0: any */
    uint32_t block_least, block_most, block_usual; /* bytes; usual 0: the format chooses by the disk's size */
    bool children;                                 /* wanted->backing may be there */
    /*
     * Fills `file`, which is empty and open for writing, with an image that reads as zeros and can be written in place.
     * `path`: the name that it will have.
     */
    enum platter_result (*create)(struct platter_os_file *file, const char *path,
                                  const struct platter_new_image *wanted, struct platter_error *err);
};

enum platter_format_feature {
    PLATTER_FORMAT_SNAPSHOTS = 1u << 0, /* open looks at options->snapshot */
    PLATTER_FORMAT_DISKS = 1u << 1,     /* open looks at options->disk */
};

struct platter_format {
    const char *name;  /* "vhd" */
    uint32_t features; /* enum platter_format_feature; what is asked for beyond them is refused before open */
    /* Looks at content only, reads as little as it can. An I/O error is PROBE_NO. */
    enum platter_probe (*probe)(struct platter_block *file);
    /*
     * `file` is the image's file (any offset and length may be read; keep a reference with platter_block_ref).
     * request->options->flags says whether to open for writing.
     */
    enum platter_result (*open)(struct platter_block *file, const struct platter_open_request *request,
                                struct platter_opened *opened, struct platter_error *err);
    /*
     * Checks structure beyond what open does; NULL: reading everything is the check. See platter_image_verify, which
     * reads everything afterwards unless this has, and has counted it in report->bytes_checked.
     */
    enum platter_result (*verify)(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                  const struct platter_progress *progress, struct platter_verify_report *report,
                                  struct platter_error *err);
    const struct platter_maker *maker; /* NULL: new images of this format are not made */
};

/* NULL-terminated, in the order of probing; raw is last. */
extern const struct platter_format *const platter_formats[];

#endif
