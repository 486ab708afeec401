/* SPDX-License-Identifier: MIT */
/* VMDK: recognising and opening an image, and the disk that its extents make together. */
#include "vmdk.h"

#include <stdlib.h>
#include <string.h>

#include "../os/system.h"

static enum platter_probe vmdk_probe(struct platter_block *file)
{
    uint8_t magic[8];

    if (platter_block_read(file, magic, sizeof(magic), 0, NULL))
        return PLATTER_PROBE_NO;
    if (platter_le32(magic) == VMDK_MAGIC || platter_le32(magic) == VMDK_COWD_MAGIC ||
        platter_le64(magic) == VMDK_SE_MAGIC)
        return PLATTER_PROBE_YES;
    return platter_vmdk_is_descriptor(file) ? PLATTER_PROBE_YES : PLATTER_PROBE_NO;
}

/* Before the first change: images made on this one are to see that it is no longer what they were made on. */
static enum platter_result stamp(struct vmdk *v, struct platter_error *err)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t random[8];
    char digits[sizeof(random)];
    size_t count = v->cid_digits < sizeof(digits) ? v->cid_digits : sizeof(digits);
    enum platter_result result = PLATTER_OK;

    if (__atomic_load_n(&v->stamped, __ATOMIC_ACQUIRE))
        return PLATTER_OK;
    platter_mutex_lock(&v->change);
    if (!v->stamped && v->cid_digits) {
        result = platter_os_random(random, sizeof(random), err);
        /* As many digits as there were; the first is none that makes ffffffff, which means "no parent". */
        for (size_t i = 0; i < count; i++)
            digits[i] = hex[i ? random[i] % 16 : 1 + random[i] % 14];
        if (result == PLATTER_OK)
            result = platter_block_write(v->file, digits, count, v->cid_at + (v->cid_digits - count), err);
        if (result == PLATTER_OK)
            result = platter_block_flush(v->file, err);
    }
    if (result == PLATTER_OK)
        __atomic_store_n(&v->stamped, 1, __ATOMIC_RELEASE);
    platter_mutex_unlock(&v->change);
    return result;
}

static enum platter_result disk_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                     struct platter_error *err)
{
    return platter_block_read(((struct vmdk *)base)->joined, buffer, length, offset, err);
}

static enum platter_result disk_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    struct vmdk *v = (struct vmdk *)base;
    enum platter_result result = stamp(v, err);

    return result ? result : platter_block_write(v->joined, buffer, length, offset, err);
}

static enum platter_result disk_flush(struct platter_block *base, struct platter_error *err)
{
    return platter_block_flush(((struct vmdk *)base)->joined, err);
}

static enum platter_result disk_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                        struct platter_error *err)
{
    struct vmdk *v = (struct vmdk *)base;
    enum platter_result result = stamp(v, err);

    return result ? result : platter_block_discard(v->joined, offset, length, err);
}

static enum platter_result disk_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                    struct platter_extent *extent, struct platter_error *err)
{
    return platter_block_map(((struct vmdk *)base)->joined, offset, length, extent, err);
}

static bool disk_locate(struct platter_block *base, uint64_t offset, uint64_t length, struct platter_location *location)
{
    return platter_block_locate(((struct vmdk *)base)->joined, offset, length, location);
}

static void vmdk_free(struct vmdk *v)
{
    platter_block_unref(v->joined);
    platter_block_unref(v->parent);
    platter_block_unref(v->file);
    free(v->sparse);
    platter_mutex_destroy(&v->change);
    free(v);
}

static void disk_close(struct platter_block *base)
{
    vmdk_free((struct vmdk *)base);
}

static const struct platter_block_ops disk_ops = {
    .layer = "VMDK",
    .close = disk_close,
    .read = disk_read,
    .write = disk_write,
    .flush = disk_flush,
    .discard = disk_discard,
    .map = disk_map,
    .locate = disk_locate,
};

/* Static texts for the types that the specification has. */
static const char *variant_of(const struct vmdk_descriptor *descriptor)
{
    static const char *const types[] = {
        "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized",  "vmfs",
        "vmfsSparse",       "vmfsThin",       "vmfsEagerZeroedThick", "fullDevice",         "partitionedDevice"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(descriptor->create_type, types[i]) == 0)
            return types[i];
    }
    return "";
}

static void add_details(const struct vmdk_descriptor *descriptor, struct platter_detail_list *details)
{
    platter_detail_add(details, "create_type", "%s", descriptor->create_type);
    platter_detail_add(details, "extents", "%zu", descriptor->extent_count);
    if (descriptor->cid_digits)
        platter_detail_add(details, "cid", "%08x", descriptor->cid);
    if (descriptor->parent_cid == VMDK_NO_PARENT)
        return;
    platter_detail_add(details, "parent_cid", "%08x", descriptor->parent_cid);
    platter_detail_add(details, "parent", "%s", descriptor->parent_hint ? descriptor->parent_hint : "");
}

static enum platter_result vmdk_open(struct platter_block *file, const struct platter_open_request *request,
                                     struct platter_opened *opened, struct platter_error *err)
{
    struct vmdk *v = calloc(1, sizeof(*v));
    struct vmdk_descriptor descriptor = {.text = NULL};
    struct vmdk_header header;
    enum platter_result result;
    bool embedded;

    if (!v)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_init(&v->change);
    v->file = platter_block_ref(file);
    if ((result = platter_vmdk_descriptor_find(file, &descriptor, &header, &embedded, err)) ||
        (result = platter_vmdk_parent_open(v, request, &descriptor, err)))
        goto out;
    add_details(&descriptor, opened->details);
    result = platter_vmdk_extents_open(v, file, request, &descriptor, embedded ? &header : NULL, opened, err);
    if (result)
        goto out;
    v->cid_at = descriptor.cid_at;
    v->cid_digits = descriptor.cid_digits;
    opened->variant = variant_of(&descriptor);
    result = platter_block_init(&v->base, &disk_ops, request->path, platter_block_size(v->joined),
                                request->options->sector_size, 0, v->joined->caps, err);
    if (result == PLATTER_OK)
        opened->block = &v->base;
out:
    platter_vmdk_descriptor_free(&descriptor);
    if (result)
        vmdk_free(v);
    return result;
}

const struct platter_format platter_format_vmdk = {
    .name = "vmdk",
    .probe = vmdk_probe,
    .open = vmdk_open,
    .verify = platter_vmdk_verify,
    .maker = &platter_vmdk_maker,
};
