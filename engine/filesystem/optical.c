/* SPDX-License-Identifier: MIT */
/* ISO 9660 (ECMA-119) with Joliet, and UDF (ECMA-167): recognition and labels. */
#include "filesystem.h"

#include <stdio.h>
#include <string.h>

#include "../bytes.h"
#include "../utf.h"

#define DESCRIPTORS_AT 32768u
#define DESCRIPTOR 2048u
#define DESCRIPTORS_MOST 16u
#define ANCHOR_SECTOR 256u
#define TAG_ANCHOR 2u
#define TAG_LOGICAL_VOLUME 6u
#define TAG_TERMINATOR 8u
/* What burning and hybrid tools append to the volume: padding, a cylinder's rest, a backup GPT. */
#define SLACK (UINT64_C(4) << 20)

struct descriptors {
    const uint8_t *primary, *joliet;
    bool udf;
};

static void scan(const struct platter_volume *volume, struct descriptors *found)
{
    memset(found, 0, sizeof(*found));
    for (uint32_t i = 0; i < DESCRIPTORS_MOST; i++) {
        const uint8_t *at = volume->head + DESCRIPTORS_AT + i * DESCRIPTOR;

        if (DESCRIPTORS_AT + (size_t)(i + 1) * DESCRIPTOR > volume->head_length)
            return;
        if (memcmp(at + 1, "CD001", 5) == 0) {
            if (at[0] == 1 && !found->primary)
                found->primary = at;
            /* The escape sequences of UCS-2 levels 1, 2 and 3. */
            if (at[0] == 2 && at[88] == '%' && at[89] == '/' && (at[90] == '@' || at[90] == 'C' || at[90] == 'E'))
                found->joliet = at;
        } else if (memcmp(at + 1, "NSR02", 5) == 0 || memcmp(at + 1, "NSR03", 5) == 0) {
            found->udf = true;
        } else if (memcmp(at + 1, "BEA01", 5) != 0 && memcmp(at + 1, "TEA01", 5) != 0 &&
                   memcmp(at + 1, "BOOT2", 5) != 0) {
            return;
        }
    }
}

static void iso_label(const struct descriptors *descriptors, struct platter_filesystem *found)
{
    size_t length;

    if (descriptors->joliet) {
        uint16_t name[16];

        for (size_t i = 0; i < 16; i++)
            name[i] = platter_be16(descriptors->joliet + 40 + 2 * i);
        (void)platter_utf8_from_utf16(name, 16, found->label, sizeof(found->label));
    } else if (descriptors->primary) {
        (void)platter_utf8_from_oem(descriptors->primary + 40, 32, found->label, sizeof(found->label));
    }
    length = strlen(found->label);
    while (length && found->label[length - 1] == ' ')
        found->label[--length] = '\0';
}

/* An ECMA-167 tag: its number, its own checksum, and where it says it lies. */
static bool tag_is(const uint8_t *tag, uint32_t number, uint32_t location)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < 16; i++)
        sum = (uint8_t)(sum + (i == 4 ? 0 : tag[i]));
    return platter_le16(tag) == number && sum == tag[4] && platter_le32(tag + 12) == location;
}

/* The anchor for sectors of that size, read into `anchor` (512 bytes). */
static bool find_anchor(struct platter_block *block, uint32_t sector, uint8_t *anchor)
{
    return platter_block_read(block, anchor, 512, (uint64_t)ANCHOR_SECTOR * sector, NULL) == PLATTER_OK &&
           tag_is(anchor, TAG_ANCHOR, ANCHOR_SECTOR);
}

/* A "dstring": a byte that tells 8 from 16 bits, the text, and in the last byte the length of it all. */
static void dstring(const uint8_t *text, size_t size, struct platter_filesystem *found)
{
    uint16_t units[128];
    size_t length = text[size - 1], count = 0;

    if (length < 2 || length > size - 1 || (text[0] != 8 && text[0] != 16))
        return;
    for (size_t at = 1; at + text[0] / 8 <= length; at += text[0] / 8)
        units[count++] = text[0] == 8 ? text[at] : platter_be16(text + at);
    (void)platter_utf8_from_utf16(units, count, found->label, sizeof(found->label));
}

static void udf_label(const struct platter_volume *volume, struct platter_filesystem *found)
{
    static const uint32_t sectors[] = {2048, 512, 4096, 1024};
    uint8_t descriptor[512];

    for (size_t i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++) {
        uint32_t start, count;

        if (!find_anchor(volume->block, sectors[i], descriptor))
            continue;
        count = platter_le32(descriptor + 16) / sectors[i];
        start = platter_le32(descriptor + 20);
        for (uint32_t j = 0; j < count && j < 64; j++) {
            if (platter_block_read(volume->block, descriptor, sizeof(descriptor), ((uint64_t)start + j) * sectors[i],
                                   NULL) != PLATTER_OK ||
                platter_le16(descriptor) == TAG_TERMINATOR)
                return;
            if (tag_is(descriptor, TAG_LOGICAL_VOLUME, start + j)) {
                dstring(descriptor + 84, 128, found);
                return;
            }
        }
        return;
    }
}

bool platter_optical_detect(const struct platter_volume *volume, struct platter_filesystem *found)
{
    struct descriptors descriptors;

    scan(volume, &descriptors);
    if (!descriptors.udf && !descriptors.primary)
        return false;
    /* A bridge disc is both; Windows mounts it as UDF. */
    (void)snprintf(found->name, sizeof(found->name), "%s", descriptors.udf ? "udf" : "iso9660");
    if (descriptors.udf)
        udf_label(volume, found);
    if (!found->label[0])
        iso_label(&descriptors, found);
    return true;
}

bool platter_optical_image(struct platter_block *block)
{
    uint8_t descriptor[512];

    if (platter_block_read(block, descriptor, sizeof(descriptor), DESCRIPTORS_AT, NULL) != PLATTER_OK)
        return false;
    if (memcmp(descriptor, "\1CD001", 6) == 0) {
        uint64_t volume = (uint64_t)platter_le32(descriptor + 80) * platter_le16(descriptor + 128);

        return volume && volume + SLACK >= platter_block_size(block);
    }
    return memcmp(descriptor + 1, "BEA01", 5) == 0 && find_anchor(block, 2048, descriptor);
}
