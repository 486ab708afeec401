/* SPDX-License-Identifier: MIT */
/* The volume label of NTFS: attribute $VOLUME_NAME of record 3 of the master file table. */
#include "filesystem.h"

#include "../bytes.h"
#include "../utf.h"
#include "ntfs_record.h"

#define VOLUME_RECORD 3u

void platter_ntfs_label(const struct platter_volume *volume, struct platter_filesystem *found)
{
    struct ntfs_geometry geometry;
    struct ntfs_attribute attribute;
    uint8_t record[NTFS_RECORD_MOST];
    uint32_t at = 0;

    if (!platter_ntfs_geometry(volume->head, volume->size, &geometry) ||
        platter_block_read(volume->block, record, geometry.record_size,
                           geometry.mft + VOLUME_RECORD * (uint64_t)geometry.record_size, NULL) != PLATTER_OK ||
        !platter_ntfs_record_fix(record, geometry.record_size))
        return;
    while (platter_ntfs_attribute_next(record, geometry.record_size, &at, &attribute)) {
        uint16_t name[128];

        if (attribute.type != NTFS_VOLUME_NAME || !attribute.resident)
            continue;
        if (attribute.value_length > sizeof(name))
            return;
        for (uint32_t i = 0; i < attribute.value_length / 2; i++)
            name[i] = platter_le16(attribute.value + 2 * i);
        (void)platter_utf8_from_utf16(name, attribute.value_length / 2, found->label, sizeof(found->label));
        return;
    }
}
