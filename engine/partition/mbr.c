/* SPDX-License-Identifier: MIT */
/* The table of the master boot record, with the chain of an extended partition. */
#include <string.h>

#include "../bytes.h"
#include "../filesystem/filesystem.h"
#include "partition.h"

#define ENTRIES_AT 446u
#define ENTRY 16u
/* A chain has one sector for each logical partition; Windows and Linux both give up long before. */
#define LOGICAL_MOST 256u

struct entry {
    uint8_t flag, type;
    uint32_t start, count; /* sectors; start is relative to something */
};

static struct entry entry_at(const uint8_t *sector, unsigned index)
{
    const uint8_t *at = sector + ENTRIES_AT + (size_t)index * ENTRY;

    return (struct entry){.flag = at[0], .type = at[4], .start = platter_le32(at + 8), .count = platter_le32(at + 12)};
}

static bool has_signature(const uint8_t *sector)
{
    return sector[510] == 0x55 && sector[511] == 0xAA;
}

static bool is_used(const struct entry *entry)
{
    return entry->type != 0 && entry->count != 0;
}

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0F || type == 0x85;
}

static bool overlaps(const struct entry *a, const struct entry *b)
{
    return a->start < (uint64_t)b->start + b->count && b->start < (uint64_t)a->start + a->count;
}

/* Whether every used entry lies within the disk, behind its first sector, and clear of the others. */
static bool is_faultless(const uint8_t *sector, uint64_t sectors)
{
    for (unsigned i = 0; i < 4; i++) {
        struct entry entry = entry_at(sector, i);

        if (!is_used(&entry))
            continue;
        if (entry.start == 0 || (uint64_t)entry.start + entry.count > sectors)
            return false;
        for (unsigned j = 0; j < i; j++) {
            struct entry other = entry_at(sector, j);

            if (is_used(&other) && overlaps(&entry, &other))
                return false;
        }
    }
    return true;
}

enum mbr_kind platter_mbr_kind(const uint8_t *sector, uint64_t size, uint32_t sector_size)
{
    unsigned used = 0;
    bool protective = false;

    if (!has_signature(sector))
        return MBR_NONE;
    for (unsigned i = 0; i < 4; i++) {
        struct entry entry = entry_at(sector, i);

        if (entry.flag != 0 && entry.flag != 0x80)
            return MBR_NONE;
        used += is_used(&entry);
        protective = protective || entry.type == MBR_TYPE_PROTECTIVE;
    }
    /*
     * The boot sector of a volume ends in 55 AA too, and has code or text where the table would be. Where its parameter
     * block makes sense the entries have to be beyond doubt; mkfs.fat even writes one that spans the volume itself.
     */
    if (platter_boot_sector_kind(sector) != PLATTER_BOOT_NONE &&
        (used == 0 || !is_faultless(sector, size / sector_size)))
        return MBR_NONE;
    if (protective)
        return MBR_PROTECTIVE;
    return used ? MBR_TABLE : MBR_EMPTY;
}

static enum platter_result add(struct table_builder *builder, const struct entry *entry, uint64_t base, bool logical,
                               struct platter_error *err)
{
    struct platter_partition *partition = platter_table_add(builder, err);

    if (!partition)
        return PLATTER_E_NO_MEMORY;
    partition->offset = (base + entry->start) * builder->sector_size;
    partition->length = (uint64_t)entry->count * builder->sector_size;
    partition->mbr_type = entry->type;
    partition->bootable = entry->flag == 0x80;
    partition->logical = logical;
    return PLATTER_OK;
}

/* Follows the chain of one extended partition. What breaks it ends it, with a warning. */
static enum platter_result read_chain(struct table_builder *builder, const struct entry *extended,
                                      struct platter_error *err)
{
    uint64_t seen[LOGICAL_MOST];
    uint64_t at = extended->start;
    unsigned count = 0;

    for (;;) {
        uint8_t sector[MBR_SIZE];
        struct entry next;
        enum platter_result result;

        for (unsigned i = 0; i < count; i++) {
            if (seen[i] == at) {
                platter_table_warn(builder, "the chain of logical partitions runs in a circle at sector %llu",
                                   (unsigned long long)at);
                return PLATTER_OK;
            }
        }
        if (count == LOGICAL_MOST) {
            platter_table_warn(builder, "there are more than %u logical partitions; the others are left out",
                               LOGICAL_MOST);
            return PLATTER_OK;
        }
        seen[count++] = at;
        result = platter_block_read(builder->block, sector, sizeof(sector), at * builder->sector_size, NULL);
        if (result || !has_signature(sector)) {
            platter_table_warn(builder,
                               "the chain of logical partitions breaks off: no table can be read at sector %llu",
                               (unsigned long long)at);
            return PLATTER_OK;
        }
        /* The partition comes first and then the link, in nearly all of them. */
        next = (struct entry){0};
        for (unsigned i = 0; i < 2; i++) {
            struct entry entry = entry_at(sector, i);

            if (is_used(&entry) && is_extended(entry.type))
                next = next.count ? next : entry;
            else if (is_used(&entry) && (result = add(builder, &entry, at, true, err)))
                return result;
        }
        if (!next.count)
            return PLATTER_OK;
        /* Links count from the start of the extended partition, not from the sector they stand in. */
        at = (uint64_t)extended->start + next.start;
    }
}

enum platter_result platter_mbr_read(struct table_builder *builder, const uint8_t *sector, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    unsigned chains = 0;

    builder->table->style = PLATTER_TABLE_MBR;
    builder->table->mbr_signature = platter_le32(sector + 440);
    for (unsigned i = 0; i < 4 && result == PLATTER_OK; i++) {
        struct entry entry = entry_at(sector, i);

        if (is_used(&entry) && !is_extended(entry.type))
            result = add(builder, &entry, 0, false, err);
    }
    for (unsigned i = 0; i < 4 && result == PLATTER_OK; i++) {
        struct entry entry = entry_at(sector, i);

        if (!is_used(&entry) || !is_extended(entry.type))
            continue;
        if (chains++ == 1)
            platter_table_warn(builder, "there is more than one extended partition");
        result = read_chain(builder, &entry, err);
    }
    return result;
}
