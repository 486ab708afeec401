/* SPDX-License-Identifier: MIT */
/*
 * The input is a VHDX without its emptiness: records of a page's number, a length, both 16 bits, and that many bytes for
 * the page's start. Checksums are made to agree, or no input would get past them.
 */
#include <string.h>

#include "../../engine/bytes.h"
#include "../../engine/crc32c.h"
#include "input_block.h"

#define PAGE 4096u
#define PAGES 2048u
#define LOG_PAGE 256u /* where the seeds have their logs */
#define LOG_PAGES 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t file[PAGES * PAGE];
static uint8_t touched[PAGES];

/* The first touched page from this one on, or the end: asked of the library, as each branch here costs a fuzzer time. */
static unsigned next_touched(unsigned page, unsigned end)
{
    const uint8_t *found = memchr(touched + page, 1, end - page);

    return found ? (unsigned)(found - touched) : end;
}

static void seal(uint8_t *block, size_t length)
{
    platter_put_le32(block + 4, 0);
    platter_put_le32(block + 4, platter_crc32c(0, block, length));
}

static void seal_all(void)
{
    /* What has no signature is not looked at any further. */
    for (unsigned page = 16; page <= 64; page += 16)
        if (file[(size_t)page * PAGE])
            seal(file + (size_t)page * PAGE, page <= 32 ? PAGE : 16 * PAGE);
    for (unsigned page = LOG_PAGE; (page = next_touched(page, LOG_PAGE + LOG_PAGES)) < LOG_PAGE + LOG_PAGES; page++) {
        uint8_t *entry = file + (size_t)page * PAGE;
        uint32_t length = platter_le32(entry + 8), left = (LOG_PAGE + LOG_PAGES - page) * PAGE;

        if (memcmp(entry, "loge", 4) != 0 || length < PAGE || length > LOG_PAGES * PAGE)
            continue;
        platter_put_le32(entry + 4, 0);
        if (length <= left) {
            seal(entry, length);
        } else { /* around the log's end */
            uint32_t crc = platter_crc32c(0, entry, left);

            platter_put_le32(entry + 4, platter_crc32c(crc, file + (size_t)LOG_PAGE * PAGE, length - left));
        }
        page += length <= left ? length / PAGE - 1 : 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (size - at >= 4) {
        size_t page = platter_le16(data + at) % PAGES, length = platter_le16(data + at + 2) % (PAGE + 1);

        at += 4;
        if (length > size - at)
            length = size - at;
        memcpy(file + page * PAGE, data + at, length);
        touched[page] = 1;
        at += length;
    }
    seal_all();
    input_open_as("vhdx", file, sizeof(file));
    /* Checksums go into touched pages only: what has none has no signature. */
    for (unsigned page = 0; (page = next_touched(page, PAGES)) < PAGES; page++) {
        memset(file + (size_t)page * PAGE, 0, PAGE);
        touched[page] = 0;
    }
    return 0;
}
