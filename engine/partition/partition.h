/* SPDX-License-Identifier: MIT */
/* What the readers of partition tables share. */
#ifndef PLATTER_ENGINE_PARTITION_H
#define PLATTER_ENGINE_PARTITION_H

#include <platter/engine.h>

#define MBR_SIZE 512u
#define MBR_TYPE_PROTECTIVE 0xEEu
#define PARTITIONS_MOST 16384u

/* A table under construction. */
struct table_builder {
    struct platter_block *block;
    uint32_t sector_size; /* of the table's numbers, which may not be the block's */
    struct platter_partition_table *table;
    size_t room;
};

/* Adds an empty partition to be filled; NULL when there is no memory or there are too many. */
struct platter_partition *platter_table_add(struct table_builder *builder, struct platter_error *err);
/* Appends a sentence to the table's warning. */
void platter_table_warn(struct table_builder *builder, const char *format, ...) PLATTER_PRINTF(2, 3);

/* What the first sector is, by itself. */
enum mbr_kind {
    MBR_NONE,       /* no table there */
    MBR_EMPTY,      /* the signature, and four unused entries */
    MBR_TABLE,      /* partitions */
    MBR_PROTECTIVE, /* one of them says "this disk has a GPT" */
};
/* `size`: bytes of the disk. Tells a table from the boot sector of a volume without one. */
enum mbr_kind platter_mbr_kind(const uint8_t *sector, uint64_t size, uint32_t sector_size);
enum platter_result platter_mbr_read(struct table_builder *builder, const uint8_t *sector, struct platter_error *err);

/* True when there is a GPT header with a good checksum at LBA 1 of sectors of that size. */
bool platter_gpt_present(struct platter_block *block, uint32_t sector_size);
/* The sector size under which a GPT is found, `announced` if possible; 0 when none is. */
uint32_t platter_gpt_sector_size(struct platter_block *block, uint32_t announced);
enum platter_result platter_gpt_read(struct table_builder *builder, struct platter_error *err);

#endif
