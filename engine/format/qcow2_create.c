/* SPDX-License-Identifier: MIT */
/* QCOW2: a new, empty image, version 3, as everybody reads them. */
#include <string.h>

#include "../os/system.h"
#include "qcow2.h"
#include "qcow2_create.h"

#define USUAL_BITS 16u
#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define DISK_MOST (1ull << 60) /* less than clusters of 2 MiB can reach, and no sum of offsets overflows */

/* Header, refcount table, refcount blocks and L1 table, in this order. */
struct layout {
    uint32_t cluster_bits;
    uint64_t cluster;                             /* bytes */
    uint64_t reftable, refblocks, l1, l1_entries; /* clusters of each */
};

static uint64_t divide_up(uint64_t value, uint64_t unit)
{
    return value / unit + (value % unit != 0);
}

static struct layout lay_out(const struct platter_qcow2_new *wanted)
{
    struct layout layout = {.cluster_bits = wanted->cluster_bits ? wanted->cluster_bits : USUAL_BITS};
    uint64_t used = 0;

    layout.cluster = 1ull << layout.cluster_bits;
    layout.l1_entries = divide_up(wanted->size, layout.cluster * (layout.cluster / 8));
    layout.l1 = layout.l1_entries ? divide_up(layout.l1_entries * 8, layout.cluster) : 1;
    layout.reftable = layout.refblocks = 1;
    /* The counts count themselves, too. */
    while (used != 1 + layout.reftable + layout.refblocks + layout.l1) {
        used = 1 + layout.reftable + layout.refblocks + layout.l1;
        layout.refblocks = divide_up(used, layout.cluster / 2);
        layout.reftable = divide_up(layout.refblocks, layout.cluster / 8);
    }
    return layout;
}

/* The header cluster, with the backing file's name and format behind the fields. */
static enum platter_result fill_header(uint8_t *header, const struct platter_qcow2_new *wanted,
                                       const struct layout *layout, const char *path, struct platter_error *err)
{
    size_t at = QCOW2_HEADER_V3 + 8, format = 0, name = 0;

    if (wanted->backing_name)
        name = strlen(wanted->backing_name);
    if (wanted->backing_format)
        format = strlen(wanted->backing_format);
    if (name > 1023 || format > 256 || at + 24 + format + name > layout->cluster)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "the backing file's name is longer than a QCOW2 image can hold");
    platter_put_be32(header, QCOW2_MAGIC);
    platter_put_be32(header + 4, 3);
    platter_put_be32(header + 20, layout->cluster_bits);
    platter_put_be64(header + 24, wanted->size);
    platter_put_be32(header + 36, (uint32_t)layout->l1_entries);
    platter_put_be64(header + 40, (1 + layout->reftable + layout->refblocks) * layout->cluster);
    platter_put_be64(header + 48, layout->cluster);
    platter_put_be32(header + 56, (uint32_t)layout->reftable);
    platter_put_be32(header + 96, 4);
    platter_put_be32(header + 100, QCOW2_HEADER_V3 + 8);
    if (format) {
        platter_put_be32(header + at, EXTENSION_BACKING_FORMAT);
        platter_put_be32(header + at + 4, (uint32_t)format);
        memcpy(header + at + 8, wanted->backing_format, format);
        at += 8 + ((format + 7) & ~(size_t)7);
    }
    at += 8; /* the extension that ends the list is all zero */
    if (name) {
        platter_put_be64(header + 8, at);
        platter_put_be32(header + 16, (uint32_t)name);
        memcpy(header + at, wanted->backing_name, name);
    }
    return PLATTER_OK;
}

enum platter_result platter_qcow2_create(struct platter_os_file *file, const char *path,
                                         const struct platter_qcow2_new *wanted, struct platter_error *err)
{
    struct layout layout = lay_out(wanted);
    uint64_t head = 1 + layout.reftable + layout.refblocks, used = head + layout.l1, bytes = head * layout.cluster;
    uint8_t *data, *counts;
    enum platter_result result;

    if (wanted->size > DISK_MOST || layout.l1_entries * 8 > QCOW2_MAX_L1_BYTES)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                                 "a disk of %llu bytes is more than a QCOW2 image with clusters of %llu bytes can hold",
                                 (unsigned long long)wanted->size, (unsigned long long)layout.cluster);
    /* Aligned, for files that are kept out of the system's cache. */
    data = platter_os_aligned_alloc((size_t)layout.cluster, (size_t)bytes);
    if (!data)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    memset(data, 0, (size_t)bytes);
    result = fill_header(data, wanted, &layout, path, err);
    for (uint64_t i = 0; i < layout.refblocks; i++)
        platter_put_be64(data + layout.cluster + i * 8, (1 + layout.reftable + i) * layout.cluster);
    counts = data + (1 + layout.reftable) * layout.cluster;
    for (uint64_t i = 0; i < used; i++)
        platter_put_be16(counts + i * 2, 1);
    if (result == PLATTER_OK)
        result = platter_os_file_resize(file, used * layout.cluster, err);
    if (result == PLATTER_OK)
        result = platter_os_file_write(file, data, (size_t)bytes, 0, err);
    platter_os_aligned_free(data);
    return result;
}

static enum platter_result qcow2_create(struct platter_os_file *file, const char *path,
                                        const struct platter_new_image *wanted, struct platter_error *err)
{
    struct platter_qcow2_new new_image = {
        .size = wanted->size,
        .backing_name = wanted->backing_name,
        .backing_format = wanted->backing_format,
        .cluster_bits = (uint32_t)__builtin_ctz(wanted->block_size),
    };

    return platter_qcow2_create(file, path, &new_image, err);
}

static const char *const extensions[] = {"qcow2", "qcow", NULL};

const struct platter_maker platter_qcow2_maker = {
    .extensions = extensions,
    .size_most = DISK_MOST,
    .block_least = 512,
    .block_most = 2u << 20,
    .block_usual = 1u << USUAL_BITS,
    .children = true,
    .create = qcow2_create,
};
