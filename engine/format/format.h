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
};

/* What a format hands back from open. */
struct platter_opened {
    struct platter_block *block;         /* the disk; one reference, the caller's */
    const char *variant;                 /* static text; "" when there is only one */
    bool writable;                       /* can be written in place, whatever the flags of this open */
    struct platter_detail_list *details; /* for platter_detail_add(); never NULL during open */
    uint64_t file_size;      /* of all its files, when there are several; 0: the one file that open was given */
    uint64_t allocated_size; /* goes with file_size */
};

/* Adds a line to what `platter info` shows. key: stable snake_case; value: printf. Out of memory is silently less detail. */
void platter_detail_add(struct platter_detail_list *list, const char *key, const char *format, ...)
    PLATTER_PRINTF(3, 4);

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
};

/* NULL-terminated, in the order of probing; raw is last. */
extern const struct platter_format *const platter_formats[];

#endif
