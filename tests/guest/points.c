/* SPDX-License-Identifier: MIT */
/*
 * Runs in the guest, where there is no mountvol: tells what the Mount Manager, the drive letters and the PnP manager know
 * of a drive, and does to it what Explorer and "Safely Remove Hardware" would.
 */
#include "points.h"

#include <winioctl.h>
#include <ddk/mountmgr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define LINE_UNITS 300u
#define MOST_POINTS 16384u /* bytes of an answer of the Mount Manager */

static int fail(const char *what)
{
    printf("%s: error %lu\n", what, GetLastError());
    return 1;
}

/* ---- What is known of a letter ------------------------------------------------------------------------------------- */

BOOL points_device(const wchar_t *letter, wchar_t *device, DWORD units)
{
    return QueryDosDeviceW(letter, device, units) != 0;
}

static int compare_names(const void *a, const void *b)
{
    return wcscmp(*(wchar_t *const *)a, *(wchar_t *const *)b);
}

/* One line a point, in order, so that two lists can be compared: `name -> device`. */
static int print_points(const MOUNTMGR_MOUNT_POINTS *points)
{
    wchar_t **lines = calloc(points->NumberOfMountPoints + 1, sizeof(*lines));
    int status = 0;

    printf("points %lu\n", points->NumberOfMountPoints);
    for (ULONG i = 0; lines && i < points->NumberOfMountPoints; i++) {
        const MOUNTMGR_MOUNT_POINT *point = &points->MountPoints[i];
        const char *base = (const char *)points;

        lines[i] = calloc(LINE_UNITS, sizeof(wchar_t));
        if (!lines[i]) {
            status = fail("calloc");
            break;
        }
        (void)_snwprintf(lines[i], LINE_UNITS - 1, L"%.*ls -> %.*ls", (int)(point->SymbolicLinkNameLength / 2),
                         (const wchar_t *)(const void *)(base + point->SymbolicLinkNameOffset),
                         (int)(point->DeviceNameLength / 2),
                         (const wchar_t *)(const void *)(base + point->DeviceNameOffset));
    }
    if (lines && status == 0) {
        qsort(lines, points->NumberOfMountPoints, sizeof(*lines), compare_names);
        for (ULONG i = 0; i < points->NumberOfMountPoints; i++)
            printf("point %ls\n", lines[i]);
    }
    for (ULONG i = 0; lines && i < points->NumberOfMountPoints; i++)
        free(lines[i]);
    free(lines);
    return lines ? status : fail("calloc");
}

/* Those of one device, or all. */
static int show_points(const wchar_t *device)
{
    HANDLE manager = CreateFileW(MOUNTMGR_DOS_DEVICE_NAME, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                 OPEN_EXISTING, 0, NULL);
    struct {
        MOUNTMGR_MOUNT_POINT point;
        wchar_t name[MAX_PATH];
    } in = {0};
    MOUNTMGR_MOUNT_POINTS *out = calloc(1, MOST_POINTS);
    DWORD returned, length = sizeof(in.point);
    int status;

    if (device) {
        in.point.DeviceNameOffset = sizeof(in.point);
        in.point.DeviceNameLength = (USHORT)(wcslen(device) * sizeof(wchar_t));
        wcscpy(in.name, device);
        length += in.point.DeviceNameLength;
    }
    if (manager == INVALID_HANDLE_VALUE || !out ||
        !DeviceIoControl(manager, IOCTL_MOUNTMGR_QUERY_POINTS, &in, length, out, MOST_POINTS, &returned, NULL))
        status = fail("IOCTL_MOUNTMGR_QUERY_POINTS");
    else
        status = print_points(out);
    free(out);
    if (manager != INVALID_HANDLE_VALUE)
        CloseHandle(manager);
    return status;
}

static int show(const wchar_t *letter)
{
    wchar_t device[MAX_PATH], volume[MAX_PATH] = L"", label[MAX_PATH] = L"", filesystem[MAX_PATH] = L"";
    wchar_t root[] = {letter[0], L':', L'\\', L'\0'};
    DWORD serial = 0, flags = 0;

    if (!points_device(letter, device, MAX_PATH))
        return fail("QueryDosDevice");
    printf("device %ls\n", device);
    printf("type %u\n", GetDriveTypeW(root)); /* DRIVE_FIXED is 3, DRIVE_CDROM 5 */
    if (!GetVolumeNameForVolumeMountPointW(root, volume, MAX_PATH))
        return fail("GetVolumeNameForVolumeMountPoint");
    printf("volume %ls\n", volume);
    if (!GetVolumeInformationW(root, label, MAX_PATH, &serial, NULL, &flags, filesystem, MAX_PATH))
        fail("GetVolumeInformation");
    else
        printf("filesystem %ls label %ls serial %08lx\n", filesystem, label, serial);
    return show_points(device);
}

/* All letters that anybody here can see. */
static int letters(void)
{
    DWORD drives = GetLogicalDrives();

    printf("letters ");
    for (int i = 0; i < 26; i++) {
        if (drives & 1u << i)
            printf("%c", 'A' + i);
    }
    printf("\n");
    return 0;
}

/* Waits until the letter means nothing any more, or until it means something. */
static int wait_for(const wchar_t *letter, BOOL there, DWORD seconds)
{
    wchar_t device[MAX_PATH];
    DWORD begun = GetTickCount();

    while (points_device(letter, device, MAX_PATH) != there) {
        if (GetTickCount() - begun > seconds * 1000) {
            printf("%ls is %s after %lu s\n", letter, there ? "not there" : "still there", seconds);
            return 1;
        }
        Sleep(50);
    }
    printf("%ls %s after %lu ms\n", letter, there ? "there" : "gone", GetTickCount() - begun);
    return 0;
}

/* ---- Ejecting ------------------------------------------------------------------------------------------------------ */

/* As Explorer's "Eject" does: lock, dismount, then the drive. */
static int eject(const wchar_t *letter)
{
    wchar_t path[] = {L'\\', L'\\', L'.', L'\\', letter[0], L':', L'\0'};
    HANDLE drive = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    DWORD returned;
    int status = 0;

    if (drive == INVALID_HANDLE_VALUE)
        return fail("open");
    if (!DeviceIoControl(drive, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, &returned, NULL))
        status = fail("FSCTL_LOCK_VOLUME");
    else if (!DeviceIoControl(drive, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &returned, NULL))
        status = fail("FSCTL_DISMOUNT_VOLUME");
    else if (!DeviceIoControl(drive, IOCTL_STORAGE_EJECT_MEDIA, NULL, 0, NULL, 0, &returned, NULL))
        status = fail("IOCTL_STORAGE_EJECT_MEDIA");
    else
        printf("ejected\n");
    CloseHandle(drive);
    return status;
}

/* ---- Programs ------------------------------------------------------------------------------------------------------ */

/* Keeps a file open for some time; what is written last is flushed when it is told to be. */
static int hold(const wchar_t *path, DWORD seconds)
{
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return fail("open");
    printf("held\n");
    (void)fflush(stdout);
    Sleep(seconds * 1000);
    CloseHandle(file);
    return 0;
}

static int start(wchar_t *command)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;

    if (!CreateProcessW(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        return fail("CreateProcess");
    printf("process %lu\n", process.dwProcessId);
    return 0;
}

static int usage(void)
{
    printf("usage: points show X: | all | letters | service FILE.sys | no-service | gone X: SECONDS | there X: SECONDS "
           "| eject X: | request-eject X: | driver-eject X: FILE.sys | devices |\n"
           "       hold FILE SECONDS | start COMMAND | kill NAME.exe | ended NAME.exe | sleep SECONDS | as USER "
           "PASSWORD FOLDER CLOSED-FOLDER COMMAND\n");
    return 2;
}

int wmain(int count, wchar_t **arguments); /* no header of mingw-w64 declares it */

int wmain(int count, wchar_t **arguments)
{
    const wchar_t *word = count > 1 ? arguments[1] : L"";
    DWORD seconds = count > 3 ? wcstoul(arguments[3], NULL, 10) : 0;

    setvbuf(stdout, NULL, _IONBF, 0); /* what was said before a crash is wanted most */

    if (count == 3 && wcscmp(word, L"show") == 0)
        return show(arguments[2]);
    if (count == 2 && wcscmp(word, L"all") == 0)
        return show_points(NULL);
    if (count == 3 && wcscmp(word, L"service") == 0)
        return points_service(arguments[2]);
    if (count == 2 && wcscmp(word, L"no-service") == 0)
        return points_no_service();
    if (count == 2 && wcscmp(word, L"letters") == 0)
        return letters();
    if (count == 4 && (wcscmp(word, L"gone") == 0 || wcscmp(word, L"there") == 0))
        return wait_for(arguments[2], word[0] == L't', seconds);
    if (count == 3 && wcscmp(word, L"eject") == 0)
        return eject(arguments[2]);
    if (count == 3 && wcscmp(word, L"request-eject") == 0)
        return points_request_eject(arguments[2]);
    if (count == 4 && wcscmp(word, L"driver-eject") == 0)
        return points_driver_eject(arguments[2], arguments[3]);
    if (count == 2 && wcscmp(word, L"devices") == 0)
        return points_devices();
    if (count == 4 && wcscmp(word, L"hold") == 0)
        return hold(arguments[2], seconds);
    if (count == 3 && wcscmp(word, L"start") == 0)
        return start(arguments[2]);
    if (count == 3 && wcscmp(word, L"kill") == 0)
        return points_kill(arguments[2]);
    if (count == 3 && wcscmp(word, L"ended") == 0)
        return points_ended(arguments[2]);
    if (count == 3 && wcscmp(word, L"sleep") == 0) {
        Sleep(wcstoul(arguments[2], NULL, 10) * 1000);
        return 0;
    }
    if (count == 7 && wcscmp(word, L"as") == 0)
        return points_as(arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]);
    return usage();
}
