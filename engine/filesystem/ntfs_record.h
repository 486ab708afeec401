/* SPDX-License-Identifier: MIT */
/* NTFS: where the master file table begins, and the records in it. Nothing of a record is believed unchecked. */
#ifndef PLATTER_ENGINE_FILESYSTEM_NTFS_RECORD_H
#define PLATTER_ENGINE_FILESYSTEM_NTFS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTFS_RECORD_MOST 4096u /* bytes */

enum ntfs_attribute_type {
    NTFS_ATTRIBUTE_LIST = 0x20,
    NTFS_FILE_NAME = 0x30,
    NTFS_VOLUME_NAME = 0x60,
    NTFS_DATA = 0x80,
    NTFS_INDEX_ROOT = 0x90,
    NTFS_INDEX_ALLOCATION = 0xA0,
};

struct ntfs_geometry {
    uint64_t cluster;     /* bytes */
    uint64_t mft;         /* byte of the volume at which the table begins */
    uint32_t record_size; /* bytes: a power of two from 512 to NTFS_RECORD_MOST */
};

/* From the boot sector of a volume of `size` bytes; false when it makes no sense. */
bool platter_ntfs_geometry(const uint8_t *boot, uint64_t size, struct ntfs_geometry *geometry);

/* Puts back the bytes that the update sequence took; false when it is no record, or is torn. */
bool platter_ntfs_record_fix(uint8_t *record, uint32_t size);

struct ntfs_attribute {
    uint32_t type, length; /* of all of it in the record */
    const uint8_t *start;  /* in the record */
    bool resident;
    const uint8_t *value; /* resident: its bytes */
    uint32_t value_length;
    const uint8_t *name; /* UTF-16LE, name_length units */
    uint32_t name_length;
    uint64_t first_cluster; /* not resident: of the attribute, at which this part begins */
    uint64_t valid;         /* not resident: bytes that were ever written; of the first part only */
    const uint8_t *runs;    /* not resident: to `start` + `length` */
    uint32_t runs_length;
};

/* The attribute at byte *at of a fixed record, moving *at behind it; 0 as *at begins. False: there is none, or none whole. */
bool platter_ntfs_attribute_next(const uint8_t *record, uint32_t size, uint32_t *at, struct ntfs_attribute *attribute);

struct ntfs_run {
    uint64_t clusters;
    uint64_t cluster; /* of the volume */
    bool hole;
};

/* The run at *runs, which has *length bytes, moving both; *cluster starts as 0. False: there are no more. */
bool platter_ntfs_run_next(const uint8_t **runs, uint32_t *length, uint64_t *cluster, struct ntfs_run *run);

#endif
