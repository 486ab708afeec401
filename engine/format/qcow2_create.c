/* SPDX-License-Identifier: MIT */
/* QCOW2: a new, empty image, version 3, as everybody reads them. */
#include <stdlib.h>
#include <string.h>

#include "qcow2.h"
#include "qcow2_create.h"

#define CLUSTER_BITS 16u
#define CLUSTER (1u << CLUSTER_BITS)
#define EXTENSION_BACKING_FORMAT 0xe2792acau

/* The header cluster, with the backing file's name and format behind the fields. */
static enum platter_result fill_header(uint8_t *header, const struct platter_qcow2_new *wanted, uint64_t l1_at,
                                       uint64_t l1_entries, uint64_t reftable_clusters, const char *path,
                                       struct platter_error *err)
{
    size_t at = QCOW2_HEADER_V3 + 8, format = 0, name = 0;

    if (wanted->backing_name)
        name = strlen(wanted->backing_name);
    if (wanted->backing_format)
        format = strlen(wanted->backing_format);
    if (name > 1023 || format > 256)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "the backing file's name is longer than a QCOW2 image can hold");
    platter_put_be32(header, QCOW2_MAGIC);
    platter_put_be32(header + 4, 3);
    platter_put_be32(header + 20, CLUSTER_BITS);
    platter_put_be64(header + 24, wanted->size);
    platter_put_be32(header + 36, (uint32_t)l1_entries);
    platter_put_be64(header + 40, l1_at);
    platter_put_be64(header + 48, CLUSTER);
    platter_put_be32(header + 56, (uint32_t)reftable_clusters);
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
    uint64_t span = (uint64_t)CLUSTER * (CLUSTER / 8), l1_entries = wanted->size / span + (wanted->size % span != 0);
    uint64_t l1_clusters = (l1_entries * 8 + CLUSTER - 1) / CLUSTER, used, blocks = 1, reftable_clusters;
    enum platter_result result;
    uint8_t *data;

    if (l1_clusters == 0)
        l1_clusters = 1;
    if (l1_entries * 8 > QCOW2_MAX_L1_BYTES)
        return platter_error_set(err, PLATTER_E_UNSUPPORTED, path, PLATTER_NO_OFFSET,
                                 "a disk of %llu bytes is more than a QCOW2 image with clusters of 64 KiB can hold",
                                 (unsigned long long)wanted->size);
    /* One cluster of refcount table counts 16 TiB of file, one refcount block 2 GiB: one of each is enough for a start. */
    reftable_clusters = 1;
    used = 1 + reftable_clusters + blocks + l1_clusters;
    data = calloc((size_t)(2 + reftable_clusters), CLUSTER);
    if (!data)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = fill_header(data, wanted, (used - l1_clusters) * CLUSTER, l1_entries, reftable_clusters, path, err);
    platter_put_be64(data + CLUSTER, (1 + reftable_clusters) * CLUSTER);
    for (uint64_t i = 0; i < used; i++)
        platter_put_be16(data + (1 + reftable_clusters) * CLUSTER + i * 2, 1);
    if (result == PLATTER_OK)
        result = platter_os_file_resize(file, used * CLUSTER, err);
    if (result == PLATTER_OK)
        result = platter_os_file_write(file, data, (size_t)(2 + reftable_clusters) * CLUSTER, 0, err);
    free(data);
    return result;
}
