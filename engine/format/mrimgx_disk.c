/* SPDX-License-Identifier: MIT */
/*
 * Macrium Reflect X: what the disk holds beside the partitions' blocks: the first track, the boot records of extended
 * partitions, and the backup GPT, which no backup has, and which is made here from the first one.
 */
#include <stdlib.h>
#include <string.h>

#include "../crc32.h"
#include "mrimgx.h"

#define BOOT_RECORD 512u
/* A record's entry: the boot record, its place (64 bits), its number (16 bits), and maybe padding. */
#define RECORD_PACKED 522u
#define RECORD_PADDED 528u

static enum platter_result add_patch(struct mrimgx *m, uint64_t offset, const uint8_t *data, size_t length,
                                     struct platter_error *err)
{
    uint64_t size = mrimgx_disk(m)->size;

    if (offset >= size || length == 0)
        return PLATTER_OK;
    if (!platter_mrimgx_room((void **)&m->patches, &m->patch_room, m->patch_count, sizeof(*m->patches)))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                 "out of memory");
    m->patches[m->patch_count++] = (struct mrimgx_patch){
        .offset = offset,
        .length = length < size - offset ? length : (size_t)(size - offset),
        .data = data,
    };
    return PLATTER_OK;
}

static enum platter_result add_boot_records(struct mrimgx *m, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    size_t count, record;

    if (m->extended_length < 4)
        return PLATTER_OK;
    count = platter_le32(m->extended);
    /* The layout says that they are packed, the restore program pads them: the length tells. */
    record = m->extended_length - 4 == (uint64_t)count * RECORD_PACKED ? RECORD_PACKED : RECORD_PADDED;
    if ((uint64_t)count * record > m->extended_length - 4)
        return platter_error_set(err, PLATTER_E_FORMAT, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                 "the extended partitions' %zu boot records do not fit in %zu bytes", count,
                                 m->extended_length);
    for (size_t i = 0; i < count && result == PLATTER_OK; i++) {
        const uint8_t *at = m->extended + 4 + i * record;

        result = add_patch(m, platter_le64(at + BOOT_RECORD), at, BOOT_RECORD, err);
    }
    return result;
}

/* UEFI specification, 5.3: the backup's header is in the disk's last sector, its entries before it. */
static enum platter_result add_backup_gpt(struct mrimgx *m, struct platter_error *err)
{
    uint32_t sector = mrimgx_disk(m)->sector_size, header_size;
    uint64_t sectors = mrimgx_disk(m)->size / sector, entries, array, array_sectors, last;
    uint8_t *copy;
    const uint8_t *header = m->track0 + sector;
    enum platter_result result;

    if (m->track0_length < 2u * sector || memcmp(header, "EFI PART", 8) != 0)
        return PLATTER_OK;
    header_size = platter_le32(header + 12);
    last = platter_le64(header + 32);
    entries = platter_le64(header + 72);
    array = (uint64_t)platter_le32(header + 80) * platter_le32(header + 84);
    array_sectors = array / sector + (array % sector != 0);
    /* Nothing is made of a header that makes no sense; the first one is on the disk as it was stored. */
    if (header_size < 92 || header_size > sector || entries > m->track0_length ||
        !platter_inside(entries * sector, array, m->track0_length) || last >= sectors || last <= array_sectors)
        return PLATTER_OK;
    copy = calloc((size_t)array_sectors + 1, sector);
    if (!copy)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                 "out of memory");
    m->gpt = copy;
    memcpy(copy, m->track0 + entries * sector, (size_t)array);
    copy += array_sectors * sector;
    memcpy(copy, header, header_size);
    platter_put_le64(copy + 24, last);
    platter_put_le64(copy + 32, platter_le64(header + 24));
    platter_put_le64(copy + 72, last - array_sectors);
    memset(copy + 16, 0, 4);
    platter_put_le32(copy + 16, platter_crc32(0, copy, header_size));
    result = add_patch(m, (last - array_sectors) * sector, m->gpt, (size_t)(array_sectors * sector), err);
    return result ? result : add_patch(m, last * sector, copy, sector, err);
}

enum platter_result platter_mrimgx_patches_make(struct mrimgx *m, struct platter_error *err)
{
    enum platter_result result = add_patch(m, 0, m->track0, m->track0_length, err);

    if (result == PLATTER_OK)
        result = add_boot_records(m, err);
    return result ? result : add_backup_gpt(m, err);
}

void platter_mrimgx_background(const struct mrimgx *m, uint8_t *out, size_t length, uint64_t offset)
{
    memset(out, 0, length);
    for (size_t i = 0; i < m->patch_count; i++) {
        const struct mrimgx_patch *patch = &m->patches[i];
        uint64_t from = patch->offset > offset ? patch->offset : offset;
        uint64_t end = offset + length, patch_end = patch->offset + patch->length;

        end = patch_end < end ? patch_end : end;
        if (from < end)
            memcpy(out + (from - offset), patch->data + (from - patch->offset), (size_t)(end - from));
    }
}

uint64_t platter_mrimgx_background_run(const struct mrimgx *m, uint64_t offset, uint64_t limit, bool *patched)
{
    *patched = false;
    for (size_t i = 0; i < m->patch_count; i++) {
        const struct mrimgx_patch *patch = &m->patches[i];

        if (patch->offset > offset) {
            if (!*patched && patch->offset - offset < limit)
                limit = patch->offset - offset;
        } else if (offset - patch->offset < patch->length) {
            uint64_t left = patch->length - (offset - patch->offset);

            /* Found after gaps have cut the limit: still right, only shorter than it could be. */
            limit = left < limit ? left : limit;
            *patched = true;
        }
    }
    return limit;
}
