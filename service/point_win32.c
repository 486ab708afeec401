/* SPDX-License-Identifier: MIT */
#include "point_win32.h"

#include "identity_win32.h"

static enum platter_result act_for(HANDLE owner, const char *folder, struct platter_error *err)
{
    if (owner && service_impersonate(owner))
        return PLATTER_OK;
    return platter_error_set_os(err, PLATTER_E_ACCESS, folder, PLATTER_NO_OFFSET, (int)GetLastError(),
                                "the service cannot act for the owner of the mount");
}

enum platter_result service_point_check(HANDLE owner, const char *folder, struct platter_error *err)
{
    enum platter_result result = folder ? act_for(owner, folder, err) : PLATTER_OK;

    if (!folder || result)
        return result;
    result = platter_folder_check(folder, err);
    service_revert();
    return result;
}

enum platter_result service_point_make(HANDLE owner, const char *folder, const struct platter_volume_info *volumes,
                                       size_t count, struct platter_error *err)
{
    enum platter_result result;

    if (!folder)
        return PLATTER_OK;
    if (count != 1)
        return platter_error_set(err, PLATTER_E_USAGE, NULL, PLATTER_NO_OFFSET,
                                 "'--folder' is for one drive, and there are %u; '--partition' says which",
                                 (unsigned)count);
    result = act_for(owner, folder, err);
    if (result)
        return result;
    result = platter_folder_mount(folder, volumes, err);
    service_revert();
    return result;
}

void service_point_end(HANDLE owner, const char *folder)
{
    if (!folder || act_for(owner, folder, NULL) != PLATTER_OK)
        return;
    platter_folder_unmount(folder);
    service_revert();
}
