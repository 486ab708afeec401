/* SPDX-License-Identifier: MIT */
/* The volume label of NTFS: attribute $VOLUME_NAME of record 3 of the master file table. */
#include "filesystem.h"

#include <string.h>

#include "../bytes.h"
#include "../utf.h"

#define RECORD_MOST 4096u
#define VOLUME_RECORD 3u
#define VOLUME_NAME 0x60u
#define ATTRIBUTES_END 0xFFFFFFFFu

/* Puts back the two bytes of each 512 that the update sequence took; false when the record is torn. */
static bool unfix(uint8_t *record, uint32_t size)
{
    uint32_t at = platter_le16(record + 4), count = platter_le16(record + 6);

    if (count != size / 512 + 1 || at < 42 || at + 2 * count > 510)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        uint8_t *last = record + (size_t)i * 512 - 2;

        if (memcmp(last, record + at, 2) != 0)
            return false;
        memcpy(last, record + at + 2 * i, 2);
    }
    return true;
}

void platter_ntfs_label(const struct platter_volume *volume, struct platter_filesystem *found)
{
    const uint8_t *boot = volume->head;
    uint64_t sector = platter_le16(boot + 11), cluster, record_size, offset;
    /* Values above 0x80 are negative powers of two, in both fields. */
    int8_t record_code = (int8_t)boot[64];
    uint8_t record[RECORD_MOST];
    uint32_t at, length;

    cluster = boot[13] <= 0x80 ? sector * boot[13] : boot[13] > 0xE0 ? sector << (256 - boot[13]) : 0;
    record_size = record_code > 0     ? cluster * (uint64_t)record_code
                  : record_code > -13 ? UINT64_C(1) << -record_code
                                      : 0;
    if (record_size < 512 || record_size > RECORD_MOST || record_size % 512 ||
        !platter_multiply(platter_le64(boot + 48), cluster, &offset) || offset > volume->size)
        return;
    offset += VOLUME_RECORD * record_size;
    if (platter_block_read(volume->block, record, (size_t)record_size, offset, NULL) != PLATTER_OK ||
        memcmp(record, "FILE", 4) != 0 || !unfix(record, (uint32_t)record_size))
        return;
    for (at = platter_le16(record + 20); at + 24 <= record_size; at += length) {
        uint32_t type = platter_le32(record + at), value, bytes;
        uint16_t name[128];

        length = platter_le32(record + at + 4);
        if (type == ATTRIBUTES_END || length < 24 || length > record_size - at)
            return;
        if (type != VOLUME_NAME || record[at + 8] != 0)
            continue;
        bytes = platter_le32(record + at + 16);
        value = platter_le16(record + at + 20);
        if (bytes > sizeof(name) || value > length || bytes > length - value)
            return;
        for (uint32_t i = 0; i < bytes / 2; i++)
            name[i] = platter_le16(record + at + value + 2 * i);
        (void)platter_utf8_from_utf16(name, bytes / 2, found->label, sizeof(found->label));
        return;
    }
}
