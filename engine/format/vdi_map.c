/* SPDX-License-Identifier: MIT */
/* VDI: from a disk's offset to what lies there, and reading it. */
#include "vdi.h"

static uint32_t word_of(const uint8_t *page, uint64_t block)
{
    uint32_t raw =
        __atomic_load_n((const uint32_t *)(const void *)(page + block * 4 % PLATTER_TABLE_PAGE), __ATOMIC_ACQUIRE);

    return platter_le32(&raw);
}

/* Blocks from `block` on that continue what it is, as far as the page and the limit go. */
static uint64_t count_alike(const struct vdi *v, const uint8_t *page, uint64_t block, uint64_t limit)
{
    uint32_t first = word_of(page, block);
    uint64_t count = 1;

    if (first < VDI_ZERO && v->header.block_extra)
        return 1;
    while ((block + count) % (PLATTER_TABLE_PAGE / 4) && block + count < v->header.blocks &&
           count << v->block_bits < limit + v->header.block_size) {
        uint32_t next = word_of(page, block + count);

        if (first < VDI_ZERO ? next != first + count : next != first)
            break;
        count++;
    }
    return count;
}

static enum platter_result lookup(struct platter_mapped *m, uint64_t offset, uint64_t limit, struct platter_run *run,
                                  struct platter_error *err)
{
    struct vdi *v = (struct vdi *)m;
    uint64_t block = offset >> v->block_bits, within = offset & (v->header.block_size - 1);
    uint32_t entry;
    uint8_t *page;
    enum platter_result result = platter_page_table_hold(&v->map, block * 4, &page, err);

    *run = (struct platter_run){.length = v->header.block_size - within};
    if (result)
        return result;
    entry = word_of(page, block);
    run->length = (count_alike(v, page, block, limit) << v->block_bits) - within;
    platter_page_table_release(&v->map);
    if (run->length > limit)
        run->length = limit;
    if (entry >= VDI_ZERO) {
        run->kind = entry == VDI_FREE && v->m.parent ? PLATTER_RUN_PARENT : PLATTER_RUN_ZERO;
        return PLATTER_OK;
    }
    run->kind = PLATTER_RUN_OWN;
    run->host = v->header.data_offset + entry * v->stride + v->header.block_extra + within;
    /* A run is cut at the file's end, so that only what is missing is an error. */
    if (run->host < platter_block_size(v->m.file) && run->length > platter_block_size(v->m.file) - run->host)
        run->length = platter_block_size(v->m.file) - run->host;
    if (run->host >= platter_block_size(v->m.file))
        return platter_error_set(err, PLATTER_E_FORMAT, v->m.file->name, v->header.map_offset + block * 4,
                                 "the block of disk byte %llu is said to be at place %u, which is not in the file",
                                 (unsigned long long)(block << v->block_bits), entry);
    return PLATTER_OK;
}

const struct platter_mapped_ops platter_vdi_mapped_ops = {
    .lookup = lookup,
    .begin = platter_vdi_begin,
    .write_new = platter_vdi_write_new,
};
