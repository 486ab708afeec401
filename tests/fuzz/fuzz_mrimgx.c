/* SPDX-License-Identifier: MIT */
/* The input is a Macrium Reflect X backup; or only its description, which a file's checksum keeps fuzzers away from. */
#include <stdlib.h>
#include <string.h>

#include "../../engine/format/mrimgx.h"
#include "input_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file with this text as its description, in front of it `lead` bytes of the input for the indexes. */
static void as_description(const uint8_t *data, size_t size)
{
    size_t lead = data[0] * 64u < size ? data[0] * 64u : 0, length = size - lead;
    uint8_t *file = malloc(size + MRIMGX_META_HEADER + MRIMGX_FOOTER), *at = file + lead;

    if (!file)
        return;
    memcpy(file, data, lead);
    memset(at, 0, MRIMGX_META_HEADER);
    memcpy(at, "$JSON   ", 8);
    platter_put_le32(at + 8, (uint32_t)length);
    platter_mrimgx_md5(data + lead, length, at + 12);
    at[28] = MRIMGX_META_LAST;
    memcpy(at + MRIMGX_META_HEADER, data + lead, length);
    at += MRIMGX_META_HEADER + length;
    platter_put_le64(at, lead);
    memcpy(at + 8, MRIMGX_MAGIC, 12);
    input_open_as("mrimgx", file, size + MRIMGX_META_HEADER + MRIMGX_FOOTER);
    free(file);
}

/* The MD5s of metadata come right again, or no change of it would get any further. */
static void mend(uint8_t *file, size_t size)
{
    const uint8_t *found = file;

    while ((found = memchr(found, '$', size - (size_t)(found - file))) != NULL) {
        size_t at = (size_t)(found++ - file), data = at + MRIMGX_META_HEADER;

        if (data <= size && platter_inside(data, platter_le32(file + at + 8), size) &&
            (memcmp(file + at, "$INDEX  ", 8) == 0 || memcmp(file + at, "$TRACK0 ", 8) == 0 ||
             memcmp(file + at, "$EPT    ", 8) == 0 || memcmp(file + at, "$JSON   ", 8) == 0))
            platter_mrimgx_md5(file + data, platter_le32(file + at + 8), file + at + 12);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = malloc(size ? size : 1);

    if (!file)
        return 0;
    platter_mrimgx_crypt_init();
    memcpy(file, data, size);
    mend(file, size);
    if (size > MRIMGX_FOOTER && memcmp(data + size - 12, MRIMGX_MAGIC, 12) == 0)
        input_open_as("mrimgx", file, size);
    else if (size > 1)
        as_description(file, size);
    free(file);
    return 0;
}
