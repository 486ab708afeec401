/* SPDX-License-Identifier: MIT */
#include "dismount_win32.h"

#include <windows.h>
#include <winioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounded_win32.h"
#include "../engine/os/system.h"
#include "holders_win32.h"

#define PATIENCE_MS 5000u /* for others to let go */
#define FORCED_PATIENCE_MS 2000u
#define RETRY_MS 250u
/* A flush may wait for every write in the driver's queue, each up to its deadline. */
#define FILE_SYSTEM_MS (PLATTER_DEFAULT_DEADLINE_MS * 2)

struct file_system {
    uint16_t device[PLATTER_DEVICE_NAME_CHARS];
    bool force; /* dismount even what cannot be locked */
    bool gone;  /* there is no such device */
    bool locked;
    HANDLE handle; /* keeps the lock: nobody mounts it again before it is gone; the caller closes it */
};

static HANDLE open_volume(const struct file_system *volume)
{
    static const DWORD access[] = {GENERIC_READ | GENERIC_WRITE, GENERIC_READ};
    wchar_t path[32 + PLATTER_DEVICE_NAME_CHARS];
    HANDLE handle = INVALID_HANDLE_VALUE;

    for (size_t i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
        /* By the device's own name: a letter may be another's in this session (subst, a mapped share). */
        (void)_snwprintf(path, sizeof(path) / sizeof(path[0]), L"\\\\?\\GLOBALROOT%.*ls", PLATTER_DEVICE_NAME_CHARS - 1,
                         (const wchar_t *)volume->device);
        path[sizeof(path) / sizeof(path[0]) - 1] = L'\0';
        handle = CreateFileW(path, access[i], FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
        if (handle != INVALID_HANDLE_VALUE)
            break;
    }
    return handle;
}

/* One attempt. Fails only where nothing can be said about the volume; the outcome is in *context. */
static enum platter_result release_file_system(void *context, struct platter_error *err)
{
    uint64_t begun = platter_os_monotonic_ms();
    struct file_system *volume = context;
    HANDLE handle = open_volume(volume);
    DWORD returned, error = GetLastError();

    (void)err;
    volume->gone = volume->locked = false;
    if (handle == INVALID_HANDLE_VALUE) {
        /* Nothing is mounted on what nobody can open; the driver decides about the rest. */
        volume->gone = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
        volume->locked = true;
        return PLATTER_OK;
    }
    FlushFileBuffers(handle); /* fails on what is read-only */
    volume->locked = DeviceIoControl(handle, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, &returned, NULL);
    if (volume->locked || volume->force)
        DeviceIoControl(handle, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &returned, NULL);
    if (platter_os_monotonic_ms() - begun < FILE_SYSTEM_MS)
        volume->handle = handle;
    else
        CloseHandle(handle); /* nobody may wait any more who would do it */
    return PLATTER_OK;
}

static void let_go(struct file_system *volume)
{
    if (volume->handle != INVALID_HANDLE_VALUE)
        CloseHandle(volume->handle);
    volume->handle = INVALID_HANDLE_VALUE;
}

/*
 * With the file system's lock held, so that between its dismount and the removal no other mounts it again and writes. Where
 * no file system was mounted the handle is one on the device itself, which the driver counts: then without.
 */
static enum platter_result remove_locked(struct platter_transport *transport, uint64_t id, struct file_system *volume,
                                         struct platter_error *err)
{
    uint32_t flags = volume->force ? PLATTER_REMOVE_FORCE : 0;
    enum platter_result result = platter_control_remove(transport, id, flags, err);

    if (result != PLATTER_E_BUSY || volume->handle == INVALID_HANDLE_VALUE)
        return result;
    let_go(volume);
    return platter_control_remove(transport, id, flags, err);
}

static bool is_gone(struct platter_transport *transport, uint64_t id)
{
    uint64_t until = platter_os_monotonic_ms() + PATIENCE_MS;
    bool there = true;

    while (there && platter_os_monotonic_ms() < until) {
        struct platter_volume_info *volumes = NULL;
        size_t count = 0;

        if (platter_control_list(transport, &volumes, &count, NULL) != PLATTER_OK)
            return false;
        there = false;
        for (size_t i = 0; i < count; i++)
            there |= volumes[i].volume_id == id;
        free(volumes);
        if (there)
            Sleep(RETRY_MS);
    }
    return !there;
}

/* Nobody let go. Says who; on a device of Plug and Play its manager is asked, which knows of drivers and services too. */
static enum platter_result in_use(struct platter_transport *transport, const struct platter_volume_info *info,
                                  struct platter_holders *holders, struct platter_error *err)
{
    char letter[4], name[32], who[PLATTER_HOLDERS_TEXT];

    if (info->letter)
        (void)snprintf(name, sizeof(name), "%s", platter_letter_text(info->letter, letter));
    else
        (void)snprintf(name, sizeof(name), "volume %llu", (unsigned long long)info->volume_id);
    if (!holders)
        return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "%s is in use", name);
    if (info->route == PLATTER_ROUTE_PNP && platter_holders_eject(info, holders) && is_gone(transport, info->volume_id))
        return PLATTER_OK;
    platter_holders_find(transport, info, holders);
    return platter_error_set(err, PLATTER_E_BUSY, NULL, PLATTER_NO_OFFSET, "%s is in use: %s", name,
                             platter_holders_text(holders, who));
}

enum platter_result platter_dismount(struct platter_transport *transport, const struct platter_volume_info *info,
                                     bool force, struct platter_holders *holders, struct platter_error *err)
{
    uint64_t until = platter_os_monotonic_ms() + (force ? FORCED_PATIENCE_MS : PATIENCE_MS);
    struct file_system volume = {.handle = INVALID_HANDLE_VALUE};

    memcpy(volume.device, info->device_name, sizeof(volume.device));
    for (;;) {
        bool last = platter_os_monotonic_ms() >= until;
        enum platter_result result;

        volume.force = force && last;
        result = platter_bounded(release_file_system, &volume, sizeof(volume), FILE_SYSTEM_MS,
                                 "an answer of the drive's file system", err);
        if (result != PLATTER_OK && !force)
            return result;
        if (volume.locked || volume.force || result != PLATTER_OK) {
            result = remove_locked(transport, info->volume_id, &volume, err);
            if (result != PLATTER_E_BUSY) {
                let_go(&volume);
                return volume.gone && result == PLATTER_E_NOT_FOUND ? PLATTER_OK : result;
            }
        }
        let_go(&volume); /* so that they who have it open can go on, or let go as well */
        if (last)
            return in_use(transport, info, holders, err);
        Sleep(RETRY_MS);
    }
}
