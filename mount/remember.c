/* SPDX-License-Identifier: MIT */
#include "remember.h"

#include <gcrypt.h>
#include <string.h>

#define HASH_BYTES 32u /* SHA-256 */

void platter_remembered_id(const char *path, uint32_t partition, uint64_t offset, uint8_t id[16])
{
    /* A name space of our own, what is remembered in it, and the hash of where that lies. */
    static const uint8_t space[16] = {0x1f, 0x64, 0x2b, 0x0a, 0x5d, 0x7c, 0x43, 0x91,
                                      0xa8, 0x0e, 0x3b, 0x52, 0xc9, 0x17, 0xe6, 0xd4};
    uint8_t name[sizeof(space) + 4 + 8 + HASH_BYTES], hash[HASH_BYTES];

    memcpy(name, space, sizeof(space));
    for (size_t i = 0; i < 4; i++)
        name[16 + i] = (uint8_t)(partition >> i * 8);
    for (size_t i = 0; i < 8; i++)
        name[20 + i] = (uint8_t)(offset >> i * 8);
    if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
        (void)gcry_check_version(NULL);
    gcry_md_hash_buffer(GCRY_MD_SHA256, name + 28, path, strlen(path));
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, name, sizeof(name));
    memcpy(id, hash, 16);
    id[7] = (uint8_t)((id[7] & 0x0f) | 0x50); /* the version for ids made of names, in the byte order of disks */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}
