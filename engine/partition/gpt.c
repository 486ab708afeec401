/* SPDX-License-Identifier: MIT */
/* The GUID partition table (UEFI specification, chapter 5), with its backup. */
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../crc32.h"
#include "../utf.h"
#include "partition.h"

#define HEADER_LEAST 92u
#define HEADER_MOST 4096u
#define ENTRY_LEAST 128u
#define ENTRY_MOST 4096u
/* 128 entries of 128 bytes are usual; nobody has use for 64 times as much. */
#define ARRAY_MOST (1u << 20)

struct header {
    uint64_t my_lba, alternate_lba, entries_lba;
    uint32_t entry_count, entry_size, entries_crc;
    uint8_t disk_id[16];
};

static uint64_t sectors_of(const struct platter_block *block, uint32_t sector_size)
{
    return platter_block_size(block) / sector_size;
}

static enum platter_result refuse(struct table_builder *builder, uint64_t lba, const char *why,
                                  struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_FORMAT, platter_block_name(builder->block), lba * builder->sector_size,
                             "the GPT header %s", why);
}

static enum platter_result read_header(struct table_builder *builder, uint64_t lba, struct header *header,
                                       struct platter_error *err)
{
    uint8_t sector[HEADER_MOST];
    uint32_t size, stored, computed;
    uint64_t array, sectors = sectors_of(builder->block, builder->sector_size);
    enum platter_result result;

    if (lba == 0 || lba >= sectors)
        return refuse(builder, lba < sectors ? lba : sectors, "would lie outside the disk", err);
    result = platter_block_read(builder->block, sector, builder->sector_size, lba * builder->sector_size, err);
    if (result)
        return result;
    if (memcmp(sector, "EFI PART", 8) != 0)
        return refuse(builder, lba, "is not there", err);
    size = platter_le32(sector + 12);
    if (size < HEADER_LEAST || size > builder->sector_size)
        return refuse(builder, lba, "has an impossible length", err);
    stored = platter_le32(sector + 16);
    memset(sector + 16, 0, 4);
    computed = platter_crc32(0, sector, size);
    if (stored != computed)
        return platter_error_set(err, PLATTER_E_FORMAT, platter_block_name(builder->block), lba * builder->sector_size,
                                 "the GPT header's checksum is 0x%08x, computed 0x%08x", stored, computed);
    if (platter_le32(sector + 8) >> 16 != 1)
        return refuse(builder, lba, "is of an unknown version", err);
    header->my_lba = platter_le64(sector + 24);
    header->alternate_lba = platter_le64(sector + 32);
    header->entries_lba = platter_le64(sector + 72);
    header->entry_count = platter_le32(sector + 80);
    header->entry_size = platter_le32(sector + 84);
    header->entries_crc = platter_le32(sector + 88);
    memcpy(header->disk_id, sector + 56, sizeof(header->disk_id));
    if (header->my_lba != lba)
        return refuse(builder, lba, "says that it belongs elsewhere", err);
    array = (uint64_t)header->entry_count * header->entry_size;
    if (header->entry_size < ENTRY_LEAST || header->entry_size > ENTRY_MOST || header->entry_size % 8 ||
        array > ARRAY_MOST)
        return refuse(builder, lba, "describes a table of unreasonable size", err);
    if (header->entries_lba == 0 || header->entries_lba >= sectors ||
        !platter_inside(header->entries_lba * builder->sector_size, array, platter_block_size(builder->block)))
        return refuse(builder, lba, "places its table outside the disk", err);
    return PLATTER_OK;
}

/* Reads the header at `lba` and the array it names, which is to be freed. */
static enum platter_result read_copy(struct table_builder *builder, uint64_t lba, struct header *header,
                                     uint8_t **entries, struct platter_error *err)
{
    enum platter_result result = read_header(builder, lba, header, err);
    size_t length;
    uint8_t *array;
    uint32_t computed;

    if (result)
        return result;
    length = (size_t)header->entry_count * header->entry_size;
    array = malloc(length ? length : 1);
    if (!array) {
        (void)platter_error_set(err, PLATTER_E_NO_MEMORY, platter_block_name(builder->block), PLATTER_NO_OFFSET,
                                "out of memory");
        return PLATTER_E_NO_MEMORY;
    }
    result = platter_block_read(builder->block, array, length, header->entries_lba * builder->sector_size, err);
    computed = result ? 0 : platter_crc32(0, array, length);
    if (result == PLATTER_OK && computed != header->entries_crc)
        result = platter_error_set(
            err, PLATTER_E_FORMAT, platter_block_name(builder->block), header->entries_lba * builder->sector_size,
            "the GPT entries' checksum is 0x%08x, computed 0x%08x", header->entries_crc, computed);
    if (result) {
        free(array);
        return result;
    }
    *entries = array;
    return PLATTER_OK;
}

static enum platter_result add_entries(struct table_builder *builder, const struct header *header,
                                       const uint8_t *entries, struct platter_error *err)
{
    uint64_t sectors = sectors_of(builder->block, builder->sector_size);

    for (uint32_t i = 0; i < header->entry_count; i++) {
        const uint8_t *entry = entries + (size_t)i * header->entry_size;
        uint64_t first = platter_le64(entry + 32), last = platter_le64(entry + 40);
        struct platter_partition *partition;

        if (platter_all_zero(entry, 16))
            continue;
        if (first == 0 || last < first || last >= UINT64_MAX / builder->sector_size) {
            platter_table_warn(builder, "entry %u runs from sector %llu to %llu, which cannot be; it is left out",
                               i + 1, (unsigned long long)first, (unsigned long long)last);
            continue;
        }
        if (first >= sectors)
            platter_table_warn(builder, "entry %u starts behind the end of the disk", i + 1);
        partition = platter_table_add(builder, err);
        if (!partition)
            return PLATTER_E_NO_MEMORY;
        partition->offset = first * builder->sector_size;
        partition->length = (last - first + 1) * builder->sector_size;
        memcpy(partition->gpt_type, entry, 16);
        memcpy(partition->gpt_id, entry + 16, 16);
        partition->gpt_attributes = platter_le64(entry + 48);
        for (size_t j = 0; j < 36; j++)
            partition->gpt_name[j] = platter_le16(entry + 56 + 2 * j);
        (void)platter_utf8_from_utf16(partition->gpt_name, 36, partition->name, sizeof(partition->name));
    }
    return PLATTER_OK;
}

/* Looks for the backup where the primary header says, and at the disk's last sector. */
static enum platter_result read_backup(struct table_builder *builder, const struct header *primary,
                                       struct header *header, uint8_t **entries)
{
    uint64_t last = sectors_of(builder->block, builder->sector_size) - 1;
    enum platter_result result = read_copy(builder, last, header, entries, NULL);

    if (result && primary && primary->alternate_lba != last && primary->alternate_lba > 1)
        result = read_copy(builder, primary->alternate_lba, header, entries, NULL);
    return result;
}

enum platter_result platter_gpt_read(struct table_builder *builder, struct platter_error *err)
{
    struct header header = {0}, backup;
    uint8_t *entries = NULL;
    struct platter_error primary_error;
    enum platter_result result, found;

    builder->table->style = PLATTER_TABLE_GPT;
    result = read_copy(builder, 1, &header, &entries, &primary_error);
    if (result == PLATTER_OK) {
        uint8_t *unused = NULL;

        if (read_backup(builder, &header, &backup, &unused) != PLATTER_OK)
            platter_table_warn(builder, "the backup of the GPT is missing or damaged");
        free(unused);
    } else {
        /* alternate_lba is zero, and not asked for, unless the header itself was read and only its array is bad. */
        found = result == PLATTER_E_NO_MEMORY ? result : read_backup(builder, &header, &backup, &entries);
        if (found) {
            if (err) {
                size_t length = strlen(primary_error.message);
                static const char also[] = "; the backup is not usable either";

                *err = primary_error;
                if (length + sizeof(also) <= sizeof(err->message))
                    memcpy(err->message + length, also, sizeof(also));
            }
            return result;
        }
        header = backup;
        builder->table->gpt_backup_used = true;
        platter_table_warn(builder, "%s (byte %llu), so its backup is used", primary_error.message,
                           (unsigned long long)primary_error.offset);
    }
    memcpy(builder->table->gpt_disk_id, header.disk_id, sizeof(header.disk_id));
    result = add_entries(builder, &header, entries, err);
    free(entries);
    return result;
}

bool platter_gpt_present(struct platter_block *block, uint32_t sector_size)
{
    struct table_builder builder = {.block = block, .sector_size = sector_size};
    struct header header;

    return sectors_of(block, sector_size) > 2 && read_header(&builder, 1, &header, NULL) == PLATTER_OK;
}

uint32_t platter_gpt_sector_size(struct platter_block *block, uint32_t announced)
{
    static const uint32_t sizes[] = {512, 4096, 2048, 1024};
    struct header header;

    if (platter_gpt_present(block, announced))
        return announced;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] != announced && platter_gpt_present(block, sizes[i]))
            return sizes[i];
    }
    /* No primary header at all: the backup, in the last sector of whatever size. */
    for (size_t i = 0; i <= sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct table_builder builder = {.block = block, .sector_size = i ? sizes[i - 1] : announced};
        uint64_t sectors = sectors_of(block, builder.sector_size);

        if (sectors > 2 && read_header(&builder, sectors - 1, &header, NULL) == PLATTER_OK)
            return builder.sector_size;
    }
    return 0;
}
