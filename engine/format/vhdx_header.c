/* SPDX-License-Identifier: MIT */
/* VHDX: the two headers and the two region tables; the specification, 2.2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crc32c.h"
#include "vhdx.h"

#define MAX_REGIONS 2047u
#define REGION_REQUIRED 1u

/* 2DC27766-F623-4200-9D64-115E9BFD4A08 and 8B7CA206-4790-4B9A-B8FE-575F050F886E */
static const vhdx_guid bat_id = {0x66, 0x77, 0xC2, 0x2D, 0x23, 0xF6, 0x00, 0x42,
                                 0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A, 0x08};
static const vhdx_guid metadata_id = {0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B,
                                      0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E};

bool platter_vhdx_guid_is_zero(const vhdx_guid id)
{
    return platter_all_zero(id, sizeof(vhdx_guid));
}

void platter_vhdx_guid_text(const vhdx_guid id, char text[37])
{
    (void)snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[3], id[2],
                   id[1], id[0], id[5], id[4], id[7], id[6], id[8], id[9], id[10], id[11], id[12], id[13], id[14],
                   id[15]);
}

/* The checksum at byte 4 is of the whole, with itself as zero. */
static bool checksum_holds(uint8_t *data, size_t length)
{
    uint32_t stored = platter_le32(data + 4), computed;

    platter_put_le32(data + 4, 0);
    computed = platter_crc32c(0, data, length);
    platter_put_le32(data + 4, stored);
    return stored == computed;
}

static bool read_one(struct platter_block *file, unsigned which, struct vhdx_header *header)
{
    uint8_t raw[VHDX_HEADER_SIZE];

    if (!platter_inside(VHDX_HEADER_AT(which), sizeof(raw), platter_block_size(file)) ||
        platter_block_read(file, raw, sizeof(raw), VHDX_HEADER_AT(which), NULL) || memcmp(raw, "head", 4) != 0 ||
        !checksum_holds(raw, sizeof(raw)) || platter_le16(raw + 66) != 1)
        return false;
    *header = (struct vhdx_header){
        .current = which,
        .sequence = platter_le64(raw + 8),
        .log_version = platter_le16(raw + 64),
        .log_length = platter_le32(raw + 68),
        .log_offset = platter_le64(raw + 72),
    };
    memcpy(header->file_write, raw + 16, sizeof(vhdx_guid));
    memcpy(header->data_write, raw + 32, sizeof(vhdx_guid));
    memcpy(header->log, raw + 48, sizeof(vhdx_guid));
    return true;
}

enum platter_result platter_vhdx_header_read(struct platter_block *file, struct vhdx_header *header,
                                             struct platter_error *err)
{
    struct vhdx_header one, two;
    bool first = read_one(file, 0, &one), second = read_one(file, 1, &two);

    if (!first && !second)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, VHDX_HEADER_AT(0),
                                 "neither of the two headers is whole, of version 1 and agrees with its checksum");
    *header = first && (!second || one.sequence >= two.sequence) ? one : two;
    header->other_damaged = !first || !second;
    if (header->log_version != 0 && !platter_vhdx_guid_is_zero(header->log))
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, VHDX_HEADER_AT(header->current) + 64,
                                 "the log is of version %u; 0 is the one known", header->log_version);
    if (header->log_offset % VHDX_MIB || header->log_length % VHDX_MIB || header->log_offset < VHDX_MIB ||
        header->log_length == 0 || header->log_offset > INT64_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, VHDX_HEADER_AT(header->current) + 68,
                                 "the log is said to have %u bytes at byte %llu, which cannot be", header->log_length,
                                 (unsigned long long)header->log_offset);
    return PLATTER_OK;
}

enum platter_result platter_vhdx_header_write(struct platter_block *file, struct vhdx_header *header,
                                              struct platter_error *err)
{
    uint8_t raw[VHDX_HEADER_SIZE] = {'h', 'e', 'a', 'd'};

    memcpy(raw + 16, header->file_write, sizeof(vhdx_guid));
    memcpy(raw + 32, header->data_write, sizeof(vhdx_guid));
    memcpy(raw + 48, header->log, sizeof(vhdx_guid));
    platter_put_le16(raw + 64, header->log_version);
    platter_put_le16(raw + 66, 1);
    platter_put_le32(raw + 68, header->log_length);
    platter_put_le64(raw + 72, header->log_offset);
    /* First over the one that is out of date, so that one of the two is good at each moment. */
    for (int i = 0; i < 2; i++) {
        unsigned which = 1 - header->current;
        enum platter_result result;

        platter_put_le64(raw + 8, header->sequence + 1);
        platter_put_le32(raw + 4, 0);
        platter_put_le32(raw + 4, platter_crc32c(0, raw, sizeof(raw)));
        if ((result = platter_block_write(file, raw, sizeof(raw), VHDX_HEADER_AT(which), err)) ||
            (result = platter_block_flush(file, err)))
            return result;
        header->sequence++;
        header->current = which;
    }
    return PLATTER_OK;
}

enum platter_result platter_vhdx_regions_write(struct platter_block *file, const struct vhdx_regions *regions,
                                               struct platter_error *err)
{
    const struct {
        const uint8_t *id;
        const struct vhdx_region *region;
    } entries[] = {{bat_id, &regions->bat}, {metadata_id, &regions->metadata}};
    enum platter_result result = PLATTER_OK;
    uint8_t *raw = calloc(1, VHDX_REGION_TABLE_SIZE);

    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    memcpy(raw, "regi", 4);
    platter_put_le32(raw + 8, 2);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *entry = raw + 16 + 32 * i;

        memcpy(entry, entries[i].id, sizeof(vhdx_guid));
        platter_put_le64(entry + 16, entries[i].region->offset);
        platter_put_le32(entry + 24, entries[i].region->length);
        platter_put_le32(entry + 28, REGION_REQUIRED);
    }
    platter_put_le32(raw + 4, platter_crc32c(0, raw, VHDX_REGION_TABLE_SIZE));
    for (unsigned i = 0; i < 2 && result == PLATTER_OK; i++)
        result = platter_block_write(file, raw, VHDX_REGION_TABLE_SIZE, VHDX_REGION_TABLE_AT(i), err);
    free(raw);
    return result;
}

static bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

static enum platter_result check_region(struct platter_block *file, const struct vhdx_header *header, uint64_t at,
                                        uint64_t offset, uint32_t length, struct platter_error *err)
{
    if (offset < VHDX_MIB || offset % VHDX_MIB || length == 0 || length % VHDX_MIB ||
        !platter_inside(offset, length, platter_block_size(file)) ||
        meet(offset, length, header->log_offset, header->log_length))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, at,
                                 "a region is said to have %u bytes at byte %llu, where it cannot be", length,
                                 (unsigned long long)offset);
    return PLATTER_OK;
}

static enum platter_result parse_regions(struct platter_block *file, const struct vhdx_header *header,
                                         const uint8_t *raw, uint64_t at, struct vhdx_regions *regions,
                                         struct platter_error *err)
{
    uint32_t count = platter_le32(raw + 8);

    if (count > MAX_REGIONS)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, at + 8, "there cannot be %u regions", count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = raw + 16 + 32 * (size_t)i;
        struct vhdx_region *region = NULL;
        char text[37];

        if (memcmp(entry, bat_id, sizeof(bat_id)) == 0)
            region = &regions->bat;
        else if (memcmp(entry, metadata_id, sizeof(metadata_id)) == 0)
            region = &regions->metadata;
        platter_vhdx_guid_text(entry, text);
        if (!region && (platter_le32(entry + 28) & REGION_REQUIRED))
            return platter_error_set(err, PLATTER_E_UNSUPPORTED, file->name, at + 16 + 32 * i,
                                     "a region {%s} has to be understood, and is not known here", text);
        if (!region)
            continue;
        if (region->length)
            return platter_error_set(err, PLATTER_E_FORMAT, file->name, at + 16 + 32 * i,
                                     "a region {%s} is there twice", text);
        region->offset = platter_le64(entry + 16);
        region->length = platter_le32(entry + 24);
        if (check_region(file, header, at + 16 + 32 * i, region->offset, region->length, err))
            return PLATTER_E_FORMAT;
    }
    if (!regions->bat.length || !regions->metadata.length ||
        meet(regions->bat.offset, regions->bat.length, regions->metadata.offset, regions->metadata.length))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, at,
                                 "the block allocation table or the metadata have no place of their own");
    return PLATTER_OK;
}

enum platter_result platter_vhdx_regions_read(struct platter_block *file, const struct vhdx_header *header,
                                              struct vhdx_regions *regions, struct platter_error *err)
{
    uint8_t *raw = malloc(VHDX_REGION_TABLE_SIZE);
    enum platter_result result = PLATTER_E_FORMAT;
    unsigned good = 2;

    memset(regions, 0, sizeof(*regions));
    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, file->name, PLATTER_NO_OFFSET, "out of memory");
    for (unsigned i = 2; i-- > 0;) {
        if (platter_inside(VHDX_REGION_TABLE_AT(i), VHDX_REGION_TABLE_SIZE, platter_block_size(file)) &&
            platter_block_read(file, raw, VHDX_REGION_TABLE_SIZE, VHDX_REGION_TABLE_AT(i), NULL) == PLATTER_OK &&
            memcmp(raw, "regi", 4) == 0 && checksum_holds(raw, VHDX_REGION_TABLE_SIZE))
            good = i;
        else
            regions->other_damaged = true;
    }
    /* When both are good, `raw` holds the first, which was read last. */
    if (good == 2)
        result = platter_error_set(err, PLATTER_E_FORMAT, file->name, VHDX_REGION_TABLE_AT(0),
                                   "neither of the two region tables is whole and agrees with its checksum");
    else if (good == 0 || (result = platter_block_read(file, raw, VHDX_REGION_TABLE_SIZE, VHDX_REGION_TABLE_AT(good),
                                                       err)) == PLATTER_OK)
        result = parse_regions(file, header, raw, VHDX_REGION_TABLE_AT(good), regions, err);
    free(raw);
    return result;
}
