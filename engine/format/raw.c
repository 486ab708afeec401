/* SPDX-License-Identifier: MIT */
/* The disk's bytes as they are: dd, ISO 9660, the "-flat" parts of others. */
#include "../filesystem/filesystem.h"
#include "../os/file.h"
#include "../partition/partition.h"
#include "../slice.h"
#include "format.h"

static enum platter_probe raw_probe(struct platter_block *file)
{
    (void)file;
    return PLATTER_PROBE_MAYBE;
}

/* A raw image has no place to say how long its sectors are, so what lies in them is asked. */
static uint32_t find_sector_size(struct platter_block *file, struct platter_opened *opened)
{
    uint32_t gpt;

    if (platter_optical_image(file)) {
        platter_detail_add(opened->details, "sector_size_from", "optical disc");
        return 2048;
    }
    gpt = platter_gpt_sector_size(file, 512);
    if (gpt && gpt != 512) {
        platter_detail_add(opened->details, "sector_size_from", "GPT");
        return gpt;
    }
    return 512;
}

static enum platter_result raw_open(struct platter_block *file, const struct platter_open_request *request,
                                    struct platter_opened *opened, struct platter_error *err)
{
    const struct platter_open_options *options = request->options;
    uint32_t sector_size = options->sector_size ? options->sector_size : find_sector_size(file, opened);
    uint64_t size = platter_block_size(file);
    uint64_t tail = size % sector_size;
    struct platter_slice slice = {.layer = "raw disk", .length = size, .sector_size = sector_size};

    opened->writable = tail == 0;
    if (tail) {
        /* Half a sector cannot be read by any file system, and cannot be written without growing the file. */
        if (options->flags & PLATTER_OPEN_WRITABLE)
            return platter_error_set(err, PLATTER_E_READ_ONLY, request->path, size,
                                     "its size is no multiple of %u-byte sectors, so it can be opened for reading only",
                                     sector_size);
        slice.padding = sector_size - tail;
        platter_detail_add(opened->details, "incomplete_sector_bytes", "%u", (unsigned)tail);
        platter_detail_add(opened->details, "padding_bytes", "%u", (unsigned)slice.padding);
    }
    return platter_slice_create(file, &slice, &opened->block, err);
}

static enum platter_result raw_create(struct platter_os_file *file, const char *path,
                                      const struct platter_new_image *wanted, struct platter_error *err)
{
    (void)path;
    return platter_os_file_resize(file, wanted->size, err);
}

static const char *const extensions[] = {"raw", "img", "dd", "bin", "iso", NULL};

static const struct platter_maker maker = {
    .extensions = extensions,
    .size_most = INT64_MAX,
    .create = raw_create,
};

const struct platter_format platter_format_raw = {
    .name = "raw",
    .probe = raw_probe,
    .open = raw_open,
    .maker = &maker,
};
