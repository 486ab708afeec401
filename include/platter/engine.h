/* SPDX-License-Identifier: MIT */
/*
 * The image engine: opens disk and backup images and presents each as a block device. Portable C11, no kernel, no UI.
 *
 * Conventions. Paths and texts are UTF-8. Offsets and lengths are bytes. Functions that can fail return an
 * enum platter_result (PLATTER_OK is 0) and, when `err` is not NULL, fill it with the file, the offset and the cause;
 * on success *err is left alone. Blocks and images may be used by many threads at once unless a comment says otherwise.
 */
#ifndef PLATTER_ENGINE_H
#define PLATTER_ENGINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mingw-w64 is built with __USE_MINGW_ANSI_STDIO=1, so printf takes %llu and %zu on every system. */
#if defined(__MINGW32__) && !defined(__clang__)
#define PLATTER_PRINTF(format_index, first_argument) __attribute__((format(gnu_printf, format_index, first_argument)))
#else
#define PLATTER_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#endif

/* ---- Results and errors ---------------------------------------------------------------------------------------- */

/* Also the CLI's exit codes (docs/cli.md), so numbers are never reused. */
enum platter_result {
    PLATTER_OK = 0,
    PLATTER_E_FAILED = 1,      /* something else; the message tells */
    PLATTER_E_USAGE = 2,       /* the caller asked for something that makes no sense */
    PLATTER_E_NOT_FOUND = 3,   /* no such file, partition, volume */
    PLATTER_E_ACCESS = 4,      /* the user may not */
    PLATTER_E_BUSY = 5,        /* in use by somebody else */
    PLATTER_E_FORMAT = 6,      /* not an image we know, or its structure is damaged */
    PLATTER_E_UNSUPPORTED = 7, /* understood, and not supported */
    PLATTER_E_DAMAGED = 8,     /* data does not match its checksum */
    PLATTER_E_IO = 9,          /* the operating system reported an I/O error */
    PLATTER_E_NO_SPACE = 10,
    PLATTER_E_NO_MEMORY = 11,
    PLATTER_E_READ_ONLY = 12,
    PLATTER_E_RANGE = 13,    /* outside the device */
    PLATTER_E_EXISTS = 14,   /* would overwrite something */
    PLATTER_E_PASSWORD = 15, /* missing or wrong password */
    PLATTER_E_CANCELLED = 16,
    PLATTER_E_DRIVER = 17, /* platter.sys is missing, of another version, or refused */
};

#define PLATTER_NO_OFFSET UINT64_MAX

struct platter_error {
    enum platter_result result;
    int os_error;      /* errno or GetLastError(); 0 when the system said nothing */
    uint64_t offset;   /* byte in `file` the error is about; PLATTER_NO_OFFSET when there is none */
    char file[1024];   /* path, as given by the user; empty when no file is concerned; cut if longer */
    char message[512]; /* the cause, one sentence with no full stop */
};

/* Fills *err (which may be NULL) and returns `result`, so that `return platter_error_set(...)` reads well. */
enum platter_result platter_error_set(struct platter_error *err, enum platter_result result, const char *file,
                                      uint64_t offset, const char *format, ...) PLATTER_PRINTF(5, 6);

/* The same with an operating system's error code, whose text is appended to the message. */
enum platter_result platter_error_set_os(struct platter_error *err, enum platter_result result, const char *file,
                                         uint64_t offset, int os_error, const char *format, ...) PLATTER_PRINTF(6, 7);

/* Writes "file: at byte N: message" (parts that exist) to buffer, always terminated. Returns buffer. */
char *platter_error_text(const struct platter_error *err, char *buffer, size_t size);

/* "format", "busy", ...: the word for a result in --json output. */
const char *platter_result_name(enum platter_result result);

/* ---- Block devices ----------------------------------------------------------------------------------------------- */

struct platter_block;

enum platter_block_cap {
    PLATTER_CAP_WRITE = 1u << 0,
    PLATTER_CAP_DISCARD = 1u << 1,
    PLATTER_CAP_MAP = 1u << 2,      /* map tells holes from data; without it everything is data */
    PLATTER_CAP_CHECKSUM = 1u << 3, /* reads are checked: PLATTER_E_DAMAGED rather than wrong bytes */
};

enum platter_extent_flag {
    PLATTER_EXTENT_DATA = 1u << 0, /* stored somewhere; clear: reads as zero and takes no room */
};

struct platter_extent {
    uint64_t offset;
    uint64_t length; /* of the run that starts at offset and is all alike; never 0 */
    uint32_t flags;  /* enum platter_extent_flag */
};

uint64_t platter_block_size(const struct platter_block *block);                 /* bytes */
uint32_t platter_block_sector_size(const struct platter_block *block);          /* bytes: 512, 1024, 2048 or 4096 */
uint32_t platter_block_physical_sector_size(const struct platter_block *block); /* bytes, at least sector size */
uint32_t platter_block_caps(const struct platter_block *block);
const char *platter_block_name(const struct platter_block *block); /* for messages: usually the file's path */

/*
 * Any offset and length, sectors or not; length 0 succeeds. Outside the device: PLATTER_E_RANGE, nothing transferred.
 * After a failed read the buffer's contents are undefined; after a failed write the range's are.
 */
enum platter_result platter_block_read(struct platter_block *block, void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err);
enum platter_result platter_block_write(struct platter_block *block, const void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err);
/* Everything written before the call is on stable storage when it returns. Succeeds on read-only blocks. */
enum platter_result platter_block_flush(struct platter_block *block, struct platter_error *err);
/* The range need not be kept. Reads as zero or as before afterwards. PLATTER_E_UNSUPPORTED without the capability. */
enum platter_result platter_block_discard(struct platter_block *block, uint64_t offset, uint64_t length,
                                          struct platter_error *err);
/* Describes the run at `offset`, at most `length` bytes of it. */
enum platter_result platter_block_map(struct platter_block *block, uint64_t offset, uint64_t length,
                                      struct platter_extent *extent, struct platter_error *err);

/* Blocks are counted: layers above keep their own reference. The last unref closes and never reports an error: flush first. */
struct platter_block *platter_block_ref(struct platter_block *block);
void platter_block_unref(struct platter_block *block); /* NULL is fine */

/* ---- Images ------------------------------------------------------------------------------------------------------ */

enum platter_open_flag {
    PLATTER_OPEN_WRITABLE = 1u << 0,
    PLATTER_OPEN_UNBUFFERED = 1u << 1,    /* keep the image out of the system's cache (a mount that is writable: T1) */
    PLATTER_OPEN_SHARE_WRITERS = 1u << 2, /* do not keep other writers out (info on an image in use) */
    /* Compressed images: decode ahead of who reads from start to end, one request after the other (a mount). */
    PLATTER_OPEN_READ_AHEAD = 1u << 3,
};

struct platter_open_options {
    uint32_t flags;       /* enum platter_open_flag */
    uint32_t sector_size; /* bytes; 0: what the image says, or 512 */
    const char *format;   /* name of a format to insist on; NULL: found by content */
    const char *password; /* NULL: none */
    const char *snapshot; /* id or name of a snapshot inside the image; NULL: the present state */
    uint32_t disk;        /* which disk of an image that holds several, counted from 1; 0: the first */
};

struct platter_image;

struct platter_image_detail {
    const char *key;   /* stable, lower_case: the name in --json */
    const char *value; /* text for people; numbers in decimal */
};

struct platter_image_info {
    const char *path;
    const char *format;      /* "raw", "vhd", ... */
    const char *variant;     /* "fixed", "dynamic", ...; "" when there is only one */
    uint64_t virtual_size;   /* bytes of the disk */
    uint64_t file_size;      /* bytes of the image's file(s) as the directory shows them */
    uint64_t allocated_size; /* bytes they take on the medium; file_size where the system does not tell */
    uint32_t sector_size;    /* bytes */
    uint32_t physical_sector_size;
    bool writable; /* this format can be written in place */
    size_t detail_count;
    const struct platter_image_detail *details; /* what the format has to say of itself */
    bool compressed;     /* stores its data compressed: programs for people write to an overlay instead */
    const char *overlay; /* what takes the writes: the file's path, "" for a temporary one; NULL: there is no overlay */
};

/* `options` may be NULL: read-only, found by content. On success *image is to be closed. */
enum platter_result platter_image_open(const char *path, const struct platter_open_options *options,
                                       struct platter_image **image, struct platter_error *err);
void platter_image_close(struct platter_image *image);                            /* NULL is fine; flush first */
struct platter_block *platter_image_block(struct platter_image *image);           /* borrowed */
const struct platter_image_info *platter_image_info(struct platter_image *image); /* borrowed */

/* Names of the formats this build opens, NULL-terminated. */
const char *const *platter_format_names(void);

/* ---- Partitions -------------------------------------------------------------------------------------------------- */

enum platter_table_style { PLATTER_TABLE_NONE, PLATTER_TABLE_MBR, PLATTER_TABLE_GPT };

struct platter_partition {
    uint32_t number; /* 1-based, as Windows counts: MBR primary in table order then logical, GPT in entry order */
    uint64_t offset; /* bytes */
    uint64_t length; /* bytes */
    bool logical;    /* inside an MBR extended partition */
    bool bootable;   /* MBR active flag */
    uint8_t mbr_type;
    uint8_t gpt_type[16]; /* as stored */
    uint8_t gpt_id[16];   /* as stored */
    uint64_t gpt_attributes;
    uint16_t gpt_name[36]; /* UTF-16LE units in host order, as stored */
    char name[112];        /* GPT name in UTF-8; "" for MBR */
    char filesystem[16];   /* "ntfs", "fat32", "exfat", "refs", "iso9660", "udf", "ext4", ...; "" when none was found */
    char label[128];       /* volume label in UTF-8; "" when none */
};

struct platter_partition_table {
    enum platter_table_style style;
    uint32_t mbr_signature;
    uint8_t gpt_disk_id[16];
    bool gpt_backup_used; /* the primary header or array was damaged */
    size_t count;
    struct platter_partition *partitions;
    char warning[512]; /* "" or what is odd but did not stop us */
};

/*
 * Reads the partition table. An image without one gives style NONE and a single partition, number 0, of the whole
 * image. A table that is there but damaged beyond its backup is PLATTER_E_FORMAT.
 */
enum platter_result platter_partitions_read(struct platter_block *block, struct platter_partition_table **table,
                                            struct platter_error *err);
void platter_partitions_free(struct platter_partition_table *table);
/* A view of one partition; keeps its own reference to `block`. */
enum platter_result platter_partition_open(struct platter_block *block, const struct platter_partition *partition,
                                           struct platter_block **view, struct platter_error *err);
/* Human word for an MBR type byte or a GPT type GUID ("Linux filesystem"); never NULL. */
const char *platter_partition_type_name(enum platter_table_style style, const struct platter_partition *partition);

/* ---- Long work --------------------------------------------------------------------------------------------------- */

/* Told now and then how far the work is. Returning false stops it with PLATTER_E_CANCELLED. Called from one thread at a time. */
typedef bool platter_progress_fn(void *context, uint64_t done, uint64_t total);

struct platter_progress {
    platter_progress_fn *function; /* may be NULL */
    void *context;
};

struct platter_convert_options {
    const char *format; /* NULL: "raw" */
    unsigned threads;   /* 0: as many as processors, at most 8 */
    bool overwrite;     /* replace an existing file */
    struct platter_progress progress;
    /* What the new image is to be; 0 and NULL: what is usual. */
    const char *subformat; /* one of the format's: "dynamic", "fixed", ... */
    uint64_t size;         /* bytes of the new disk, at least the source's; 0: the source's */
    uint32_t sector_size;  /* bytes of the new disk's sectors; 0: the source's, or 512 */
    uint32_t block_size;   /* bytes, a power of two: of clusters, blocks, grains */
    /* platter_create, QCOW2: the image that the new one is a child of, whose disk it shows until it is written to; or NULL. */
    struct platter_image *backing;
};

/*
 * Copies the whole disk into a new image at `path`, sparse where the source has holes or zeros. Written under a
 * temporary name beside it and renamed when whole and flushed; on any failure nothing is left behind.
 */
enum platter_result platter_convert(struct platter_block *source, const char *path,
                                    const struct platter_convert_options *options, struct platter_error *err);

/*
 * Makes an empty image, which reads as zeros, or as options->backing, in the same way. options->size has to be given
 * unless that is. The child names its backing file as QEMU would: PLATTER_E_UNSUPPORTED where that cannot say what was
 * opened, as of a snapshot.
 */
enum platter_result platter_create(const char *path, const struct platter_convert_options *options,
                                   struct platter_error *err);

/* The format that new images with such a name usually have; NULL: the name does not tell. */
const char *platter_format_for_name(const char *path);

struct platter_verify_report {
    uint64_t bytes_checked; /* of the disk */
    uint64_t errors;        /* findings that mean lost or wrong data */
    uint64_t warnings;      /* findings that do not */
    bool checksums;         /* the format has checksums of its data, and they were compared */
};

/* Called for each finding; the error carries file, offset and cause. `fatal`: counted in errors, else in warnings. */
typedef void platter_finding_fn(void *context, bool fatal, const struct platter_error *finding);

/* Checks structure and reads everything. Returns PLATTER_OK when the check ran to its end, whatever it found. */
enum platter_result platter_image_verify(struct platter_image *image, platter_finding_fn *finding, void *context,
                                         const struct platter_progress *progress, struct platter_verify_report *report,
                                         struct platter_error *err);

/* Called for each range of the disk that cannot be read, in ascending order, each once. */
typedef void platter_damage_fn(void *context, uint64_t offset, uint64_t length);

/* platter_image_verify, which also tells the damaged ranges; `context` goes to both functions. */
enum platter_result platter_image_verify_damage(struct platter_image *image, platter_finding_fn *finding,
                                                platter_damage_fn *damage, void *context,
                                                const struct platter_progress *progress,
                                                struct platter_verify_report *report, struct platter_error *err);

struct platter_range {
    uint64_t offset, length; /* bytes */
};

enum platter_owner_kind {
    PLATTER_OWNER_FILE,     /* `name` is its path */
    PLATTER_OWNER_METADATA, /* the file system's own; `name` says what of it */
    PLATTER_OWNER_FREE,     /* no file lies there */
    PLATTER_OWNER_UNKNOWN,  /* `name` says why */
    PLATTER_OWNER_OUTSIDE,  /* in no partition */
};

struct platter_owner {
    uint64_t offset, length; /* bytes of the disk */
    uint32_t partition;      /* its number */
    const char *filesystem;  /* "" outside of partitions, and where none is known */
    enum platter_owner_kind kind;
    const char *name;     /* UTF-8; folders are parted by '/', an NTFS stream follows a ':' */
    uint64_t file_offset; /* the byte of the file at `offset` */
};

/* What it is told of lives as long as the call. */
typedef void platter_owner_fn(void *context, const struct platter_owner *owner);

/*
 * Says whose bytes lie in the ranges of the disk, which ascend and do not touch: files of FAT and NTFS, free space, the
 * file systems' own tables. A range is told in as many pieces as it has owners, partition by partition, and of files
 * that share bytes more than once. Fails only for want of memory or with PLATTER_E_CANCELLED: file systems may be
 * damaged, and what cannot be found out is PLATTER_OWNER_UNKNOWN. `progress` may be NULL.
 */
enum platter_result platter_owners_find(struct platter_block *disk, const struct platter_range *ranges, size_t count,
                                        platter_owner_fn *found, void *context, const struct platter_progress *progress,
                                        struct platter_error *err);

/* ---- Overlays ---------------------------------------------------------------------------------------------------- */

/*
 * Lays a QCOW2 overlay over an image that was opened for reading: what is written goes there, and the image stays as it
 * is. `path`: the overlay's file, made when it is not there and else gone on with, if it was made on this image; NULL: a
 * temporary one that goes with *image, however the process ends. `flags`: PLATTER_OPEN_UNBUFFERED or 0, of the overlay.
 * *image holds what it needs of `base`, which may be closed. PLATTER_E_BUSY: somebody else has the overlay;
 * PLATTER_E_UNSUPPORTED: a file cannot be an overlay of a snapshot or of another disk than the first.
 */
enum platter_result platter_overlay_open(struct platter_image *base, const char *path, uint32_t flags,
                                         struct platter_image **image, struct platter_error *err);

/*
 * Writes what the overlay at `path` holds into its image, flushes that, and removes the overlay; stopped anywhere before
 * the end, it can be done again. *bytes: what was written. PLATTER_E_BUSY while one of them is in use,
 * PLATTER_E_READ_ONLY when the image is a backup or compressed.
 */
enum platter_result platter_overlay_commit(const char *path, const struct platter_progress *progress, uint64_t *bytes,
                                           struct platter_error *err);
/* Removes the overlay at `path` with all that was written to it. PLATTER_E_BUSY while it is in use. */
enum platter_result platter_overlay_discard(const char *path, struct platter_error *err);

#ifdef __cplusplus
}
#endif

#endif /* PLATTER_ENGINE_H */
