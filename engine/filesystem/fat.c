/* SPDX-License-Identifier: MIT */
/* Volume labels of FAT and exFAT, from the root folder. */
#include "filesystem.h"

#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../utf.h"

/* A root folder whose label is not among its first entries is labelled by none we know. */
#define FOLDER_MOST (64u * 1024u)
#define ENTRY 32u

static void oem_label(struct platter_filesystem *found, const uint8_t *text)
{
    size_t length = 11;

    while (length && (text[length - 1] == ' ' || text[length - 1] == 0))
        length--;
    (void)platter_utf8_from_oem(text, length, found->label, sizeof(found->label));
}

/* Reads up to `length` bytes of the folder, less at the end of the volume; NULL when none can be had. */
static uint8_t *read_folder(const struct platter_volume *volume, uint64_t offset, uint64_t length, size_t *got)
{
    uint8_t *folder;

    if (offset >= volume->size)
        return NULL;
    if (length > volume->size - offset)
        length = volume->size - offset;
    *got = length < FOLDER_MOST ? (size_t)length : FOLDER_MOST;
    folder = malloc(*got ? *got : 1);
    if (folder && platter_block_read(volume->block, folder, *got, offset, NULL) != PLATTER_OK) {
        free(folder);
        folder = NULL;
    }
    return folder;
}

void platter_fat_label(const struct platter_volume *volume, enum platter_boot_sector kind,
                       struct platter_filesystem *found)
{
    const uint8_t *boot = volume->head;
    bool wide = kind == PLATTER_BOOT_FAT32;
    const uint8_t *fixed = boot + (wide ? 71 : 43);
    uint32_t bytes = platter_le16(boot + 11), reserved = platter_le16(boot + 14);
    uint32_t fat_size = platter_le16(boot + 22) ? platter_le16(boot + 22) : platter_le32(boot + 36);
    uint64_t offset = (reserved + (uint64_t)boot[16] * fat_size) * bytes, length;
    uint8_t *folder;
    size_t got = 0;

    if (wide) {
        uint32_t cluster = platter_le32(boot + 44);

        length = (uint64_t)boot[13] * bytes;
        offset += cluster >= 2 ? (uint64_t)(cluster - 2) * length : 0;
    } else {
        length = (uint64_t)platter_le16(boot + 17) * ENTRY;
    }
    folder = read_folder(volume, offset, length, &got);
    for (size_t at = 0; folder && at + ENTRY <= got && folder[at]; at += ENTRY) {
        uint8_t attributes = folder[at + 11];

        /* Long names have the label's bit too, and three others. */
        if (folder[at] != 0xE5 && (attributes & 0x08) && (attributes & 0x3F) != 0x0F) {
            oem_label(found, folder + at);
            break;
        }
    }
    free(folder);
    /* The copy in the boot sector counts only behind its extended signature; some tools write nothing else. */
    if (!found->label[0] && boot[wide ? 66 : 38] == 0x29 && memcmp(fixed, "NO NAME    ", 11) != 0)
        oem_label(found, fixed);
}

void platter_exfat_label(const struct platter_volume *volume, struct platter_filesystem *found)
{
    const uint8_t *boot = volume->head;
    uint32_t sector_shift = boot[108], cluster_shift = boot[109], cluster = platter_le32(boot + 96);
    uint64_t offset;
    uint8_t *folder;
    size_t got = 0;

    if (sector_shift < 9 || sector_shift > 12 || cluster_shift > 25 - sector_shift || cluster < 2)
        return;
    offset = ((uint64_t)platter_le32(boot + 88) << sector_shift) +
             ((uint64_t)(cluster - 2) << (sector_shift + cluster_shift));
    folder = read_folder(volume, offset, UINT64_C(1) << (sector_shift + cluster_shift), &got);
    for (size_t at = 0; folder && at + ENTRY <= got && folder[at]; at += ENTRY) {
        uint16_t name[11];
        size_t length = folder[at + 1];

        if (folder[at] != 0x83 || length > 11)
            continue;
        for (size_t i = 0; i < length; i++)
            name[i] = platter_le16(folder + at + 2 + 2 * i);
        (void)platter_utf8_from_utf16(name, length, found->label, sizeof(found->label));
        break;
    }
    free(folder);
}
