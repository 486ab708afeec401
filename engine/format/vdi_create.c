/* SPDX-License-Identifier: MIT */
/* VDI: a new, empty image, dynamic or fixed. */
#include <stdlib.h>
#include <string.h>

#include "../os/file.h"
#include "../os/system.h"
#include "vdi.h"

#define MAP_AT 512u
#define HEADER_LENGTH 0x190u /* from 0x48 on */
#define DATA_ALIGNMENT (1u << 20)
#define FILL_WORDS (1u << 14)

static const char *const subformats[] = {"dynamic", "fixed", NULL};

static enum platter_result random_uuid(uint8_t *id, struct platter_error *err)
{
    enum platter_result result = platter_os_random(id, 16, err);

    id[7] = (uint8_t)((id[7] & 0x0F) | 0x40); /* a random UUID says that it is one */
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
    return result;
}

/* The map: no block is anywhere, or each is where it is on the disk. */
static enum platter_result write_map(struct platter_os_file *file, const char *path, uint32_t blocks, bool fixed,
                                     struct platter_error *err)
{
    uint8_t *words = malloc((size_t)FILL_WORDS * 4);
    enum platter_result result = PLATTER_OK;

    if (!words)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    for (uint32_t block = 0; block < blocks && result == PLATTER_OK; block += FILL_WORDS) {
        uint32_t count = blocks - block < FILL_WORDS ? blocks - block : FILL_WORDS;

        for (uint32_t i = 0; i < count; i++)
            platter_put_le32(words + (size_t)i * 4, fixed ? block + i : VDI_FREE);
        result = platter_os_file_write(file, words, (size_t)count * 4, MAP_AT + (uint64_t)block * 4, err);
    }
    free(words);
    return result;
}

static enum platter_result vdi_create(struct platter_os_file *file, const char *path,
                                      const struct platter_new_image *wanted, struct platter_error *err)
{
    bool fixed = wanted->subformat == subformats[1];
    uint32_t blocks = (uint32_t)((wanted->size + wanted->block_size - 1) / wanted->block_size);
    uint64_t data = (MAP_AT + (uint64_t)blocks * 4 + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
    uint8_t raw[VDI_HEADER_BYTES] = "<<< Platter virtual disk image >>>\n";
    enum platter_result result;

    platter_put_le32(raw + 0x40, VDI_SIGNATURE);
    platter_put_le32(raw + 0x44, 0x10001);
    platter_put_le32(raw + 0x48, HEADER_LENGTH);
    platter_put_le32(raw + 0x4C, fixed ? VDI_FIXED : VDI_DYNAMIC);
    platter_put_le32(raw + 0x154, MAP_AT);
    platter_put_le32(raw + 0x158, (uint32_t)data);
    platter_put_le32(raw + 0x168, wanted->sector_size);
    platter_put_le64(raw + 0x170, wanted->size);
    platter_put_le32(raw + 0x178, wanted->block_size);
    platter_put_le32(raw + 0x180, blocks);
    platter_put_le32(raw + VDI_COUNT_AT, fixed ? blocks : 0);
    if ((result = random_uuid(raw + 0x188, err)) || (result = random_uuid(raw + VDI_MODIFIED_AT, err)) ||
        (result = platter_os_file_resize(file, fixed ? data + (uint64_t)blocks * wanted->block_size : data, err)) ||
        (result = platter_os_file_write(file, raw, sizeof(raw), 0, err)))
        return result;
    return write_map(file, path, blocks, fixed, err);
}

static const char *const extensions[] = {"vdi", NULL};

const struct platter_maker platter_vdi_maker = {
    .extensions = extensions,
    .subformats = subformats,
    .size_most = (uint64_t)VDI_MAP_MOST / 4 << 20, /* what is opened here: a map of 256 MiB */
    .sector_most = 512,
    .block_least = 1u << 20, /* QEMU knows no other */
    .block_most = 1u << 20,
    .block_usual = 1u << 20,
    .create = vdi_create,
};
