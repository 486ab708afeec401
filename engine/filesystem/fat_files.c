/* SPDX-License-Identifier: MIT */
/*
 * FAT12, 16 and 32: whose clusters are damaged. Microsoft's "FAT: General Overview of On-Disk Format" has the rules.
 *
 * Each cluster is visited once at most, so that chains which meet or go round end, and so does the walk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../utf.h"
#include "filesystem.h"
#include "owner.h"

#define ENTRY 32u
#define WINDOW 65536u               /* bytes of the FAT at a time, a multiple of the sectors */
#define DEPTH_MOST 64u              /* folders in folders */
#define FOLDERS_MOST (256ull << 20) /* bytes of folders that are read */
#define ATTRIBUTE_LABEL 0x08u
#define ATTRIBUTE_FOLDER 0x10u
#define ATTRIBUTE_LONG 0x0Fu
#define LONG_PARTS 20u
#define LONG_UNITS 13u
#define LEAF_CLUSTERS 32768u /* told by one leaf of `visited` */

struct fat {
    struct platter_owner_search *search;
    uint32_t bits;                 /* 12, 16 or 32 */
    uint32_t cluster_size;         /* bytes */
    uint64_t fat_offset, fat_size; /* bytes, of the first copy */
    uint32_t copies;
    uint64_t data_offset;
    uint32_t clusters; /* the last is number clusters + 1 */
    uint64_t folder_bytes;
    uint8_t **visited; /* leaves of a bit a cluster, each made when it is first needed: most volumes are mostly empty */
    uint8_t *window;   /* of the FAT */
    uint64_t window_at, window_length;
    char path[PLATTER_OWNER_PATH];
};

/* What the entries of a long name have gathered so far. */
struct long_name {
    uint16_t units[LONG_PARTS * LONG_UNITS + 1];
    uint32_t next; /* the ordinal that has to come next; 0: the short entry */
    bool whole;
    uint8_t checksum;
};

static uint64_t cluster_offset(const struct fat *fat, uint32_t cluster)
{
    return fat->data_offset + (uint64_t)(cluster - 2) * fat->cluster_size;
}

/* Loads the part of the FAT around `at`, from whichever copy can be read. */
static bool load_window(struct fat *fat, uint64_t at)
{
    uint64_t start = at / WINDOW * WINDOW, length = fat->fat_size - start;

    if (length > WINDOW)
        length = WINDOW;
    fat->window_length = 0;
    for (uint32_t copy = 0; copy < fat->copies; copy++) {
        if (platter_block_read(fat->search->volume, fat->window, (size_t)length,
                               fat->fat_offset + copy * fat->fat_size + start, NULL) == PLATTER_OK) {
            fat->window_at = start;
            fat->window_length = length;
            return true;
        }
    }
    return false;
}

static bool fat_byte(struct fat *fat, uint64_t at, uint8_t *byte)
{
    if (at >= fat->fat_size)
        return false;
    if ((at < fat->window_at || at - fat->window_at >= fat->window_length) && !load_window(fat, at))
        return false;
    *byte = fat->window[at - fat->window_at];
    return true;
}

/* The cluster that follows; 0: there is none, or none that can be. */
static uint32_t next_cluster(struct fat *fat, uint32_t cluster)
{
    uint64_t at = fat->bits == 12 ? cluster + cluster / 2 : (uint64_t)cluster * (fat->bits / 8);
    uint32_t value = 0, ends = fat->bits == 12 ? 0xFF8u : fat->bits == 16 ? 0xFFF8u : 0x0FFFFFF8u;

    for (uint32_t i = 0; i < (fat->bits == 12 ? 2 : fat->bits / 8); i++) {
        uint8_t byte;

        if (!fat_byte(fat, at + i, &byte)) {
            fat->search->incomplete = true;
            return 0;
        }
        value |= (uint32_t)byte << 8 * i;
    }
    if (fat->bits == 12)
        value = cluster & 1 ? value >> 4 : value & 0xFFFu;
    else if (fat->bits == 32)
        value &= 0x0FFFFFFFu;
    if (value >= ends)
        return 0;
    if (value < 2 || value - 2 >= fat->clusters) {
        fat->search->incomplete = true;
        return 0;
    }
    return value;
}

/* The number of leaves, as `clusters` says; the last cluster is number clusters + 1. */
static uint32_t leaves(const struct fat *fat)
{
    return (fat->clusters + 1) / LEAF_CLUSTERS + 1;
}

/* True when nobody has been there before. */
static bool visit(struct fat *fat, uint32_t cluster)
{
    uint8_t bit = (uint8_t)(1u << cluster % 8), *leaf = NULL, *there;

    if (cluster >= 2 && cluster - 2 < fat->clusters) {
        leaf = fat->visited[cluster / LEAF_CLUSTERS];
        if (!leaf)
            leaf = fat->visited[cluster / LEAF_CLUSTERS] = calloc(1, LEAF_CLUSTERS / 8);
    }
    there = leaf ? leaf + cluster % LEAF_CLUSTERS / 8 : NULL;
    if (!there || (*there & bit)) {
        fat->search->incomplete = true;
        return false;
    }
    *there |= bit;
    return true;
}

typedef void run_fn(struct fat *fat, uint64_t offset, uint64_t length, void *context);

/* Calls `function` for each run of clusters of the chain. */
static void walk_chain(struct fat *fat, uint32_t first, run_fn *function, void *context)
{
    uint32_t cluster = first, start = first, count = 0, steps = 0;

    while (cluster && visit(fat, cluster)) {
        count++;
        if (++steps % (1u << 20) == 0 && platter_owner_stopped(fat->search, steps, fat->clusters))
            return;
        cluster = next_cluster(fat, cluster);
        if (cluster != start + count) {
            function(fat, cluster_offset(fat, start), (uint64_t)count * fat->cluster_size, context);
            start = cluster;
            count = 0;
        }
    }
    if (count)
        function(fat, cluster_offset(fat, start), (uint64_t)count * fat->cluster_size, context);
}

/* ---- Names ---------------------------------------------------------------------------------------------------------- */

static uint8_t short_checksum(const uint8_t *name)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 11; i++)
        sum = (uint8_t)(((sum & 1) << 7) + (sum >> 1) + name[i]);
    return sum;
}

static void gather_long(struct long_name *name, const uint8_t *entry)
{
    static const uint8_t places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    uint32_t ordinal = entry[0] & 0x3F;

    if (entry[0] & 0x40) {
        memset(name, 0, sizeof(*name));
        name->next = ordinal;
        name->checksum = entry[13];
        name->whole = true;
    }
    if (ordinal == 0 || ordinal > LONG_PARTS || ordinal != name->next || entry[13] != name->checksum) {
        name->whole = false;
        return;
    }
    for (unsigned i = 0; i < LONG_UNITS; i++)
        name->units[(ordinal - 1) * LONG_UNITS + i] = platter_le16(entry + places[i]);
    name->next--;
}

/* "NAME.EXT" of a short entry, in the case that Windows shows it in. */
static void short_name(const uint8_t *entry, char *out, size_t size)
{
    uint8_t text[13] = {0};
    size_t length = 0;

    for (unsigned i = 0; i < 11; i++) {
        uint8_t c = i == 0 && entry[0] == 0x05 ? 0xE5 : entry[i];
        bool lower = entry[12] & (i < 8 ? 0x08 : 0x10);

        if (c == ' ')
            continue;
        if (i >= 8 && !memchr(text, '.', length))
            text[length++] = '.';
        text[length++] = lower && c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
    }
    (void)platter_utf8_from_oem(text, length, out, size);
}

static void entry_name(const uint8_t *entry, const struct long_name *gathered, char *out, size_t size)
{
    if (gathered->whole && gathered->next == 0 && gathered->checksum == short_checksum(entry))
        (void)platter_utf8_from_utf16(gathered->units, LONG_PARTS * LONG_UNITS, out, size);
    else
        short_name(entry, out, size);
}

/* ---- Folders ------------------------------------------------------------------------------------------------------- */

struct folder {
    size_t path_length; /* of fat->path, that is its own */
    unsigned depth;
    struct long_name name;
    bool ended; /* the entry was met behind which there are none */
    uint64_t file_offset;
};

static void walk_folder(struct fat *fat, uint32_t first, size_t path_length, unsigned depth);

static void file_run(struct fat *fat, uint64_t offset, uint64_t length, void *context)
{
    uint64_t *file_offset = context;

    platter_owner_tell(fat->search, offset, length, PLATTER_OWNER_FILE, fat->path, *file_offset);
    *file_offset += length;
}

static void take_entry(struct fat *fat, struct folder *folder, const uint8_t *entry)
{
    uint8_t attributes = entry[11] & 0x3F;
    uint32_t cluster = platter_le16(entry + 26) | (fat->bits == 32 ? (uint32_t)platter_le16(entry + 20) << 16 : 0);
    size_t at = folder->path_length;
    uint64_t file_offset = 0;

    if (entry[0] == 0xE5) {
        folder->name.whole = false;
        return;
    }
    if (attributes == ATTRIBUTE_LONG) {
        gather_long(&folder->name, entry);
        return;
    }
    if (!(attributes & ATTRIBUTE_LABEL) && entry[0] != '.' && cluster) {
        fat->path[at] = '/';
        entry_name(entry, &folder->name, fat->path + at + 1, sizeof(fat->path) - at - 1);
        if (!(attributes & ATTRIBUTE_FOLDER))
            walk_chain(fat, cluster, file_run, &file_offset);
        else if (folder->depth + 1 < DEPTH_MOST && at + 1024 < sizeof(fat->path))
            walk_folder(fat, cluster, strlen(fat->path), folder->depth + 1);
        else
            fat->search->incomplete = true;
        fat->path[at] = '\0';
    }
    folder->name.whole = false;
}

/* A run of a folder: whose it is, and what is in it. */
static void folder_run(struct fat *fat, uint64_t offset, uint64_t length, void *context)
{
    struct folder *folder = context;
    char name[PLATTER_OWNER_PATH + 16];
    uint8_t *data;

    (void)snprintf(name, sizeof(name), "folder %s", fat->path[0] ? fat->path : "/");
    platter_owner_tell(fat->search, offset, length, PLATTER_OWNER_METADATA, name, folder->file_offset);
    folder->file_offset += length;
    data = malloc(fat->cluster_size);
    for (; data && length && !folder->ended && !fat->search->cancelled; offset += fat->cluster_size) {
        size_t piece = length < fat->cluster_size ? (size_t)length : fat->cluster_size;

        fat->folder_bytes += piece;
        if (fat->folder_bytes > FOLDERS_MOST ||
            platter_block_read(fat->search->volume, data, piece, offset, NULL) != PLATTER_OK) {
            fat->search->incomplete = true;
            folder->name.whole = false;
        } else {
            for (size_t at = 0; at + ENTRY <= piece && !folder->ended; at += ENTRY) {
                folder->ended = data[at] == 0;
                if (!folder->ended)
                    take_entry(fat, folder, data + at);
            }
        }
        length -= piece;
    }
    if (!data)
        fat->search->incomplete = true;
    free(data);
}

static void walk_folder(struct fat *fat, uint32_t first, size_t path_length, unsigned depth)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (!folder) {
        fat->search->incomplete = true;
        return;
    }
    folder->path_length = path_length;
    folder->depth = depth;
    walk_chain(fat, first, folder_run, folder);
    free(folder);
}

/* ---- The volume ---------------------------------------------------------------------------------------------------- */

/* Reads the boot sector; false when there is nothing to go by. */
static bool read_boot(struct fat *fat, uint32_t *root_cluster, uint64_t *root_offset, uint64_t *root_length)
{
    struct platter_block *volume = fat->search->volume;
    uint8_t boot[512];
    enum platter_boot_sector kind;
    uint64_t total, reserved;
    uint32_t bytes;

    if (platter_block_size(volume) < sizeof(boot) ||
        platter_block_read(volume, boot, sizeof(boot), 0, NULL) != PLATTER_OK)
        return false;
    kind = platter_boot_sector_kind(boot);
    if (kind != PLATTER_BOOT_FAT12 && kind != PLATTER_BOOT_FAT16 && kind != PLATTER_BOOT_FAT32)
        return false;
    fat->bits = kind == PLATTER_BOOT_FAT12 ? 12 : kind == PLATTER_BOOT_FAT16 ? 16 : 32;
    /* platter_boot_sector_kind has checked these, and that the tables end before the volume does. */
    bytes = platter_le16(boot + 11);
    reserved = (uint64_t)platter_le16(boot + 14) * bytes;
    total = (uint64_t)(platter_le16(boot + 19) ? platter_le16(boot + 19) : platter_le32(boot + 32)) * bytes;
    if (total > platter_block_size(volume))
        total = platter_block_size(volume);
    fat->cluster_size = bytes * boot[13];
    fat->copies = boot[16];
    fat->fat_offset = reserved;
    fat->fat_size = (uint64_t)(platter_le16(boot + 22) ? platter_le16(boot + 22) : platter_le32(boot + 36)) * bytes;
    *root_offset = reserved + fat->copies * fat->fat_size;
    *root_length = ((uint64_t)platter_le16(boot + 17) * ENTRY + bytes - 1) / bytes * bytes;
    *root_cluster = fat->bits == 32 ? platter_le32(boot + 44) : 0;
    fat->data_offset = *root_offset + *root_length;
    if (fat->data_offset >= total)
        return false;
    total = (total - fat->data_offset) / fat->cluster_size;
    fat->clusters = total < 0x0FFFFFF5u ? (uint32_t)total : 0x0FFFFFF5u;
    return true;
}

void platter_fat_owners(struct platter_owner_search *search)
{
    struct fat *fat = calloc(1, sizeof(*fat));
    struct folder *root = calloc(1, sizeof(*root));
    uint64_t root_offset, root_length;
    uint32_t root_cluster;
    char name[48];

    if (!fat || !root)
        goto incomplete;
    fat->search = search;
    if (!read_boot(fat, &root_cluster, &root_offset, &root_length))
        goto incomplete;
    fat->visited = calloc(leaves(fat), sizeof(*fat->visited));
    fat->window = malloc(WINDOW);
    if (!fat->visited || !fat->window)
        goto incomplete;
    platter_owner_tell(search, 0, fat->fat_offset, PLATTER_OWNER_METADATA, "boot sector and reserved sectors", 0);
    for (uint32_t copy = 0; copy < fat->copies; copy++) {
        (void)snprintf(name, sizeof(name), "file allocation table %u", copy + 1);
        platter_owner_tell(search, fat->fat_offset + copy * fat->fat_size, fat->fat_size, PLATTER_OWNER_METADATA, name,
                           0);
    }
    if (fat->bits == 32)
        walk_folder(fat, root_cluster, 0, 0);
    else
        folder_run(fat, root_offset, root_length, root);
    goto out;
incomplete:
    search->incomplete = true;
out:
    if (fat) {
        for (uint32_t i = 0; fat->visited && i < leaves(fat); i++)
            free(fat->visited[i]);
        free(fat->visited);
        free(fat->window);
    }
    free(root);
    free(fat);
}
