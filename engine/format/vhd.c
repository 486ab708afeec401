/* SPDX-License-Identifier: MIT */
/* VHD: which kind it is; and the fixed kind, which is the disk's bytes with a footer behind them. */
#include "vhd.h"

#include "../slice.h"

static enum platter_probe vhd_probe(struct platter_block *file)
{
    return platter_vhd_footer_present(file) ? PLATTER_PROBE_YES : PLATTER_PROBE_NO;
}

static enum platter_result fixed_open(struct platter_block *file, const struct platter_open_options *options,
                                      const struct vhd_footer *footer, struct platter_opened *opened,
                                      struct platter_error *err)
{
    struct platter_slice slice = {
        .layer = "fixed VHD",
        .length = footer->current_size,
        .sector_size = options->sector_size ? options->sector_size : 512,
    };

    if (footer->current_size > footer->offset)
        return platter_error_set(err, PLATTER_E_FORMAT, file->name, footer->offset + 48,
                                 "the footer says that the disk has %llu bytes, but only %llu are there: the file "
                                 "has been cut short",
                                 (unsigned long long)footer->current_size, (unsigned long long)footer->offset);
    if (footer->current_size < footer->offset)
        platter_detail_add(opened->details, "unused_bytes_before_footer", "%llu",
                           (unsigned long long)(footer->offset - footer->current_size));
    opened->variant = "fixed";
    opened->writable = true;
    return platter_slice_create(file, &slice, &opened->block, err);
}

static enum platter_result vhd_open(struct platter_block *file, const struct platter_open_request *request,
                                    struct platter_opened *opened, struct platter_error *err)
{
    const char *path = request->path;
    struct vhd_footer footer;
    enum platter_result result = platter_vhd_footer_read(file, &footer, err);

    if (result)
        return result;
    if (request->options->sector_size && footer.current_size % request->options->sector_size)
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "the disk's %llu bytes do not make whole sectors of %u bytes",
                                 (unsigned long long)footer.current_size, request->options->sector_size);
    platter_vhd_footer_details(&footer, opened->details);
    switch (footer.type) {
    case VHD_FIXED:
        return fixed_open(file, request->options, &footer, opened, err);
    case VHD_DYNAMIC:
    case VHD_DIFFERENCING:
        return platter_vhd_sparse_open(file, request, &footer, opened, err);
    default:
        return platter_error_set(err, PLATTER_E_FORMAT, path, footer.offset + 60, "a VHD of type %u is not known",
                                 footer.type);
    }
}

const struct platter_format platter_format_vhd = {
    .name = "vhd",
    .probe = vhd_probe,
    .open = vhd_open,
    .verify = platter_vhd_verify,
    .maker = &platter_vhd_maker,
};
