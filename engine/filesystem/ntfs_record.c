/* SPDX-License-Identifier: MIT */
#include "ntfs_record.h"

#include <string.h>

#include "../bytes.h"

#define CLUSTER_MOST (2u << 20)

bool platter_ntfs_geometry(const uint8_t *boot, uint64_t size, struct ntfs_geometry *geometry)
{
    uint64_t sector = platter_le16(boot + 11), record_size;
    /* Values above 0x80 are negative powers of two, in both fields. */
    int8_t record_code = (int8_t)boot[64];

    geometry->cluster = boot[13] <= 0x80 ? sector * boot[13] : boot[13] > 0xE0 ? sector << (256 - boot[13]) : 0;
    record_size = record_code > 0     ? geometry->cluster * (uint64_t)record_code
                  : record_code > -13 ? UINT64_C(1) << -record_code
                                      : 0;
    if (geometry->cluster == 0 || geometry->cluster > CLUSTER_MOST || record_size < 512 ||
        record_size > NTFS_RECORD_MOST || (record_size & (record_size - 1)) ||
        !platter_multiply(platter_le64(boot + 48), geometry->cluster, &geometry->mft) || geometry->mft > size)
        return false;
    geometry->record_size = (uint32_t)record_size;
    return true;
}

bool platter_ntfs_record_fix(uint8_t *record, uint32_t size)
{
    uint32_t at = platter_le16(record + 4), count = platter_le16(record + 6);

    if (memcmp(record, "FILE", 4) != 0 || count != size / 512 + 1 || at < 42 || at + 2 * count > 510)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        uint8_t *last = record + (size_t)i * 512 - 2;

        if (memcmp(last, record + at, 2) != 0)
            return false;
        memcpy(last, record + at + 2 * i, 2);
    }
    return true;
}

bool platter_ntfs_attribute_next(const uint8_t *record, uint32_t size, uint32_t *at, struct ntfs_attribute *attribute)
{
    const uint8_t *start;
    uint32_t offset;

    if (*at == 0)
        *at = platter_le16(record + 20);
    if (*at > size || size - *at < 24)
        return false;
    start = record + *at;
    memset(attribute, 0, sizeof(*attribute));
    attribute->start = start;
    attribute->type = platter_le32(start);
    attribute->length = platter_le32(start + 4);
    if (attribute->type == 0xFFFFFFFFu || attribute->length < 24 || attribute->length > size - *at)
        return false;
    attribute->resident = start[8] == 0;
    attribute->name_length = start[9];
    offset = platter_le16(start + 10);
    if (attribute->name_length && !platter_inside(offset, 2u * attribute->name_length, attribute->length))
        return false;
    attribute->name = start + offset;
    if (attribute->resident) {
        attribute->value_length = platter_le32(start + 16);
        offset = platter_le16(start + 20);
        if (!platter_inside(offset, attribute->value_length, attribute->length))
            return false;
        attribute->value = start + offset;
    } else {
        if (attribute->length < 64)
            return false;
        attribute->first_cluster = platter_le64(start + 16);
        attribute->valid = platter_le64(start + 56);
        offset = platter_le16(start + 32);
        if (offset > attribute->length)
            return false;
        attribute->runs = start + offset;
        attribute->runs_length = attribute->length - offset;
    }
    *at += attribute->length;
    return true;
}

bool platter_ntfs_run_next(const uint8_t **runs, uint32_t *length, uint64_t *cluster, struct ntfs_run *run)
{
    uint32_t count_bytes, offset_bytes;
    uint64_t step = 0;

    if (*length == 0 || **runs == 0)
        return false;
    count_bytes = **runs & 15;
    offset_bytes = **runs >> 4;
    if (count_bytes == 0 || count_bytes > 8 || offset_bytes > 8 || 1 + count_bytes + offset_bytes > *length)
        return false;
    run->clusters = 0;
    for (uint32_t i = 0; i < count_bytes; i++)
        run->clusters |= (uint64_t)(*runs)[1 + i] << 8 * i;
    for (uint32_t i = 0; i < offset_bytes; i++)
        step |= (uint64_t)(*runs)[1 + count_bytes + i] << 8 * i;
    /* A signed number of so many bytes. */
    if (offset_bytes && offset_bytes < 8 && (step >> (8 * offset_bytes - 1) & 1))
        step |= UINT64_MAX << 8 * offset_bytes;
    run->hole = offset_bytes == 0;
    *cluster += step;
    run->cluster = *cluster;
    *runs += 1 + count_bytes + offset_bytes;
    *length -= 1 + count_bytes + offset_bytes;
    return run->clusters != 0;
}
