/* SPDX-License-Identifier: MIT */
#include "filesystem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../utf.h"

struct signature {
    const char *name;
    uint32_t offset, length;
    const char *bytes;
    uint32_t label_offset, label_length; /* UTF-8 or ASCII, zero- or space-padded; length 0: none */
};

/* Those whose magic number is proof enough. */
static const struct signature signatures[] = {
    {"btrfs", 65536 + 64, 8, "_BHRfS_M", 65536 + 0x12B, 127},
    {"xfs", 0, 4, "XFSB", 108, 12},
    {"apfs", 32, 4, "NXSB", 0, 0},
    {"luks", 0, 6, "LUKS\xba\xbe", 0, 0},
    {"lvm2", 512 + 24, 8, "LVM2 001", 0, 0},
    {"squashfs", 0, 4, "hsqs", 0, 0},
    {"f2fs", 1024, 4, "\x10\x20\xf5\xf2", 0, 0},
    {"swap", 4096 - 10, 10, "SWAPSPACE2", 1024 + 28, 16},
    {"swap", 65536 - 10, 10, "SWAPSPACE2", 1024 + 28, 16},
    {"hfs+", 1024, 4, "H+\0\4", 0, 0},
    {"hfs+", 1024, 4, "HX\0\5", 0, 0},
};

static void name_it(struct platter_filesystem *found, const char *name)
{
    (void)snprintf(found->name, sizeof(found->name), "%s", name);
}

static void label_bytes(struct platter_filesystem *found, const uint8_t *text, size_t length)
{
    const uint8_t *end = memchr(text, 0, length);

    if (end)
        length = (size_t)(end - text);
    length = platter_utf8_valid(text, length);
    while (length && text[length - 1] == ' ')
        length--;
    if (length >= sizeof(found->label))
        length = platter_utf8_cut((const char *)text, sizeof(found->label) - 1);
    memcpy(found->label, text, length);
    found->label[length] = '\0';
}

static bool detect_signature(const struct platter_volume *volume, struct platter_filesystem *found)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct signature *signature = &signatures[i];

        if (memcmp(volume->head + signature->offset, signature->bytes, signature->length) != 0)
            continue;
        name_it(found, signature->name);
        label_bytes(found, volume->head + signature->label_offset, signature->label_length);
        if (strcmp(signature->name, "luks") == 0 && platter_be16(volume->head + 6) == 2)
            label_bytes(found, volume->head + 24, 48);
        return true;
    }
    return false;
}

static bool detect_ext(const struct platter_volume *volume, struct platter_filesystem *found)
{
    const uint8_t *super = volume->head + 1024;
    uint32_t compatible = platter_le32(super + 92), incompatible = platter_le32(super + 96),
             read_only = platter_le32(super + 100);

    /* The magic is 16 bits only: the block size has to make sense too, and there have to be blocks. */
    if (platter_le16(super + 56) != 0xEF53 || platter_le32(super + 24) > 6 || platter_le32(super + 4) == 0)
        return false;
    /* What ext3 does not know makes it ext4; a journal makes it ext3. */
    if ((incompatible & ~0x16u) || (read_only & ~0x7u))
        name_it(found, "ext4");
    else
        name_it(found, compatible & 0x4 ? "ext3" : "ext2");
    label_bytes(found, super + 120, 16);
    return true;
}

static bool is_power_of_two(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most && (value & (value - 1)) == 0;
}

static enum platter_boot_sector fat_kind(const uint8_t *sector)
{
    uint32_t bytes = platter_le16(sector + 11), per_cluster = sector[13], reserved = platter_le16(sector + 14);
    uint32_t fats = sector[16], root_entries = platter_le16(sector + 17);
    uint32_t total = platter_le16(sector + 19) ? platter_le16(sector + 19) : platter_le32(sector + 32);
    uint32_t fat_size = platter_le16(sector + 22) ? platter_le16(sector + 22) : platter_le32(sector + 36);
    uint64_t overhead, clusters;

    if (!(sector[0] == 0xE9 || (sector[0] == 0xEB && sector[2] == 0x90)) || !is_power_of_two(bytes, 512, 4096) ||
        !is_power_of_two(per_cluster, 1, 128) || reserved == 0 || fats == 0 || fats > 4 || total == 0 ||
        fat_size == 0 || (sector[21] != 0xF0 && sector[21] < 0xF8))
        return PLATTER_BOOT_NONE;
    overhead = reserved + (uint64_t)fats * fat_size + ((uint64_t)root_entries * 32 + bytes - 1) / bytes;
    if (overhead >= total)
        return PLATTER_BOOT_NONE;
    clusters = (total - overhead) / per_cluster;
    /* FAT32 has neither a root folder of fixed size nor a 16-bit FAT size; small ones exist, made by hand. */
    if (root_entries == 0 && platter_le16(sector + 22) == 0)
        return PLATTER_BOOT_FAT32;
    if (root_entries == 0)
        return PLATTER_BOOT_NONE;
    return clusters < 4085 ? PLATTER_BOOT_FAT12 : PLATTER_BOOT_FAT16;
}

enum platter_boot_sector platter_boot_sector_kind(const uint8_t *sector)
{
    /* BitLocker To Go shows a FAT32 boot sector to those who do not know it; this GUID tells. */
    static const uint8_t to_go[16] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                      0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};

    if (memcmp(sector + 3, "ReFS\0\0\0\0", 8) == 0 && memcmp(sector + 16, "FSRS", 4) == 0)
        return PLATTER_BOOT_REFS;
    if (sector[510] == 0x55 && sector[511] == 0xAA) {
        if (memcmp(sector + 3, "-FVE-FS-", 8) == 0 || memcmp(sector + 424, to_go, sizeof(to_go)) == 0)
            return PLATTER_BOOT_BITLOCKER;
        if (memcmp(sector + 3, "NTFS    ", 8) == 0 && is_power_of_two(platter_le16(sector + 11), 256, 4096))
            return PLATTER_BOOT_NTFS;
        if (memcmp(sector + 3, "EXFAT   ", 8) == 0 && platter_all_zero(sector + 11, 53))
            return PLATTER_BOOT_EXFAT;
    }
    return fat_kind(sector);
}

static bool detect_boot_sector(const struct platter_volume *volume, struct platter_filesystem *found)
{
    static const char *const names[] = {
        [PLATTER_BOOT_FAT12] = "fat12",         [PLATTER_BOOT_FAT16] = "fat16", [PLATTER_BOOT_FAT32] = "fat32",
        [PLATTER_BOOT_EXFAT] = "exfat",         [PLATTER_BOOT_NTFS] = "ntfs",   [PLATTER_BOOT_REFS] = "refs",
        [PLATTER_BOOT_BITLOCKER] = "bitlocker",
    };
    enum platter_boot_sector kind = platter_boot_sector_kind(volume->head);

    if (kind == PLATTER_BOOT_NONE)
        return false;
    name_it(found, names[kind]);
    if (kind == PLATTER_BOOT_NTFS)
        platter_ntfs_label(volume, found);
    else if (kind == PLATTER_BOOT_EXFAT)
        platter_exfat_label(volume, found);
    else if (kind != PLATTER_BOOT_REFS && kind != PLATTER_BOOT_BITLOCKER)
        platter_fat_label(volume, kind, found);
    return true;
}

static struct platter_volume *volume_read(struct platter_block *block)
{
    struct platter_volume *volume = calloc(1, sizeof(*volume));

    if (!volume)
        return NULL;
    volume->block = block;
    volume->size = platter_block_size(block);
    volume->head_length = volume->size < sizeof(volume->head) ? (size_t)volume->size : sizeof(volume->head);
    /* One bad sector in so long a piece must not hide the boot sector. */
    while (platter_block_read(block, volume->head, volume->head_length, 0, NULL) != PLATTER_OK) {
        memset(volume->head, 0, sizeof(volume->head));
        if (volume->head_length <= 512) {
            free(volume);
            return NULL;
        }
        volume->head_length = volume->head_length > 4096 ? 4096 : 512;
    }
    return volume;
}

void platter_filesystem_detect(struct platter_block *block, struct platter_filesystem *found)
{
    struct platter_volume *volume = volume_read(block);

    memset(found, 0, sizeof(*found));
    if (!volume)
        return;
    /*
     * Optical discs first, since hybrid ones carry boot sectors and more for other readers. Then the boot sectors:
     * formatting with FAT or NTFS leaves the magic numbers of older file systems behind it in place.
     */
    if (!platter_optical_detect(volume, found) && !detect_boot_sector(volume, found) &&
        !detect_signature(volume, found))
        (void)detect_ext(volume, found);
    free(volume);
}
