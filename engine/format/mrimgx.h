/* SPDX-License-Identifier: MIT */
/*
 * Macrium Reflect X backups (.mrimgx, and .mrbakx of files and folders, which has the same layout).
 * Source of all rules: the vendor's repository macrium/mrimgx_file_layout, docs/FILE_LAYOUT.md, docs/ENCRYPTION.md and
 * schema/ ("the layout" below); where they leave something open, what the restore program there does.
 *
 * A backup is a file or several (a set). Each ends with a footer that points at its metadata, JSON text among it. The
 * index of a partition names for each of its blocks where it is stored, in which file of the set, and its MD5. A delta
 * index names only the blocks that changed since the file before.
 *
 * Files: mrimgx.c (recognising, opening, verifying), mrimgx_json.c (what the JSON says, checked), mrimgx_meta.c
 * (metadata blocks, the footer), mrimgx_set.c (the other files of the set), mrimgx_parts.c (where the indexes are),
 * mrimgx_region.c (what of the disk is made of blocks), mrimgx_index.c (from a block's number to where it is),
 * mrimgx_crypt.c (MD5, passwords, AES), mrimgx_unpack.c (one block: read, decrypt, unpack, check),
 * mrimgx_disk.c (what is on the disk beside the partitions' blocks), mrimgx_read.c (reading and mapping).
 *
 * Everything is fixed once the image is open, but for the caches and the list of idle workers, which have their locks.
 */
#ifndef PLATTER_ENGINE_MRIMGX_H
#define PLATTER_ENGINE_MRIMGX_H

#include "../bytes.h"
#include "../cache.h"
#include "../os/thread.h"
#include "format.h"

#define MRIMGX_FOOTER 20u
#define MRIMGX_MAGIC "MACRIUM_FILE"
#define MRIMGX_META_HEADER 32u
#define MRIMGX_ELEMENT 30u       /* bytes of an entry in an index */
#define MRIMGX_DELTA_ELEMENT 34u /* the same in a delta index: the block's number follows */
#define MRIMGX_MAX_FILES 1024u
#define MRIMGX_MAX_BLOCK (64u << 20)

enum mrimgx_meta_flag { MRIMGX_META_LAST = 1u << 0, MRIMGX_META_PACKED = 1u << 1, MRIMGX_META_ENCRYPTED = 1u << 2 };

struct mrimgx_history {
    uint16_t number; /* of a file of the set */
    char *name;      /* its path when it was made, as Windows writes it */
};

struct mrimgx_partition {
    uint16_t number;
    uint64_t start, length; /* on the disk; length 0: not told */
    uint64_t boot_offset;   /* of the boot sector, from `start` */
    uint64_t data_start;    /* on the disk, of the first block */
    uint64_t reserved;      /* bytes from the boot sector on that have blocks of their own: FAT */
    uint32_t block_size;
    struct mrimgx_history *history;
    size_t history_count;
};

struct mrimgx_disk {
    uint16_t number; /* as Windows counted it */
    char signature[40];
    char format[8]; /* "gpt", "mbr" */
    uint64_t size;
    uint32_t sector_size;
    struct mrimgx_partition *partitions;
    size_t partition_count;
};

/* What the JSON of one file says, checked. */
struct mrimgx_layout {
    uint8_t image_id[8]; /* of the set */
    uint16_t file_number, increment;
    bool delta, split; /* split: the index is in a file that follows */
    char kind[8];      /* "full", "inc", "diff" */
    uint16_t *merged;  /* numbers of files that went into this one */
    size_t merged_count;
    uint64_t index_position;
    bool packed;        /* blocks are zstd frames */
    uint32_t key_bytes; /* of AES; 0: not encrypted */
    uint32_t key_iterations;
    uint8_t hmac[32];
    struct mrimgx_disk *disks;
    size_t disk_count;
};

struct mrimgx_meta {
    char name[9];
    uint32_t length;
    uint8_t md5[16];
    uint8_t flags;
    uint64_t data; /* byte in the file */
};

struct mrimgx_key {
    uint8_t derived[32], iv[32]; /* iv: the key that initialization vectors are made with */
    uint32_t bytes;              /* of `derived` that AES takes for data; 0: there is no key */
};

struct mrimgx_file {
    struct platter_block *block;
    struct mrimgx_layout layout;
};

/* A run of index entries in a file. */
struct mrimgx_table {
    struct mrimgx_file *file; /* NULL: empty */
    uint64_t offset;
    uint32_t count, entry;
    uint32_t id; /* in the cache of pages */
};

/* A partition's index as it lies in one file. */
struct mrimgx_index {
    struct mrimgx_file *file;
    struct mrimgx_meta meta;
    bool checked; /* its MD5 was compared when the image was opened */
    struct mrimgx_table reserved, blocks;
};

/* A block that a delta index has the last word on. */
struct mrimgx_change {
    uint32_t block, table, entry; /* table: in mrimgx.tables */
};

/* A span of the disk that is made of blocks. */
struct mrimgx_region {
    uint64_t start, end;
    uint32_t block_size;
    uint16_t partition; /* its number, for initialization vectors */
    bool reserved;
    struct mrimgx_table table;
    struct mrimgx_change *changes; /* ascending */
    size_t change_count;
};

/* Bytes of the disk that are not a partition's: the first track, boot records of an extended partition, the backup GPT. */
struct mrimgx_patch {
    uint64_t offset;
    size_t length;
    const uint8_t *data;
};

struct mrimgx_element {
    struct mrimgx_file *file;
    uint64_t position;
    uint32_t length; /* 0: the block is not stored */
    uint8_t md5[16];
};

struct mrimgx_worker;

struct mrimgx {
    struct platter_block base;
    struct mrimgx_file **files; /* files[0]: the one whose state of the disk this is */
    size_t file_count, file_room;
    uint16_t *file_of; /* by file number: index in files, plus 1; 0: none */
    uint32_t numbers;  /* entries of file_of */
    struct mrimgx_key key;
    size_t disk; /* index in the layout's disks */
    struct mrimgx_index *indexes;
    size_t index_count, index_room;
    struct mrimgx_table *tables;
    size_t table_count, table_room;
    struct mrimgx_region *regions; /* ascending, apart */
    size_t region_count;
    uint8_t *track0, *extended, *gpt; /* what the patches' bytes are part of */
    size_t track0_length, extended_length;
    struct mrimgx_patch *patches; /* a later one lies over an earlier one */
    size_t patch_count, patch_room;
    struct platter_cache *pages, *blocks, *segments; /* segments: blocks of reserved regions, NULL without */
    struct platter_mutex idle_lock;
    struct mrimgx_worker *idle;
};

static inline const struct mrimgx_disk *mrimgx_disk(const struct mrimgx *m)
{
    return &m->files[0]->layout.disks[m->disk];
}

/* Makes room for one more in a list. False: no memory. */
bool platter_mrimgx_room(void **list, size_t *room, size_t count, size_t element);

/* mrimgx_json.c */
enum platter_result platter_mrimgx_layout_parse(const char *at, size_t length, const char *path,
                                                struct mrimgx_layout *layout, struct platter_error *err);
void platter_mrimgx_layout_free(struct mrimgx_layout *layout);

/* mrimgx_meta.c */
bool platter_mrimgx_footer_present(struct platter_block *file);
enum platter_result platter_mrimgx_layout_read(struct platter_block *file, struct mrimgx_layout *layout,
                                               struct platter_error *err);
/* The metadata block at *at, which is moved behind it. */
enum platter_result platter_mrimgx_meta_next(struct platter_block *file, uint64_t *at, struct mrimgx_meta *meta,
                                             struct platter_error *err);
/* Its content, checked, decrypted, unpacked: at most `most` bytes. To be freed; NULL when it is empty. */
enum platter_result platter_mrimgx_meta_load(struct platter_block *file, const struct mrimgx_meta *meta,
                                             const struct mrimgx_key *key, size_t most, uint8_t **data, size_t *length,
                                             struct platter_error *err);
/* Compares its MD5 without keeping it. */
enum platter_result platter_mrimgx_meta_check(struct platter_block *file, const struct mrimgx_meta *meta,
                                              struct platter_error *err);

/* mrimgx_set.c */
/* If `file` is a part of a split file: finds the part with the index, which takes its place. */
enum platter_result platter_mrimgx_set_find_index(const struct platter_open_request *request, struct mrimgx_file *file,
                                                  struct platter_error *err);
/* Opens what the history of m->disk names beside m->files[0], and fills m->file_of. */
enum platter_result platter_mrimgx_set_open(struct mrimgx *m, const struct platter_open_request *request,
                                            struct platter_error *err);
void platter_mrimgx_file_free(struct mrimgx_file *file); /* NULL is fine */

/* mrimgx_parts.c */
/*
 * Finds what the metadata has on m->disk: track 0, extended partitions, and the indexes in m->files[0] and, when that
 * is a delta index, in the files it stands on, *chain files in all; the newest first, the whole index last.
 */
enum platter_result platter_mrimgx_parts_read(struct mrimgx *m, size_t *chain, struct platter_error *err);
/* Whether disk `index` of `file` is m->disk. */
bool platter_mrimgx_is_the_disk(const struct mrimgx *m, const struct mrimgx_file *file, size_t index);

/* mrimgx_region.c */
enum platter_result platter_mrimgx_regions_make(struct mrimgx *m, size_t chain, struct platter_error *err);

/* mrimgx_index.c */
enum platter_result platter_mrimgx_pages_create(struct mrimgx *m, struct platter_error *err);
enum platter_result platter_mrimgx_element(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block,
                                           struct mrimgx_element *element, struct platter_error *err);
/* How many blocks from `block` on, at most `most`, are stored or not as the first is. */
enum platter_result platter_mrimgx_alike(struct mrimgx *m, const struct mrimgx_region *region, uint32_t block,
                                         uint32_t most, bool *stored, uint32_t *count, struct platter_error *err);

/* mrimgx_crypt.c */
void platter_mrimgx_crypt_init(void);
void platter_mrimgx_md5(const void *data, size_t length, uint8_t md5[16]);
/* PLATTER_E_PASSWORD when there is none, or another than the layout's HMAC stands for. */
enum platter_result platter_mrimgx_key_derive(const struct mrimgx_layout *layout, const char *password,
                                              const char *path, struct mrimgx_key *key, struct platter_error *err);
/* Leaves nothing of it in memory. */
void platter_mrimgx_key_forget(struct mrimgx_key *key);
bool platter_mrimgx_decrypt_meta(const struct mrimgx_key *key, uint8_t *data, size_t length);
struct mrimgx_cipher;
struct mrimgx_cipher *platter_mrimgx_cipher_create(const struct mrimgx_key *key); /* NULL: no memory */
void platter_mrimgx_cipher_free(struct mrimgx_cipher *cipher);                    /* NULL is fine */
/* Decrypts a data block in place. */
bool platter_mrimgx_decrypt(struct mrimgx_cipher *cipher, const uint8_t image_id[8], uint16_t disk, uint16_t partition,
                            uint32_t block, uint8_t *data, size_t length);

/* mrimgx_unpack.c */
struct mrimgx_worker *platter_mrimgx_worker_get(struct mrimgx *m); /* NULL: no memory */
void platter_mrimgx_worker_put(struct mrimgx *m, struct mrimgx_worker *worker);
void platter_mrimgx_workers_free(struct mrimgx *m);
/* `count` stored blocks from `block` on, each a whole one, into `out`. *done: how many were read; at least 1. */
enum platter_result platter_mrimgx_unpack(struct mrimgx *m, struct mrimgx_worker *worker,
                                          const struct mrimgx_region *region, uint32_t block, uint32_t count,
                                          uint8_t *out, uint32_t *done, struct platter_error *err);
/* How many bytes the first block of a table unpacks to. 0: cannot be told. */
uint64_t platter_mrimgx_first_length(struct mrimgx *m, const struct mrimgx_region *region,
                                     const struct mrimgx_element *element);

/* mrimgx_disk.c */
enum platter_result platter_mrimgx_patches_make(struct mrimgx *m, struct platter_error *err);
/* What the disk has where no block is stored. */
void platter_mrimgx_background(const struct mrimgx *m, uint8_t *out, size_t length, uint64_t offset);
/* Bytes from `offset` on, at most `limit`, that lie in patches or outside them, as the first does. */
uint64_t platter_mrimgx_background_run(const struct mrimgx *m, uint64_t offset, uint64_t limit, bool *patched);

/* mrimgx_read.c */
enum platter_result platter_mrimgx_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err);
enum platter_result platter_mrimgx_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                       struct platter_extent *extent, struct platter_error *err);

#endif
