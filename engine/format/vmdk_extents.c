/* SPDX-License-Identifier: MIT */
/* VMDK: opening what the descriptor names, with the rights of whoever opens the image, and joining it. */
#include <stdlib.h>
#include <string.h>

#include "../chain.h"
#include "../join.h"
#include "../slice.h"
#include "../source/file.h"
#include "vmdk.h"

struct opening {
    struct vmdk *v;
    struct platter_block *file; /* with the descriptor */
    const struct platter_open_request *request;
    const struct vmdk_descriptor *descriptor;
    struct platter_opened *opened;
    struct platter_block **files; /* of each extent; NULL: it has none */
    struct platter_block **blocks;
    size_t count;   /* that are open */
    bool read_only; /* some extent is, and not because somebody asked for it */
};

static enum platter_result refuse(const struct opening *opening, const struct vmdk_extent *extent,
                                  struct platter_error *err)
{
    const char *path = opening->request->path;
    uint64_t at = opening->descriptor->offset + extent->line;

    if (extent->no_access)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, at, "the extent \"%.200s\" may not be accessed",
                                 extent->name ? extent->name : "");
    if (strcmp(extent->type, "SESPARSE") == 0)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, at,
                                 "its extent \"%.200s\" is an SEsparse one, which is not supported; consolidate the "
                                 "snapshot in vSphere, or export the disk",
                                 extent->name);
    return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, at, "extents of type %s are not supported",
                             extent->type);
}

/* The file of extent `index`: that of an earlier one if it has the same name, so that it is not opened twice. */
static enum platter_result open_file(struct opening *opening, size_t index, struct platter_error *err)
{
    const struct vmdk_extent *extents = opening->descriptor->extents;
    enum platter_result result;
    char *path;

    for (size_t i = index; i-- > 0;) {
        if (opening->files[i] && strcmp(extents[i].name, extents[index].name) == 0) {
            opening->files[index] = platter_block_ref(opening->files[i]);
            return PLATTER_OK;
        }
    }
    result = platter_chain_follow(opening->request->path, extents[index].name, &path, err);
    if (result)
        return result;
    result = platter_file_open(path, opening->request->options->flags, &opening->files[index], err);
    free(path);
    if (result == PLATTER_OK) {
        opening->opened->file_size += platter_block_size(opening->files[index]);
        opening->opened->allocated_size += platter_file_allocated(opening->files[index]);
    }
    return result;
}

static enum platter_result open_flat(struct opening *opening, const struct vmdk_extent *extent,
                                     struct platter_block *file, struct platter_block **block,
                                     struct platter_error *err)
{
    struct platter_slice slice = {
        .layer = "flat VMDK",
        .offset = extent->start * VMDK_SECTOR,
        .length = extent->sectors * VMDK_SECTOR,
        .sector_size = VMDK_SECTOR,
        .read_only = extent->read_only,
    };

    opening->read_only |= extent->read_only;
    if (!platter_inside(slice.offset, slice.length, platter_block_size(file)))
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, PLATTER_NO_OFFSET,
                                 "has %llu bytes, but the descriptor says that the disk has %llu from byte %llu on",
                                 (unsigned long long)platter_block_size(file), (unsigned long long)slice.length,
                                 (unsigned long long)slice.offset);
    return platter_slice_create(file, &slice, block, err);
}

static enum platter_result open_sparse(struct opening *opening, struct platter_block *file,
                                       const struct vmdk_header *header, uint64_t start, uint64_t size, bool read_only,
                                       struct platter_block **block, struct platter_error *err)
{
    struct vmdk *v = opening->v;
    bool writable = (opening->request->options->flags & PLATTER_OPEN_WRITABLE) && !read_only;
    enum platter_result result = platter_vmdk_sparse_open(file, header, v->parent, start, size, writable, block, err);

    opening->read_only |= read_only || platter_vmdk_why_read_only(header);
    if (result == PLATTER_OK)
        v->sparse[v->sparse_count++] = *block;
    if (result == PLATTER_OK && v->sparse_count == 1)
        platter_detail_add(opening->opened->details, "grain_size", "%u", header->grain);
    if (header->flags & VMDK_FLAG_COMPRESSED)
        opening->opened->unit = header->grain;
    if (result == PLATTER_OK && header->unclean)
        platter_detail_add(opening->opened->details, "unclean_shutdown", "%s", file->name);
    return result;
}

/* Extent `index`, which begins at byte `start` of the disk. */
static enum platter_result open_extent(struct opening *opening, size_t index, uint64_t start, struct platter_error *err)
{
    const struct vmdk_extent *extent = &opening->descriptor->extents[index];
    struct platter_slice zeros = {.layer = "zero VMDK", .padding = extent->sectors * VMDK_SECTOR};
    struct platter_block **block = &opening->blocks[index];
    struct vmdk_header header;
    enum platter_result result;

    if (extent->no_access || extent->kind == VMDK_OTHER)
        return refuse(opening, extent, err);
    if (extent->kind == VMDK_ZERO) {
        opening->read_only = true;
        return platter_slice_create(opening->file, &zeros, block, err);
    }
    if ((result = open_file(opening, index, err)))
        return result;
    if (extent->kind == VMDK_FLAT)
        return open_flat(opening, extent, opening->files[index], block, err);
    if ((result = platter_vmdk_header_read(opening->files[index], &header, err)))
        return result;
    return open_sparse(opening, opening->files[index], &header, start, extent->sectors * VMDK_SECTOR, extent->read_only,
                       block, err);
}

static enum platter_result open_all(struct opening *opening, struct platter_error *err)
{
    const struct platter_open_request *request = opening->request;
    uint64_t start = 0;

    if (request->chain && request->chain->depth >= PLATTER_CHAIN_MAX)
        return platter_error_set(err, PLATTER_E_FORMAT, request->path, PLATTER_NO_OFFSET,
                                 "stands on more than %u images, one on the other", PLATTER_CHAIN_MAX - 1);
    opening->opened->file_size = platter_block_size(opening->file);
    opening->opened->allocated_size = platter_file_allocated(opening->file);
    for (size_t i = 0; i < opening->descriptor->extent_count; i++) {
        enum platter_result result = open_extent(opening, i, start, err);

        if (result)
            return result;
        opening->count = i + 1;
        start += opening->descriptor->extents[i].sectors * VMDK_SECTOR;
    }
    return PLATTER_OK;
}

enum platter_result platter_vmdk_extents_open(struct vmdk *v, struct platter_block *file,
                                              const struct platter_open_request *request,
                                              const struct vmdk_descriptor *descriptor,
                                              const struct vmdk_header *embedded, struct platter_opened *opened,
                                              struct platter_error *err)
{
    struct opening opening = {.v = v, .file = file, .request = request, .descriptor = descriptor, .opened = opened};
    size_t extents = descriptor->extent_count;
    enum platter_result result;

    opening.files = calloc(extents, sizeof(struct platter_block *));
    opening.blocks = calloc(extents, sizeof(struct platter_block *));
    v->sparse = calloc(extents, sizeof(struct platter_block *));
    if (!opening.files || !opening.blocks || !v->sparse) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    } else if (embedded) {
        /* The name that it has for itself is the one it was made with. */
        result = open_sparse(&opening, file, embedded, 0, embedded->capacity, descriptor->extents[0].read_only,
                             &opening.blocks[0], err);
        opening.count = result == PLATTER_OK;
    } else {
        result = open_all(&opening, err);
    }
    if (result == PLATTER_OK && opening.read_only && (request->options->flags & PLATTER_OPEN_WRITABLE))
        result = platter_error_set(err, PLATTER_E_READ_ONLY, request->path, PLATTER_NO_OFFSET,
                                   "has an extent that can only be read");
    if (result == PLATTER_OK)
        result =
            platter_join_create("VMDK", request->path, opening.blocks, opening.count, VMDK_SECTOR, &v->joined, err);
    opened->writable = !opening.read_only;
    for (size_t i = 0; i < extents; i++) {
        if (opening.blocks)
            platter_block_unref(opening.blocks[i]);
        if (opening.files)
            platter_block_unref(opening.files[i]);
    }
    free(opening.blocks);
    free(opening.files);
    return result;
}
