/* SPDX-License-Identifier: MIT */
/* What a driver package's catalogue has of a file. */
#ifndef PLATTER_SETUP_DIGEST_H
#define PLATTER_SETUP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA1 20u
#define DIGEST_SHA256 32u

struct digest_piece {
    const uint8_t *bytes;
    size_t length;
};

#define DIGEST_PIECES 4u

/*
 * The pieces of a file that are hashed, one after the other; those not needed have no length. Of a PE image all but its checksum,
 * its signature and the entry that says where that lies, filled up with zeros to a multiple of eight ("Windows Authenticode
 * Portable Executable Signature Format", Microsoft, 2008); of any other file all of it. False: a PE image whose headers make no
 * sense, or with something behind its signature.
 */
bool digest_pieces(const uint8_t *bytes, size_t length, struct digest_piece pieces[DIGEST_PIECES]);

#endif
