/* SPDX-License-Identifier: MIT */
#include "remember.h"

#include <string.h>

#include "../engine/md5_lanes.h"

void cli_remembered_id(const char *path, uint32_t partition, uint64_t offset, uint8_t id[16])
{
    /* The name space's own UUID, then the name; of a long path the hash of its parts, so that the end counts as well. */
    static const uint8_t space[16] = {0x1f, 0x64, 0x2b, 0x0a, 0x5d, 0x7c, 0x43, 0x91,
                                      0xa8, 0x0e, 0x3b, 0x52, 0xc9, 0x17, 0xe6, 0xd4};
    uint8_t text[512] = {0}, md5[PLATTER_MD5_LANES][16];
    const uint8_t *lanes[PLATTER_MD5_LANES];
    const size_t room = sizeof(text) - 48;
    size_t left = strlen(path);

    memcpy(text, space, sizeof(space));
    for (size_t i = 0; i < PLATTER_MD5_LANES; i++)
        lanes[i] = text;
    for (;;) {
        size_t part = left < room ? left : room;

        memset(text + 16, 0, sizeof(text) - 16);
        for (size_t i = 0; i < 4; i++)
            text[16 + i] = (uint8_t)(partition >> i * 8);
        for (size_t i = 0; i < 8; i++)
            text[20 + i] = (uint8_t)(offset >> i * 8);
        text[28] = (uint8_t)part;
        text[29] = (uint8_t)(part >> 8);
        memcpy(text + 48, path, part);
        platter_md5_lanes(lanes, sizeof(text), md5);
        path += part;
        left -= part;
        if (left == 0)
            break;
        memcpy(text, md5[0], sizeof(md5[0])); /* chains the parts */
    }
    memcpy(id, md5[0], 16);
    id[7] = (uint8_t)((id[7] & 0x0f) | 0x30); /* version 3, in the byte order of disks */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}
