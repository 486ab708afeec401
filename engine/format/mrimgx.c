/* SPDX-License-Identifier: MIT */
/* Macrium Reflect X: recognising, opening, describing and verifying a backup. */
#include "mrimgx.h"

#include <stdlib.h>
#include <string.h>

#include "../md5_lanes.h"
#include "../source/file.h"

#define BLOCK_CACHE_BYTES (32u << 20)
#define TOGETHER_MOST (1u << 20) /* what platter_mrimgx_unpack takes at once */
#define SEGMENT_CACHE_BYTES (16u << 20)

static enum platter_probe mrimgx_probe(struct platter_block *file)
{
    return platter_mrimgx_footer_present(file) ? PLATTER_PROBE_YES : PLATTER_PROBE_NO;
}

static void mrimgx_close(struct platter_block *base)
{
    struct mrimgx *m = (struct mrimgx *)base;

    platter_mrimgx_workers_free(m);
    platter_mutex_destroy(&m->idle_lock);
    platter_cache_free(m->segments);
    platter_cache_free(m->blocks);
    platter_cache_free(m->pages);
    free(m->patches);
    free(m->gpt);
    free(m->extended);
    free(m->track0);
    for (size_t i = 0; i < m->region_count; i++)
        free(m->regions[i].changes);
    free(m->regions);
    free(m->tables);
    free(m->indexes);
    free(m->file_of);
    for (size_t i = 0; i < m->file_count; i++)
        platter_mrimgx_file_free(m->files[i]);
    free(m->files);
    platter_mrimgx_key_forget(&m->key);
    free(m);
}

static const struct platter_block_ops mrimgx_ops = {
    .layer = "mrimgx",
    .close = mrimgx_close,
    .read = platter_mrimgx_read,
    .map = platter_mrimgx_map,
};

static enum platter_result choose_disk(struct mrimgx *m, uint32_t wanted, struct platter_error *err)
{
    const struct mrimgx_layout *layout = &m->files[0]->layout;

    if (wanted > layout->disk_count)
        return platter_error_set(err, PLATTER_E_NOT_FOUND, m->files[0]->block->name, PLATTER_NO_OFFSET,
                                 "there is no disk %u in this backup; it has %zu", wanted, layout->disk_count);
    m->disk = wanted ? wanted - 1 : 0;
    return PLATTER_OK;
}

static enum platter_result caches_create(struct mrimgx *m, struct platter_error *err)
{
    uint32_t largest = 0, segment = 0;
    enum platter_result result = PLATTER_OK;

    for (size_t i = 0; i < m->region_count; i++) {
        uint32_t *most = m->regions[i].reserved ? &segment : &largest;

        *most = m->regions[i].block_size > *most ? m->regions[i].block_size : *most;
    }
    if (largest)
        result = platter_cache_create(largest, BLOCK_CACHE_BYTES, &m->blocks, err);
    if (result == PLATTER_OK && segment)
        result = platter_cache_create(segment, SEGMENT_CACHE_BYTES, &m->segments, err);
    return result;
}

static const char *kind_of(const struct mrimgx_layout *layout)
{
    if (strcmp(layout->kind, "full") == 0)
        return "full";
    if (strcmp(layout->kind, "diff") == 0)
        return "differential";
    return strcmp(layout->kind, "inc") == 0 ? "incremental" : "";
}

static void add_details(const struct mrimgx *m, struct platter_opened *opened)
{
    const struct mrimgx_layout *layout = &m->files[0]->layout;
    struct platter_detail_list *details = opened->details;

    platter_detail_add(details, "image_id", "%016llX", (unsigned long long)platter_be64(layout->image_id));
    platter_detail_add(details, "file_number", "%u", layout->file_number);
    platter_detail_add(details, "increment_number", "%u", layout->increment);
    platter_detail_add(details, "files", "%zu", m->file_count);
    platter_detail_add(details, "compression", "%s", layout->packed ? "zstd" : "none");
    platter_detail_add(details, "encryption", "%s",
                       layout->key_bytes == 16   ? "AES-128"
                       : layout->key_bytes == 24 ? "AES-192"
                       : layout->key_bytes == 32 ? "AES-256"
                                                 : "none");
    if (layout->delta)
        platter_detail_add(details, "delta_index", "yes");
    if (layout->disk_count > 1)
        platter_detail_add(details, "disk", "%zu of %zu", m->disk + 1, layout->disk_count);
    for (size_t i = 0; i < layout->disk_count; i++) {
        const struct mrimgx_disk *disk = &layout->disks[i];

        platter_detail_add(details, "imaged_disk", "%zu: %s, %llu bytes, %zu partitions, disk %u of its machine", i + 1,
                           disk->format, (unsigned long long)disk->size, disk->partition_count, disk->number);
    }
    for (size_t i = 0; i < m->file_count; i++) {
        opened->file_size += platter_block_size(m->files[i]->block);
        opened->allocated_size += platter_file_allocated(m->files[i]->block);
        if (i > 0)
            platter_detail_add(details, "set_file", "%s", m->files[i]->block->name);
    }
}

/* So many that their MD5s are made in lanes, as long as that is no more than read-ahead takes at a time. */
static uint32_t decoded_together(const struct mrimgx *m)
{
    uint32_t block = 1, unit;

    for (size_t i = 0; i < m->region_count; i++) {
        if (!m->regions[i].reserved && m->regions[i].block_size > block)
            block = m->regions[i].block_size;
    }
    for (unit = block; unit < TOGETHER_MOST && unit / block < PLATTER_MD5_LANES; unit *= 2)
        ;
    return unit;
}

/* The file that was asked for, or the one with the index if that is a part of it. */
static enum platter_result open_first(struct mrimgx *m, struct platter_block *file,
                                      const struct platter_open_request *request, struct platter_error *err)
{
    struct mrimgx_file *first = calloc(1, sizeof(*first));
    enum platter_result result;

    if (!first || !platter_mrimgx_room((void **)&m->files, &m->file_room, 0, sizeof(*m->files))) {
        free(first);
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    }
    m->files[m->file_count++] = first;
    first->block = platter_block_ref(file);
    result = platter_mrimgx_layout_read(file, &first->layout, err);
    if (result == PLATTER_OK)
        result = platter_mrimgx_set_find_index(request, first, err);
    if (result == PLATTER_OK && first->layout.key_bytes)
        result = platter_mrimgx_key_derive(&first->layout, request->options->password, request->path, &m->key, err);
    return result;
}

static enum platter_result mrimgx_open(struct platter_block *file, const struct platter_open_request *request,
                                       struct platter_opened *opened, struct platter_error *err)
{
    struct mrimgx *m;
    enum platter_result result;
    size_t chain;

    if (request->options->flags & PLATTER_OPEN_WRITABLE)
        return platter_error_set(err, PLATTER_E_READ_ONLY, request->path, PLATTER_NO_OFFSET,
                                 "is a backup, and backups are not written to");
    m = calloc(1, sizeof(*m));
    if (!m)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&m->idle_lock);
    platter_mrimgx_crypt_init();
    if ((result = open_first(m, file, request, err)) || (result = choose_disk(m, request->options->disk, err)) ||
        (result = platter_mrimgx_set_open(m, request, err)) || (result = platter_mrimgx_pages_create(m, err)) ||
        (result = platter_mrimgx_parts_read(m, &chain, err)) || (result = platter_mrimgx_regions_make(m, chain, err)) ||
        (result = platter_mrimgx_patches_make(m, err)) || (result = caches_create(m, err)))
        goto fail;
    result =
        platter_block_init(&m->base, &mrimgx_ops, request->path, mrimgx_disk(m)->size,
                           request->options->sector_size ? request->options->sector_size : mrimgx_disk(m)->sector_size,
                           0, PLATTER_CAP_MAP | PLATTER_CAP_CHECKSUM, err);
    if (result)
        goto fail;
    add_details(m, opened);
    opened->unit = decoded_together(m);
    opened->variant = kind_of(&m->files[0]->layout);
    opened->block = &m->base;
    return PLATTER_OK;
fail:
    mrimgx_close(&m->base);
    return result;
}

/* The indexes that opening left unchecked; every block is checked by reading it, which the caller does. */
static enum platter_result mrimgx_verify(struct platter_block *disk, platter_finding_fn *finding, void *context,
                                         const struct platter_progress *progress, struct platter_verify_report *report,
                                         struct platter_error *err)
{
    struct mrimgx *m = (struct mrimgx *)disk;

    for (size_t i = 0; i < m->index_count; i++) {
        struct mrimgx_index *index = &m->indexes[i];
        struct platter_error error;
        enum platter_result result;

        if (index->checked)
            continue;
        if (progress && progress->function && !progress->function(progress->context, 0, platter_block_size(disk)))
            return platter_error_set(err, PLATTER_E_CANCELLED, disk->name, PLATTER_NO_OFFSET, "cancelled");
        result = platter_mrimgx_meta_check(index->file->block, &index->meta, &error);
        if (result == PLATTER_E_NO_MEMORY) {
            if (err)
                *err = error;
            return result;
        }
        if (result) {
            report->errors++;
            if (finding)
                finding(context, true, &error);
        }
    }
    return PLATTER_OK;
}

const struct platter_format platter_format_mrimgx = {
    .name = "mrimgx",
    .features = PLATTER_FORMAT_DISKS,
    .probe = mrimgx_probe,
    .open = mrimgx_open,
    .verify = mrimgx_verify,
};
