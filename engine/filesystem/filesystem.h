/* SPDX-License-Identifier: MIT */
/* Which file system a volume holds, and what it is called: enough to show and to choose by, not to check. */
#ifndef PLATTER_ENGINE_FILESYSTEM_H
#define PLATTER_ENGINE_FILESYSTEM_H

#include <platter/engine.h>

struct platter_filesystem {
    char name[16];   /* "" when none is recognised */
    char label[128]; /* UTF-8 */
};

/* The start of a volume, read once for all the probes. */
struct platter_volume {
    struct platter_block *block;
    uint64_t size;
    size_t head_length;
    uint8_t head[72 * 1024]; /* zeros behind head_length */
};

/* What cannot be read is not recognised. Bounded reads, whatever the volume holds. */
void platter_filesystem_detect(struct platter_block *block, struct platter_filesystem *found);

/* What a boot sector's first bytes and BIOS parameter block say; 512 bytes are looked at. */
enum platter_boot_sector {
    PLATTER_BOOT_NONE,
    PLATTER_BOOT_FAT12,
    PLATTER_BOOT_FAT16,
    PLATTER_BOOT_FAT32,
    PLATTER_BOOT_EXFAT,
    PLATTER_BOOT_NTFS,
    PLATTER_BOOT_REFS,
    PLATTER_BOOT_BITLOCKER,
};
enum platter_boot_sector platter_boot_sector_kind(const uint8_t *sector);

/* Labels; each leaves *found alone when it finds none. */
void platter_fat_label(const struct platter_volume *volume, enum platter_boot_sector kind,
                       struct platter_filesystem *found);
void platter_exfat_label(const struct platter_volume *volume, struct platter_filesystem *found);
void platter_ntfs_label(const struct platter_volume *volume, struct platter_filesystem *found);
/* ISO 9660 and UDF. True when it is one of them. */
bool platter_optical_detect(const struct platter_volume *volume, struct platter_filesystem *found);

/*
 * Whether the image is that of an optical disc: an ISO 9660 volume that takes up about all of it, or UDF with sectors
 * of 2048 bytes. Not so for a stick that an ISO was once copied to and that was partitioned afterwards.
 */
bool platter_optical_image(struct platter_block *block);

#endif
