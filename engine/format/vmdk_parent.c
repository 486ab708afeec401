/* SPDX-License-Identifier: MIT */
/* VMDK: the disk that a snapshot's delta was made on, told by the content id that the delta has kept of it. */
#include "../source/file.h"
#include "parent.h"
#include "vmdk.h"

static enum platter_result is_parent(void *context, const char *path, struct platter_error *err)
{
    const struct vmdk_descriptor *child = context;
    struct vmdk_descriptor descriptor;
    struct vmdk_header header;
    struct platter_block *file;
    bool embedded;
    enum platter_result result = platter_file_open(path, PLATTER_OPEN_SHARE_WRITERS, &file, err);

    if (result)
        return result;
    result = platter_vmdk_descriptor_find(file, &descriptor, &header, &embedded, err);
    if (result == PLATTER_OK && descriptor.cid != child->parent_cid)
        result = platter_error_set(err, PLATTER_E_FORMAT, path, descriptor.offset,
                                   "has the CID %08x, but the image on it was made when it was %08x: the parent has "
                                   "been changed since, or is another one",
                                   descriptor.cid, child->parent_cid);
    platter_vmdk_descriptor_free(&descriptor);
    platter_block_unref(file);
    return result;
}

enum platter_result platter_vmdk_parent_open(struct vmdk *v, const struct platter_open_request *request,
                                             const struct vmdk_descriptor *descriptor, struct platter_error *err)
{
    struct platter_parent_names names = {.count = 0};
    struct vmdk_descriptor child = *descriptor;
    enum platter_result result;

    if (descriptor->parent_cid == VMDK_NO_PARENT)
        return PLATTER_OK;
    if (descriptor->parent_hint && !platter_parent_add(&names, descriptor->parent_hint))
        return platter_error_set(err, PLATTER_E_NO_MEMORY, request->path, PLATTER_NO_OFFSET, "out of memory");
    result = platter_parent_open(request, &names, is_parent, &child, &v->parent, err);
    platter_parent_free(&names);
    return result;
}
