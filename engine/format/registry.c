/* SPDX-License-Identifier: MIT */
/* The list of formats, in the order of probing: raw takes whatever is left. */
#include "format.h"

extern const struct platter_format platter_format_vhd;
extern const struct platter_format platter_format_vhdx;
extern const struct platter_format platter_format_qcow2;
extern const struct platter_format platter_format_mrimgx;
extern const struct platter_format platter_format_vdi;
extern const struct platter_format platter_format_vmdk;
extern const struct platter_format platter_format_split;
extern const struct platter_format platter_format_raw;

const struct platter_format *const platter_formats[] = {
    &platter_format_vhd,    &platter_format_vhdx, &platter_format_qcow2,
    &platter_format_mrimgx, &platter_format_vdi,  &platter_format_vmdk,
    &platter_format_split,  &platter_format_raw,  NULL,
};

const char *const *platter_format_names(void)
{
    static const char *names[sizeof(platter_formats) / sizeof(platter_formats[0])];

    /* Filled with the same values by whoever comes, so that two at once do no harm. */
    for (size_t i = 0; platter_formats[i]; i++)
        __atomic_store_n(&names[i], platter_formats[i]->name, __ATOMIC_RELAXED);
    return names;
}
