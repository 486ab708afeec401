/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>

#include "path_win32.h"
#include "system.h"

/* A multiple of every sector size, and small enough for one pool allocation of a driver below us. */
#define TRANSFER_MOST (16u << 20)

struct platter_os_file {
    HANDLE handle;
    bool device;
    uint32_t alignment;
    char path[];
};

static enum platter_result fail(struct platter_os_file *file, uint64_t offset, DWORD code, const char *what,
                                struct platter_error *err)
{
    return platter_error_set_os(err, platter_os_result((int)code), file->path, offset, (int)code, "%s", what);
}

static enum platter_result bad_path(const char *path, struct platter_error *err)
{
    return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET, "is not a path that Windows can take");
}

/* The handle is asynchronous, so that threads do not wait for each other in it; this makes one call synchronous. */
struct call {
    OVERLAPPED overlapped;
};

static DWORD call_begin(struct call *call, uint64_t offset)
{
    memset(call, 0, sizeof(*call));
    call->overlapped.Offset = (DWORD)offset;
    call->overlapped.OffsetHigh = (DWORD)(offset >> 32);
    call->overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    return call->overlapped.hEvent ? ERROR_SUCCESS : GetLastError();
}

/* `started`: what the call itself returned. Gives the error code, and the bytes moved. */
static DWORD call_end(HANDLE handle, struct call *call, BOOL started, DWORD *moved)
{
    DWORD code = started ? ERROR_SUCCESS : GetLastError();

    *moved = 0;
    if (code == ERROR_SUCCESS || code == ERROR_IO_PENDING)
        code = GetOverlappedResult(handle, &call->overlapped, moved, TRUE) ? ERROR_SUCCESS : GetLastError();
    CloseHandle(call->overlapped.hEvent);
    return code;
}

static DWORD control(HANDLE handle, DWORD code, void *in, DWORD in_length, void *out, DWORD out_length, DWORD *moved)
{
    struct call call;
    DWORD error = call_begin(&call, 0);

    if (error)
        return error;
    return call_end(handle, &call,
                    DeviceIoControl(handle, code, in, in_length, out, out_length, NULL, &call.overlapped), moved);
}

static uint32_t find_alignment(struct platter_os_file *file, const WCHAR *wide)
{
    WCHAR root[MAX_PATH];
    DWORD sectors, bytes = 0, free_clusters, clusters, moved;

    if (file->device) {
        DISK_GEOMETRY geometry;

        if (control(file->handle, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry, sizeof(geometry), &moved) == 0)
            bytes = geometry.BytesPerSector;
    } else if (GetVolumePathNameW(wide, root, MAX_PATH)) {
        (void)GetDiskFreeSpaceW(root, &sectors, &bytes, &free_clusters, &clusters);
    }
    /* Where it does not tell, what suits all. */
    return bytes >= 512 && bytes <= 4096 && (bytes & (bytes - 1)) == 0 ? bytes : 4096;
}

enum platter_result platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                         struct platter_error *err)
{
    size_t length = strlen(path) + 1;
    struct platter_os_file *opened = NULL;
    enum platter_result result;
    WCHAR *wide = platter_os_wide_path(path);
    intptr_t handle;

    if (!wide)
        return bad_path(path, err);
    opened = calloc(1, sizeof(*opened) + length);
    if (!opened) {
        result = platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
        goto fail_memory;
    }
    memcpy(opened->path, path, length);
    opened->device = wcsncmp(wide, L"\\\\.\\", 4) == 0;
    result = platter_os_handle_open(path, flags, &handle, err);
    if (result)
        goto fail_open;
    opened->handle = (HANDLE)handle;
    if (!opened->device && GetFileType(opened->handle) != FILE_TYPE_DISK) {
        result = platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is not a file, so not an image");
        goto fail_kind;
    }
    opened->alignment = 1;
    if (opened->device || (flags & PLATTER_OS_FILE_UNBUFFERED))
        opened->alignment = find_alignment(opened, wide);
    free(wide);
    *file = opened;
    return PLATTER_OK;
fail_kind:
    CloseHandle(opened->handle);
fail_open:
    free(opened);
fail_memory:
    free(wide);
    return result;
}

void platter_os_file_close(struct platter_os_file *file)
{
    if (!file)
        return;
    CloseHandle(file->handle);
    free(file);
}

enum platter_result platter_os_file_remove(struct platter_os_file *file, struct platter_error *err)
{
    FILE_DISPOSITION_INFO gone = {.DeleteFile = TRUE};

    if (SetFileInformationByHandle(file->handle, FileDispositionInfo, &gone, sizeof(gone)))
        return PLATTER_OK;
    return fail(file, PLATTER_NO_OFFSET, GetLastError(), "cannot be removed", err);
}

intptr_t platter_os_file_handle(const struct platter_os_file *file)
{
    return (intptr_t)file->handle;
}

bool platter_os_file_is_device(const struct platter_os_file *file)
{
    return file->device;
}

uint32_t platter_os_file_alignment(const struct platter_os_file *file)
{
    return file->alignment;
}

enum platter_result platter_os_file_size(struct platter_os_file *file, uint64_t *size, struct platter_error *err)
{
    LARGE_INTEGER length;
    DWORD moved, code = ERROR_SUCCESS;

    if (file->device) {
        GET_LENGTH_INFORMATION info;

        code = control(file->handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &info, sizeof(info), &moved);
        length = info.Length;
    } else if (!GetFileSizeEx(file->handle, &length)) {
        code = GetLastError();
    }
    if (code)
        return fail(file, PLATTER_NO_OFFSET, code, "its size cannot be found out", err);
    *size = (uint64_t)length.QuadPart;
    return PLATTER_OK;
}

uint64_t platter_os_file_allocated(struct platter_os_file *file)
{
    FILE_STANDARD_INFO info;
    FILE_COMPRESSION_INFO compressed;
    uint64_t size = 0;

    /* The compression class is the one that leaves out the holes of sparse files. */
    if (!file->device &&
        GetFileInformationByHandleEx(file->handle, FileCompressionInfo, &compressed, sizeof(compressed)))
        return (uint64_t)compressed.CompressedFileSize.QuadPart;
    if (!file->device && GetFileInformationByHandleEx(file->handle, FileStandardInfo, &info, sizeof(info)))
        return (uint64_t)info.AllocationSize.QuadPart;
    (void)platter_os_file_size(file, &size, NULL);
    return size;
}

enum platter_result platter_os_file_read(struct platter_os_file *file, void *buffer, size_t length, uint64_t offset,
                                         size_t *done, struct platter_error *err)
{
    size_t moved = 0;

    while (moved < length) {
        DWORD want = length - moved < TRANSFER_MOST ? (DWORD)(length - moved) : TRANSFER_MOST;
        struct call call;
        DWORD got, code = call_begin(&call, offset + moved);

        if (code == ERROR_SUCCESS)
            code = call_end(file->handle, &call,
                            ReadFile(file->handle, (char *)buffer + moved, want, NULL, &call.overlapped), &got);
        if (code == ERROR_HANDLE_EOF)
            break;
        if (code)
            return fail(file, offset + moved, code, "cannot be read", err);
        moved += got;
        if (got < want)
            break;
    }
    *done = moved;
    return PLATTER_OK;
}

enum platter_result platter_os_file_write(struct platter_os_file *file, const void *buffer, size_t length,
                                          uint64_t offset, struct platter_error *err)
{
    size_t moved = 0;

    while (moved < length) {
        DWORD want = length - moved < TRANSFER_MOST ? (DWORD)(length - moved) : TRANSFER_MOST;
        struct call call;
        DWORD put = 0, code = call_begin(&call, offset + moved);

        if (code == ERROR_SUCCESS)
            code = call_end(file->handle, &call,
                            WriteFile(file->handle, (const char *)buffer + moved, want, NULL, &call.overlapped), &put);
        if (code == ERROR_SUCCESS && put == 0)
            code = ERROR_DISK_FULL;
        if (code)
            return fail(file, offset + moved, code, "cannot be written", err);
        moved += put;
    }
    return PLATTER_OK;
}

enum platter_result platter_os_file_flush(struct platter_os_file *file, struct platter_error *err)
{
    if (FlushFileBuffers(file->handle))
        return PLATTER_OK;
    return fail(file, PLATTER_NO_OFFSET, GetLastError(), "cannot be flushed", err);
}

enum platter_result platter_os_file_resize(struct platter_os_file *file, uint64_t size, struct platter_error *err)
{
    FILE_END_OF_FILE_INFO end;

    /* Not SetEndOfFile: it goes by the file pointer, which threads would share. */
    end.EndOfFile.QuadPart = (LONGLONG)size;
    if (SetFileInformationByHandle(file->handle, FileEndOfFileInfo, &end, sizeof(end)))
        return PLATTER_OK;
    return fail(file, PLATTER_NO_OFFSET, GetLastError(), "its size cannot be changed", err);
}

void platter_os_file_set_sparse(struct platter_os_file *file)
{
    DWORD moved;

    (void)control(file->handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &moved);
}

enum platter_result platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                          struct platter_error *err)
{
    FILE_ZERO_DATA_INFORMATION range;
    DWORD moved, code;

    range.FileOffset.QuadPart = (LONGLONG)offset;
    range.BeyondFinalZero.QuadPart = (LONGLONG)(offset + length);
    code = control(file->handle, FSCTL_SET_ZERO_DATA, &range, sizeof(range), NULL, 0, &moved);
    if (code)
        return fail(file, offset, code, "a range cannot be given back to the file system", err);
    return PLATTER_OK;
}

enum platter_result platter_os_file_map(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                        struct platter_extent *extent, struct platter_error *err)
{
    FILE_ALLOCATED_RANGE_BUFFER query, found;
    DWORD moved, code;
    uint64_t start, end;

    (void)err;
    extent->offset = offset;
    extent->length = length;
    extent->flags = PLATTER_EXTENT_DATA;
    if (file->device)
        return PLATTER_OK;
    query.FileOffset.QuadPart = (LONGLONG)offset;
    query.Length.QuadPart = (LONGLONG)length;
    code = control(file->handle, FSCTL_QUERY_ALLOCATED_RANGES, &query, sizeof(query), &found, sizeof(found), &moved);
    if (code && code != ERROR_MORE_DATA)
        return PLATTER_OK; /* a file system that cannot tell */
    if (moved < sizeof(found)) {
        extent->flags = 0;
        return PLATTER_OK;
    }
    start = (uint64_t)found.FileOffset.QuadPart;
    end = start + (uint64_t)found.Length.QuadPart;
    if (start > offset) {
        extent->flags = 0;
        extent->length = start - offset < length ? start - offset : length;
    } else if (end > offset && end - offset < length) {
        extent->length = end - offset;
    }
    return PLATTER_OK;
}

enum platter_result platter_os_remove(const char *path, struct platter_error *err)
{
    WCHAR *wide = platter_os_wide_path(path);
    enum platter_result result = PLATTER_OK;

    if (!wide)
        return bad_path(path, err);
    if (!DeleteFileW(wide)) {
        int code = (int)GetLastError();

        result = platter_error_set_os(err, platter_os_result(code), path, PLATTER_NO_OFFSET, code, "cannot be removed");
    }
    free(wide);
    return result;
}

enum platter_result platter_os_rename(const char *from, const char *to, bool replace, struct platter_error *err)
{
    WCHAR *wide_from = platter_os_wide_path(from), *wide_to = platter_os_wide_path(to);
    enum platter_result result = PLATTER_OK;

    if (!wide_from || !wide_to) {
        result = bad_path(to, err);
    } else if (!MoveFileExW(wide_from, wide_to, MOVEFILE_WRITE_THROUGH | (replace ? MOVEFILE_REPLACE_EXISTING : 0))) {
        int code = (int)GetLastError();

        if (platter_os_result(code) == PLATTER_E_EXISTS)
            result = platter_error_set(err, PLATTER_E_EXISTS, to, PLATTER_NO_OFFSET, "exists already");
        else
            result = platter_error_set_os(err, platter_os_result(code), to, PLATTER_NO_OFFSET, code,
                                          "cannot be renamed into");
    }
    free(wide_to);
    free(wide_from);
    return result;
}

void platter_os_sync_folder(const char *path)
{
    (void)path; /* MOVEFILE_WRITE_THROUGH has done it */
}
