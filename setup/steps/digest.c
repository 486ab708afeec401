/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <string.h>

/* Offsets in a PE image (Microsoft, "PE Format"). */
#define DOS_HEADER 64u
#define DOS_NEW_HEADER 0x3cu
#define PE_OPTIONAL 24u /* behind the signature "PE" and the file header */
#define OPTIONAL_CHECKSUM 64u
#define OPTIONAL_MAGIC_PLUS 0x20bu
#define DIRECTORIES 96u /* in a 32-bit optional header */
#define DIRECTORIES_PLUS 112u
#define SECURITY_ENTRY 32u /* the fifth directory */
#define ENTRY_SIZE 8u

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool image_pieces(const uint8_t *bytes, size_t length, struct digest_piece pieces[DIGEST_PIECES])
{
    static const uint8_t zeros[8];
    size_t header, directories, checksum, entry, begin, size, end;

    if (length < DOS_HEADER)
        return false;
    header = read_u32(bytes + DOS_NEW_HEADER);
    if (header > length || length - header < PE_OPTIONAL + DIRECTORIES_PLUS + SECURITY_ENTRY + ENTRY_SIZE ||
        memcmp(bytes + header, "PE\0\0", 4) != 0)
        return false;
    directories = header + PE_OPTIONAL;
    checksum = directories + OPTIONAL_CHECKSUM;
    directories += (bytes[directories] | (size_t)bytes[directories + 1] << 8) == OPTIONAL_MAGIC_PLUS ? DIRECTORIES_PLUS
                                                                                                     : DIRECTORIES;
    entry = directories + SECURITY_ENTRY;
    /* How many directories there are stands before them. */
    if (read_u32(bytes + directories - 4) <= SECURITY_ENTRY / ENTRY_SIZE)
        return false;
    begin = read_u32(bytes + entry);
    size = read_u32(bytes + entry + 4);
    if (begin && (begin > length || size != length - begin || begin < entry + ENTRY_SIZE))
        return false;
    end = begin ? begin : length;
    pieces[0] = (struct digest_piece){bytes, checksum};
    pieces[1] = (struct digest_piece){bytes + checksum + 4, entry - checksum - 4};
    pieces[2] = (struct digest_piece){bytes + entry + ENTRY_SIZE, end - entry - ENTRY_SIZE};
    pieces[3] = (struct digest_piece){zeros, (8 - end % 8) % 8};
    return true;
}

bool digest_pieces(const uint8_t *bytes, size_t length, struct digest_piece pieces[DIGEST_PIECES])
{
    memset(pieces, 0, DIGEST_PIECES * sizeof(*pieces));
    if (length >= 2 && bytes[0] == 'M' && bytes[1] == 'Z')
        return image_pieces(bytes, length, pieces);
    pieces[0] = (struct digest_piece){bytes, length};
    return true;
}
