/* SPDX-License-Identifier: MIT */
/*
 * VHDX: changes of the BAT and of sector bitmaps go through the log; the specification, 2.3.
 *
 * Each commit is one log entry that is a sequence of its own: data to the medium, the entry into the half of the log
 * where the entry before is not, the entry to the medium, and only then the sectors to their places. These need not be
 * on the medium before the next commit, whose first step sees to it: until then the entry has them.
 */
#include <stdlib.h>
#include <string.h>

#include "../crc32c.h"
#include "../os/system.h"
#include "vhdx.h"

/* `change` held. Entries of so many sectors have their room in both halves of the log, whose entries stay as they are. */
static enum platter_result settle_log(struct vhdx *x, size_t sectors, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;

    while (x->log_settled < sectors && result == PLATTER_OK) {
        uint64_t at = x->header.log_offset + x->log_settled * VHDX_SECTOR;

        result = platter_block_settle(x->m.file, at, VHDX_SECTOR, err);
        if (result == PLATTER_OK)
            result = platter_block_settle(x->m.file, at + x->header.log_length / 2, VHDX_SECTOR, err);
        if (result == PLATTER_OK)
            x->log_settled++;
    }
    return result;
}

enum platter_result platter_vhdx_mark_dirty(struct vhdx *x, uint64_t offset, struct platter_cache_entry *piece,
                                            struct platter_error *err)
{
    enum platter_result result;

    offset -= offset % VHDX_SECTOR;
    for (size_t i = x->dirty_count; i-- > 0;) {
        if (x->dirty[i].offset == offset)
            return PLATTER_OK;
    }
    /* What a commit will write has its room in the file: a disk that is full fails writes, not flushes. */
    if ((result = settle_log(x, x->dirty_count + 2, err)) ||
        (result = platter_block_settle(x->m.file, offset, VHDX_SECTOR, err)))
        return result;
    if (piece)
        platter_cache_hold_again(x->bitmaps, piece);
    else
        platter_page_table_set_changed(&x->bat, offset - x->regions.bat.offset, true);
    x->dirty[x->dirty_count++] = (struct vhdx_dirty){.offset = offset, .piece = piece};
    return PLATTER_OK;
}

static const uint8_t entry_mark[4] = {'l', 'o', 'g', 'e'}, descriptor_mark[4] = {'d', 'e', 's', 'c'};
static const uint8_t sector_mark[4] = {'d', 'a', 't', 'a'};

/* The sector as memory has it. */
static enum platter_result copy_sector(struct vhdx *x, const struct vhdx_dirty *dirty, uint8_t *out,
                                       struct platter_error *err)
{
    uint8_t *page;
    enum platter_result result;

    if (dirty->piece) {
        memcpy(out, platter_cache_data(dirty->piece), VHDX_SECTOR);
        return PLATTER_OK;
    }
    result = platter_page_table_hold(&x->bat, dirty->offset - x->regions.bat.offset, &page, err);
    if (result)
        return result;
    memcpy(out, page, VHDX_SECTOR);
    platter_page_table_release(&x->bat);
    return PLATTER_OK;
}

/* Fills in an entry for what is dirty: a sector of descriptors, then one for each sector of data. */
static enum platter_result build_entry(struct vhdx *x, uint8_t *raw, uint32_t length, uint32_t at,
                                       struct platter_error *err)
{
    uint64_t size = platter_block_size(x->m.file);

    memcpy(raw, entry_mark, sizeof(entry_mark));
    platter_put_le32(raw + 8, length);
    platter_put_le32(raw + 12, at); /* the sequence begins with this entry */
    platter_put_le64(raw + 16, x->log_sequence);
    platter_put_le32(raw + 24, (uint32_t)x->dirty_count);
    memcpy(raw + 32, x->log_id, sizeof(vhdx_guid));
    platter_put_le64(raw + 48, size);
    platter_put_le64(raw + 56, size);
    for (size_t i = 0; i < x->dirty_count; i++) {
        uint8_t *descriptor = raw + 64 + 32 * i, *data = raw + VHDX_SECTOR * (i + 1);
        enum platter_result result = copy_sector(x, &x->dirty[i], data, err);

        if (result)
            return result;
        memcpy(descriptor, descriptor_mark, sizeof(descriptor_mark));
        memcpy(descriptor + 4, data + VHDX_SECTOR - 4, 4);
        memcpy(descriptor + 8, data, 8);
        platter_put_le64(descriptor + 16, x->dirty[i].offset);
        platter_put_le64(descriptor + 24, x->log_sequence);
        memcpy(data, sector_mark, sizeof(sector_mark));
        platter_put_le32(data + 4, (uint32_t)(x->log_sequence >> 32));
        platter_put_le32(data + VHDX_SECTOR - 4, (uint32_t)x->log_sequence);
    }
    platter_put_le32(raw + 4, platter_crc32c(0, raw, length));
    return PLATTER_OK;
}

/* The header's log GUID makes the entry count; from then on each newer one does too. */
static enum platter_result announce_log(struct vhdx *x, struct platter_error *err)
{
    struct vhdx_header header = x->header;
    enum platter_result result;

    if (memcmp(header.log, x->log_id, sizeof(vhdx_guid)) == 0)
        return PLATTER_OK;
    memcpy(header.log, x->log_id, sizeof(vhdx_guid));
    result = platter_vhdx_header_write(x->m.file, &header, err);
    /* Where it stopped half-way, what is out of date is the other one. */
    x->header.sequence = header.sequence;
    x->header.current = header.current;
    if (result == PLATTER_OK)
        memcpy(x->header.log, x->log_id, sizeof(vhdx_guid));
    return result;
}

static enum platter_result log_changes(struct vhdx *x, struct platter_error *err)
{
    uint32_t length = VHDX_SECTOR * (uint32_t)(x->dirty_count + 1), at;
    uint8_t *raw = calloc(1, length);
    enum platter_result result = PLATTER_OK;

    if (!raw)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, x->m.file->name, PLATTER_NO_OFFSET, "out of memory");
    if (platter_vhdx_guid_is_zero(x->log_id))
        result = platter_os_random(x->log_id, sizeof(vhdx_guid), err);
    x->log_sequence++;
    at = x->log_sequence % 2 ? 0 : x->header.log_length / 2;
    if (result == PLATTER_OK)
        result = build_entry(x, raw, length, at, err);
    if (result == PLATTER_OK)
        result = platter_block_write(x->m.file, raw, length, x->header.log_offset + at, err);
    if (result == PLATTER_OK)
        result = platter_block_flush(x->m.file, err);
    if (result == PLATTER_OK)
        result = announce_log(x, err);
    free(raw);
    return result;
}

enum platter_result platter_vhdx_commit(struct vhdx *x, struct platter_error *err)
{
    enum platter_result result = platter_block_flush(x->m.file, err);
    uint8_t sector[VHDX_SECTOR];

    if (result || x->dirty_count == 0 || (result = log_changes(x, err)))
        return result;
    /* What fails from here on is safe in the log, stays dirty and goes through the log again. */
    while (x->dirty_count && result == PLATTER_OK) {
        const struct vhdx_dirty *dirty = &x->dirty[x->dirty_count - 1];

        result = copy_sector(x, dirty, sector, err);
        if (result == PLATTER_OK)
            result = platter_block_write(x->m.file, sector, sizeof(sector), dirty->offset, err);
        if (result)
            break;
        if (dirty->piece)
            platter_cache_release(x->bitmaps, dirty->piece);
        else
            platter_page_table_set_changed(&x->bat, dirty->offset - x->regions.bat.offset, false);
        x->dirty_count--;
    }
    return result;
}

enum platter_result platter_vhdx_flush(struct platter_block *base, struct platter_error *err)
{
    struct vhdx *x = (struct vhdx *)base;
    enum platter_result result;

    platter_mutex_lock(&x->m.change);
    result = platter_vhdx_commit(x, err);
    platter_mutex_unlock(&x->m.change);
    return result;
}

void platter_vhdx_write_end(struct vhdx *x)
{
    if (platter_vhdx_commit(x, NULL) == PLATTER_OK && !platter_vhdx_guid_is_zero(x->header.log) &&
        platter_block_flush(x->m.file, NULL) == PLATTER_OK) {
        memset(x->header.log, 0, sizeof(vhdx_guid));
        (void)platter_vhdx_header_write(x->m.file, &x->header, NULL);
    }
    for (size_t i = 0; i < x->dirty_count; i++) {
        if (x->dirty[i].piece)
            platter_cache_release(x->bitmaps, x->dirty[i].piece);
    }
}
