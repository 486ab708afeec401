/* SPDX-License-Identifier: MIT */
/* The input is a disk: its first byte tells the sector size and how large the disk is said to be. */
#include "input_block.h"

#include "../../engine/filesystem/filesystem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t extra[] = {0, 512, UINT64_C(1) << 20, UINT64_C(3) << 40};
    struct platter_partition_table *table;
    struct platter_filesystem found;
    struct platter_block *disk;
    unsigned choice;

    if (size < 2)
        return 0;
    choice = data[0];
    /* Its own length first, so that a backup GPT at the end of the input is one at the end of the disk. */
    disk = input_block_create(data + 1, size - 1, size - 1 + extra[choice & 3], choice & 4 ? 4096 : 512);
    if (platter_partitions_read(disk, &table, NULL) == PLATTER_OK) {
        for (size_t i = 0; i < table->count && i < 32; i++) {
            struct platter_block *view;
            uint8_t sector[512];

            (void)platter_partition_type_name(table->style, &table->partitions[i]);
            if (platter_partition_open(disk, &table->partitions[i], &view, NULL) == PLATTER_OK) {
                (void)platter_block_read(view, sector, sizeof(sector), 0, NULL);
                platter_block_unref(view);
            }
        }
        platter_partitions_free(table);
    }
    platter_filesystem_detect(disk, &found);
    platter_block_unref(disk);
    return 0;
}
