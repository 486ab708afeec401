/* SPDX-License-Identifier: MIT */
/* Security identifiers as the driver tells them: bytes as they lie in memory. Source: [MS-DTYP] 2.4.2. */
#ifndef PLATTER_MOUNT_SID_H
#define PLATTER_MOUNT_SID_H

#include <stddef.h>
#include <stdint.h>

#define PLATTER_SID_TEXT 192 /* bytes: fifteen sub-authorities of ten digits */

/* "S-1-5-21-..."; "" when the bytes are no SID of exactly that length. Returns buffer. */
char *platter_sid_text(const uint8_t *sid, size_t length, char buffer[PLATTER_SID_TEXT]);

#endif
