/* SPDX-License-Identifier: MIT */
/* VHDX: the metadata items; the specification, 2.6. */
#include <stdlib.h>
#include <string.h>

#include "vhdx.h"

#define TABLE_SIZE 65536u
#define MAX_ITEMS 2047u
#define ITEM_OF_DISK 2u
#define ITEM_REQUIRED 4u

enum item { FILE_PARAMETERS, DISK_SIZE, DISK_ID, LOGICAL_SECTOR, PHYSICAL_SECTOR, PARENT_LOCATOR, ITEMS };

static const struct {
    vhdx_guid id;
    uint32_t length; /* bytes; 0: any */
} known[ITEMS] = {
    /* CAA16737-FA36-4D43-B3B6-33F0AA44E76B */
    {{0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B}, 8},
    /* 2FA54224-CD1B-4876-B211-5DBED83BF4B8 */
    {{0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8}, 8},
    /* BECA12AB-B2E6-4523-93EF-C309E000C746 */
    {{0xAB, 0x12, 0xCA, 0xBE, 0xE6, 0xB2, 0x23, 0x45, 0x93, 0xEF, 0xC3, 0x09, 0xE0, 0x00, 0xC7, 0x46}, 16},
    /* 8141BF1D-A96F-4709-BA47-F233A8FAAB5F */
    {{0x1D, 0xBF, 0x41, 0x81, 0x6F, 0xA9, 0x09, 0x47, 0xBA, 0x47, 0xF2, 0x33, 0xA8, 0xFA, 0xAB, 0x5F}, 4},
    /* CDA348C7-445D-4471-9CC9-E9885251C556 */
    {{0xC7, 0x48, 0xA3, 0xCD, 0x5D, 0x44, 0x71, 0x44, 0x9C, 0xC9, 0xE9, 0x88, 0x52, 0x51, 0xC5, 0x56}, 4},
    /* A8D35F2D-B30B-454D-ABF7-D3D84834AB0C */
    {{0x2D, 0x5F, 0xD3, 0xA8, 0x0B, 0xB3, 0x4D, 0x45, 0xAB, 0xF7, 0xD3, 0xD8, 0x48, 0x34, 0xAB, 0x0C}, 0},
};

struct places {
    uint64_t offset[ITEMS]; /* in the file; 0: not there */
    uint32_t length[ITEMS];
};

static enum platter_result find_items(struct platter_block *file, const struct vhdx_region *region, const uint8_t *raw,
                                      struct places *places, struct platter_error *err)
{
    uint32_t count = platter_le16(raw + 10);

    if (memcmp(raw, "metadata", 8) != 0 || count > MAX_ITEMS)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, region->offset, "there is no metadata table here");
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = raw + 32 + 32 * (size_t)i;
        uint32_t offset = platter_le32(entry + 16), length = platter_le32(entry + 20);
        uint64_t at = region->offset + 32 + 32ull * i;
        unsigned item = 0;
        char text[37];

        while (item < ITEMS && memcmp(entry, known[item].id, sizeof(vhdx_guid)) != 0)
            item++;
        platter_vhdx_guid_text(entry, text);
        if (item == ITEMS && (platter_le32(entry + 24) & ITEM_REQUIRED))
            return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, at,
                                     "a metadata item {%s} has to be understood, and is not known here", text);
        if (item == ITEMS)
            continue;
        if (offset < TABLE_SIZE || !platter_inside(offset, length, region->length) || places->offset[item] ||
            (known[item].length && length < known[item].length))
            return platter_error_set(err, PLATTER_E_FORMAT, file->name, at,
                                     "the metadata item {%s} is there twice, or where it cannot be", text);
        places->offset[item] = region->offset + offset;
        places->length[item] = length;
    }
    return PLATTER_OK;
}

/* Reads an item that has to be there. */
static enum platter_result read_item(struct platter_block *file, const struct vhdx_region *region,
                                     const struct places *places, enum item item, const char *what, void *out,
                                     struct platter_error *err)
{
    if (!places->offset[item])
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, region->offset, "the metadata do not give %s",
                                 what);
    return platter_block_read(file, out, known[item].length, places->offset[item], err);
}

static enum platter_result check(struct platter_block *file, const struct vhdx_metadata *meta,
                                 const struct places *places, struct platter_error *err)
{
    uint32_t block = meta->block_size, logical = meta->logical_sector, physical = meta->physical_sector;

    if (block < VHDX_MIB || block > 256 * VHDX_MIB || (block & (block - 1)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, places->offset[FILE_PARAMETERS],
                                 "blocks of %u bytes are not possible", block);
    if ((logical != 512 && logical != 4096) || (physical != 512 && physical != 4096))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, places->offset[LOGICAL_SECTOR],
                                 "sectors of %u bytes, on the medium %u, are not possible", logical, physical);
    if (meta->disk_size == 0 || meta->disk_size % logical || meta->disk_size > VHDX_MAX_DISK)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, places->offset[DISK_SIZE],
                                 "a disk of %llu bytes is not possible", (unsigned long long)meta->disk_size);
    if (meta->has_parent && !places->offset[PARENT_LOCATOR])
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, places->offset[FILE_PARAMETERS],
                                 "is a differencing disk that does not say where its parent is");
    return PLATTER_OK;
}

enum platter_result platter_vhdx_metadata_read(struct platter_block *file, const struct vhdx_regions *regions,
                                               struct vhdx_metadata *meta, struct platter_error *err)
{
    const struct vhdx_region *region = &regions->metadata;
    struct places places = {.offset = {0}};
    uint8_t *raw = malloc(TABLE_SIZE), item[8] = {0};
    enum platter_result result;

    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    memset(meta, 0, sizeof(*meta));
    if ((result = platter_block_read(file, raw, TABLE_SIZE, region->offset, err)) ||
        (result = find_items(file, region, raw, &places, err)))
        goto out;
    if ((result = read_item(file, region, &places, FILE_PARAMETERS, "the size of blocks", item, err)))
        goto out;
    meta->block_size = platter_le32(item);
    meta->leave_allocated = item[4] & 1;
    meta->has_parent = item[4] & 2;
    if ((result = read_item(file, region, &places, DISK_SIZE, "the disk's size", item, err)))
        goto out;
    meta->disk_size = platter_le64(item);
    if ((result = read_item(file, region, &places, LOGICAL_SECTOR, "the size of sectors", item, err)))
        goto out;
    meta->logical_sector = platter_le32(item);
    if ((result = read_item(file, region, &places, PHYSICAL_SECTOR, "the size of the medium's sectors", item, err)))
        goto out;
    meta->physical_sector = platter_le32(item);
    if ((result = read_item(file, region, &places, DISK_ID, "the disk's id", meta->page83, err)))
        goto out;
    meta->locator_offset = places.offset[PARENT_LOCATOR];
    meta->locator_length = places.length[PARENT_LOCATOR];
    result = check(file, meta, &places, err);
out:
    free(raw);
    return result;
}

enum platter_result platter_vhdx_metadata_write(struct platter_block *file, const struct vhdx_region *region,
                                                const struct vhdx_metadata *meta, struct platter_error *err)
{
    static const uint32_t flags[PARENT_LOCATOR] = {
        [FILE_PARAMETERS] = ITEM_REQUIRED,
        [DISK_SIZE] = ITEM_REQUIRED | ITEM_OF_DISK,
        [DISK_ID] = ITEM_REQUIRED | ITEM_OF_DISK,
        [LOGICAL_SECTOR] = ITEM_REQUIRED | ITEM_OF_DISK,
        [PHYSICAL_SECTOR] = ITEM_REQUIRED | ITEM_OF_DISK,
    };
    uint8_t values[PARENT_LOCATOR][16] = {{0}}, *raw = calloc(1, TABLE_SIZE + sizeof(values));
    enum platter_result result;

    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    platter_put_le32(values[FILE_PARAMETERS], meta->block_size);
    platter_put_le32(values[FILE_PARAMETERS] + 4, meta->leave_allocated);
    platter_put_le64(values[DISK_SIZE], meta->disk_size);
    memcpy(values[DISK_ID], meta->page83, sizeof(vhdx_guid));
    platter_put_le32(values[LOGICAL_SECTOR], meta->logical_sector);
    platter_put_le32(values[PHYSICAL_SECTOR], meta->physical_sector);
    memcpy(raw, "metadata", 8);
    platter_put_le16(raw + 10, PARENT_LOCATOR);
    for (uint32_t i = 0; i < PARENT_LOCATOR; i++) {
        uint8_t *entry = raw + 32 + 32 * (size_t)i;

        memcpy(entry, known[i].id, sizeof(vhdx_guid));
        platter_put_le32(entry + 16, TABLE_SIZE + i * (uint32_t)sizeof(values[i]));
        platter_put_le32(entry + 20, known[i].length);
        platter_put_le32(entry + 24, flags[i]);
    }
    memcpy(raw + TABLE_SIZE, values, sizeof(values));
    result = platter_block_write(file, raw, TABLE_SIZE + sizeof(values), region->offset, err);
    free(raw);
    return result;
}
