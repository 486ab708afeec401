/* SPDX-License-Identifier: MIT */
/* Which kind of table a disk has, and what can be said of its partitions whatever the kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"
#include "../filesystem/filesystem.h"
#include "../slice.h"
#include "partition.h"

/* Further ones are listed, but nobody looks what they hold: a bound on the work that a hostile table can make. */
#define DETECT_MOST 256u

struct platter_partition *platter_table_add(struct table_builder *builder, struct platter_error *err)
{
    struct platter_partition_table *table = builder->table;

    if (table->count == builder->room) {
        size_t room = builder->room ? 2 * builder->room : 8;
        struct platter_partition *partitions = NULL;

        if (room <= PARTITIONS_MOST)
            partitions = realloc(table->partitions, room * sizeof(*partitions));
        if (!partitions) {
            (void)platter_error_set(err, PLATTER_E_NO_MEMORY, platter_block_name(builder->block), PLATTER_NO_OFFSET,
                                    "out of memory for so many partitions");
            return NULL;
        }
        table->partitions = partitions;
        builder->room = room;
    }
    memset(&table->partitions[table->count], 0, sizeof(table->partitions[0]));
    table->partitions[table->count].number = (uint32_t)table->count + 1;
    return &table->partitions[table->count++];
}

void platter_table_warn(struct table_builder *builder, const char *format, ...)
{
    char *warning = builder->table->warning;
    size_t size = sizeof(builder->table->warning), used = strlen(warning);
    va_list arguments;

    /* When there is no room for a sentence the first ones are the ones to keep. */
    if (used + 64 > size)
        return;
    if (used) {
        memcpy(warning + used, "; ", 3);
        used += 2;
    }
    va_start(arguments, format);
    if (vsnprintf(warning + used, size - used, format, arguments) < 0)
        warning[used] = '\0';
    va_end(arguments);
}

static enum platter_result make_view(struct platter_block *block, const struct platter_partition *partition,
                                     struct platter_block **made, struct platter_error *err)
{
    struct platter_slice slice = {.layer = "partition", .offset = partition->offset, .length = partition->length};

    return platter_slice_create(block, &slice, made, err);
}

enum platter_result platter_partition_open(struct platter_block *block, const struct platter_partition *partition,
                                           struct platter_block **view, struct platter_error *err)
{
    uint64_t size = platter_block_size(block);

    if (partition->length == 0 || !platter_inside(partition->offset, partition->length, size))
        return platter_error_set(err, PLATTER_E_RANGE, platter_block_name(block), partition->offset,
                                 "partition %u of %llu bytes does not lie within the disk of %llu bytes; the image "
                                 "may have been cut short",
                                 partition->number, (unsigned long long)partition->length, (unsigned long long)size);
    return make_view(block, partition, view, err);
}

static void detect(struct platter_block *block, struct platter_partition *partition)
{
    struct platter_partition readable = *partition;
    uint64_t size = platter_block_size(block);
    struct platter_filesystem found;
    struct platter_block *volume = NULL;

    if (readable.offset >= size)
        return;
    /* What is cut short is looked at as far as it goes. */
    if (readable.length > size - readable.offset)
        readable.length = size - readable.offset;
    if (make_view(block, &readable, &volume, NULL) != PLATTER_OK)
        return;
    platter_filesystem_detect(volume, &found);
    platter_block_unref(volume);
    memcpy(partition->filesystem, found.name, sizeof(partition->filesystem));
    memcpy(partition->label, found.label, sizeof(partition->label));
}

static size_t detect_all(struct table_builder *builder)
{
    size_t found = 0;

    for (size_t i = 0; i < builder->table->count && i < DETECT_MOST; i++) {
        detect(builder->block, &builder->table->partitions[i]);
        found += builder->table->partitions[i].filesystem[0] != '\0';
    }
    return found;
}

static int by_offset(const void *a, const void *b)
{
    const struct platter_partition *one = *(const struct platter_partition *const *)a;
    const struct platter_partition *other = *(const struct platter_partition *const *)b;

    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* Warns of the first overlap and of the first partition that is not whole. */
static enum platter_result check_layout(struct table_builder *builder, struct platter_error *err)
{
    struct platter_partition_table *table = builder->table;
    const struct platter_partition **order;
    uint64_t size = platter_block_size(builder->block);

    if (table->count == 0)
        return PLATTER_OK;
    for (size_t i = 0; i < table->count; i++) {
        const struct platter_partition *partition = &table->partitions[i];

        if (!platter_inside(partition->offset, partition->length, size)) {
            platter_table_warn(builder, "partition %u ends at byte %llu, behind the end of the disk at %llu",
                               partition->number, (unsigned long long)(partition->offset + partition->length),
                               (unsigned long long)size);
            break;
        }
    }
    order = malloc(table->count * sizeof(*order));
    if (!order)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, platter_block_name(builder->block), PLATTER_NO_OFFSET,
                                 "out of memory");
    for (size_t i = 0; i < table->count; i++)
        order[i] = &table->partitions[i];
    qsort(order, table->count, sizeof(*order), by_offset);
    for (size_t i = 1; i < table->count; i++) {
        if (order[i]->offset - order[i - 1]->offset < order[i - 1]->length) {
            platter_table_warn(builder, "partitions %u and %u overlap", order[i - 1]->number, order[i]->number);
            break;
        }
    }
    free(order);
    return PLATTER_OK;
}

/* Windows' logical disk manager has a database of its own of the volumes, over several disks. */
static bool is_dynamic(const struct platter_partition *partition)
{
    /* AF9B60A0-1431-4F62-BC68-3311714A69AD */
    static const uint8_t data[16] = {0xA0, 0x60, 0x9B, 0xAF, 0x31, 0x14, 0x62, 0x4F,
                                     0xBC, 0x68, 0x33, 0x11, 0x71, 0x4A, 0x69, 0xAD};

    return partition->mbr_type == 0x42 || memcmp(partition->gpt_type, data, sizeof(data)) == 0;
}

static void warn_of_dynamic(struct table_builder *builder)
{
    for (size_t i = 0; i < builder->table->count; i++) {
        if (!is_dynamic(&builder->table->partitions[i]))
            continue;
        platter_table_warn(builder,
                           "this is a dynamic disk of Windows, whose volumes may lie in pieces and on other disks: "
                           "what partition %u shows may be a part of one",
                           builder->table->partitions[i].number);
        return;
    }
}

/*
 * An MBR does not say how long its sectors are. Where nothing is recognised under the announced size and something is
 * under the other, the disk has come from a device with the other.
 */
static enum platter_result read_mbr(struct table_builder *builder, const uint8_t *sector, struct platter_error *err)
{
    static const uint32_t others[] = {512, 4096};
    enum platter_result result = platter_mbr_read(builder, sector, err);

    if (result || detect_all(builder) > 0 || builder->table->count == 0)
        return result;
    for (size_t i = 0; i < 2 && result == PLATTER_OK; i++) {
        struct platter_partition_table table = {0};
        struct table_builder other = {.block = builder->block, .sector_size = others[i], .table = &table};

        if (others[i] == builder->sector_size)
            continue;
        result = platter_mbr_read(&other, sector, err);
        if (result == PLATTER_OK && detect_all(&other) > 0) {
            free(builder->table->partitions);
            *builder->table = table;
            builder->room = other.room;
            builder->sector_size = other.sector_size;
            return PLATTER_OK;
        }
        free(table.partitions);
    }
    return result;
}

static enum platter_result read_none(struct table_builder *builder, struct platter_error *err)
{
    struct platter_partition *whole = platter_table_add(builder, err);

    if (!whole)
        return PLATTER_E_NO_MEMORY;
    whole->number = 0;
    whole->length = platter_block_size(builder->block);
    detect(builder->block, whole);
    return PLATTER_OK;
}

/* True when the first sector is that of a volume which shows itself only further in: ext4, LUKS, ... */
static bool is_volume(struct platter_block *block)
{
    struct platter_filesystem found;

    platter_filesystem_detect(block, &found);
    return found.name[0] != '\0';
}

static enum platter_result read_gpt(struct table_builder *builder, const uint8_t *sector, uint32_t sector_size,
                                    enum mbr_kind kind, struct platter_error *err)
{
    enum platter_result result;

    if (sector_size)
        builder->sector_size = sector_size;
    if (kind == MBR_PROTECTIVE) {
        for (size_t i = 0; i < 4; i++) {
            uint8_t type = sector[446 + 16 * i + 4];

            if (type != 0 && type != MBR_TYPE_PROTECTIVE) {
                platter_table_warn(builder,
                                   "the MBR beside the GPT has partitions of its own (a hybrid); the GPT is used");
                break;
            }
        }
    } else {
        platter_table_warn(builder, "the protective MBR of the GPT is missing");
    }
    result = platter_gpt_read(builder, err);
    if (result == PLATTER_OK)
        (void)detect_all(builder);
    return result;
}

static enum platter_result read_table(struct table_builder *builder, struct platter_error *err)
{
    uint32_t announced = platter_block_sector_size(builder->block), gpt = 0;
    uint64_t size = platter_block_size(builder->block);
    uint8_t sector[MBR_SIZE];
    enum mbr_kind kind;
    enum platter_result result;

    builder->sector_size = announced;
    if (size < MBR_SIZE || platter_optical_image(builder->block))
        return read_none(builder, err);
    result = platter_block_read(builder->block, sector, sizeof(sector), 0, err);
    if (result)
        return result;
    kind = platter_mbr_kind(sector, size, announced);
    if (kind != MBR_TABLE)
        gpt = platter_gpt_sector_size(builder->block, announced);
    if (kind == MBR_PROTECTIVE)
        return read_gpt(builder, sector, gpt, kind, err);
    if (kind == MBR_TABLE)
        return read_mbr(builder, sector, err);
    if (is_volume(builder->block))
        return read_none(builder, err);
    if (gpt)
        return read_gpt(builder, sector, gpt, kind, err);
    return kind == MBR_EMPTY ? platter_mbr_read(builder, sector, err) : read_none(builder, err);
}

enum platter_result platter_partitions_read(struct platter_block *block, struct platter_partition_table **table,
                                            struct platter_error *err)
{
    struct table_builder builder = {.block = block};
    enum platter_result result;

    builder.table = calloc(1, sizeof(*builder.table));
    if (!builder.table)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, platter_block_name(block), PLATTER_NO_OFFSET,
                                 "out of memory");
    result = read_table(&builder, err);
    if (result == PLATTER_OK && builder.table->style != PLATTER_TABLE_NONE) {
        if (builder.sector_size != platter_block_sector_size(block))
            platter_table_warn(&builder, "the partition table is for sectors of %u bytes, the image says %u",
                               builder.sector_size, platter_block_sector_size(block));
        warn_of_dynamic(&builder);
        result = check_layout(&builder, err);
    }
    if (result) {
        platter_partitions_free(builder.table);
        return result;
    }
    *table = builder.table;
    return PLATTER_OK;
}

void platter_partitions_free(struct platter_partition_table *table)
{
    if (!table)
        return;
    free(table->partitions);
    free(table);
}
