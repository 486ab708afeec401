/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

/* Works on every file system and disk that has O_DIRECT at all. */
#define DIRECT_ALIGNMENT 4096u

/* One call moves at most this much on Linux (0x7ffff000); ours stays aligned. */
#define TRANSFER_MOST (1u << 30)

/*
 * QEMU's lock bytes (its block/file-posix.c): a read lock on 100 + n says "I use permission n", one on 200 + n
 * "nobody else may have permission n". Kept like this, QEMU and Platter keep each other out.
 */
enum { LOCK_USES = 100, LOCK_DENIES = 200, PERMISSION_READ = 0, PERMISSION_WRITE = 1, PERMISSION_RESIZE = 3 };

struct platter_os_file {
    int fd;
    bool device;
    uint32_t alignment;
    char path[];
};

static enum platter_result fail(struct platter_os_file *file, uint64_t offset, int code, const char *what,
                                struct platter_error *err)
{
    return platter_error_set_os(err, platter_os_result(code), file->path, offset, code, "%s", what);
}

static int lock_byte(int fd, int command, short type, int byte, struct flock *lock)
{
    memset(lock, 0, sizeof(*lock));
    lock->l_type = type;
    lock->l_whence = SEEK_SET;
    lock->l_start = byte;
    lock->l_len = 1;
    return fcntl(fd, command, lock);
}

/* True when somebody else holds the byte. */
static bool lock_held(int fd, int byte)
{
    struct flock lock;

    return lock_byte(fd, F_OFD_GETLK, F_WRLCK, byte, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Says what we use and deny, then looks whether anybody minds; in this order two who come at once cannot both win. */
static enum platter_result take_locks(int fd, const char *path, bool writing, struct platter_error *err)
{
    static const int changes[] = {PERMISSION_WRITE, PERMISSION_RESIZE};
    struct flock lock;

    if (lock_byte(fd, F_OFD_SETLK, F_RDLCK, LOCK_USES + PERMISSION_READ, &lock) != 0)
        return PLATTER_OK; /* a file system without locks: nothing can be promised there */
    for (size_t i = 0; i < 2; i++) {
        if (writing)
            (void)lock_byte(fd, F_OFD_SETLK, F_RDLCK, LOCK_USES + changes[i], &lock);
        (void)lock_byte(fd, F_OFD_SETLK, F_RDLCK, LOCK_DENIES + changes[i], &lock);
    }
    for (size_t i = 0; i < 2; i++) {
        if (lock_held(fd, LOCK_USES + changes[i]))
            return platter_error_set(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET,
                                     "is in use by another program that may write to it");
        if (writing && lock_held(fd, LOCK_DENIES + changes[i]))
            return platter_error_set(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET,
                                     "is in use by another program, so it cannot be opened for writing");
    }
    if (lock_held(fd, LOCK_DENIES + PERMISSION_READ))
        return platter_error_set(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET,
                                 "is in use by another program that keeps everybody out");
    return PLATTER_OK;
}

static enum platter_result check_kind(int fd, const char *path, bool *device, struct platter_error *err)
{
    struct stat status;
    const char *kind;

    if (fstat(fd, &status) != 0)
        return platter_error_set_os(err, platter_os_result(errno), path, PLATTER_NO_OFFSET, errno,
                                    "cannot be examined");
    *device = S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode);
    if (S_ISREG(status.st_mode) || *device)
        return PLATTER_OK;
    kind = S_ISDIR(status.st_mode) ? "a folder" : S_ISFIFO(status.st_mode) ? "a pipe" : "not a file";
    return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is %s, not an image", kind);
}

/* Leaves the file buffered where the file system has no O_DIRECT: it is a wish, not a condition. */
static uint32_t try_direct(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    uint32_t alignment = 1;
    void *probe = platter_os_aligned_alloc(DIRECT_ALIGNMENT, DIRECT_ALIGNMENT);

    if (flags >= 0 && probe && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0) {
        if (pread(fd, probe, DIRECT_ALIGNMENT, 0) >= 0)
            alignment = DIRECT_ALIGNMENT;
        else
            (void)fcntl(fd, F_SETFL, flags);
    }
    platter_os_aligned_free(probe);
    return alignment;
}

/* A file that has no name, or has it only until this returns, where the file system cannot do without. */
static int open_nameless(const char *path, int mode)
{
    size_t length = platter_os_folder_length(path);
    char *folder = strndup(length ? path : ".", length ? length : 1);
    int fd = folder ? open(folder, (mode & ~(O_CREAT | O_EXCL)) | O_TMPFILE, 0600) : -1;

    free(folder);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        fd = open(path, mode, 0600);
        if (fd >= 0)
            (void)unlink(path);
    }
    return fd;
}

static platter_os_open_fn *opener;
static void *opener_context;

void platter_os_file_set_opener(platter_os_open_fn *function, void *context)
{
    opener = function;
    opener_context = context;
}

static enum platter_result open_by_name(const char *path, uint32_t flags, bool writing, int *fd,
                                        struct platter_error *err)
{
    /* Non-blocking, or a pipe that nobody writes to would keep us here for ever. */
    int mode = (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    if (flags & PLATTER_OS_FILE_UNNAMED)
        mode |= O_TMPFILE;
    else if (flags & PLATTER_OS_FILE_CREATE)
        mode |= O_CREAT | O_EXCL;
    do {
        *fd = flags & PLATTER_OS_FILE_TEMPORARY ? open_nameless(path, mode) : open(path, mode, 0666);
    } while (*fd < 0 && errno == EINTR);
    if (*fd >= 0)
        return PLATTER_OK;
    if (errno == EISDIR)
        return platter_error_set(err, PLATTER_E_FORMAT, path, PLATTER_NO_OFFSET, "is a folder, not an image");
    return platter_error_set_os(err, platter_os_result(errno), path, PLATTER_NO_OFFSET, errno, "cannot %s",
                                flags & PLATTER_OS_FILE_CREATE ? "be created"
                                : writing                      ? "be opened for writing"
                                                               : "be opened");
}

static enum platter_result open_by_another(const char *path, uint32_t flags, int *fd, struct platter_error *err)
{
    intptr_t handle = -1;
    enum platter_result result = opener(opener_context, path, flags, &handle, err);

    *fd = (int)handle;
    return result;
}

enum platter_result platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                         struct platter_error *err)
{
    bool writing = flags & (PLATTER_OS_FILE_WRITE | PLATTER_OS_FILE_CREATE | PLATTER_OS_FILE_UNNAMED);
    size_t length = strlen(path) + 1;
    struct platter_os_file *opened = malloc(sizeof(*opened) + length);
    enum platter_result result;
    int fd;

    if (!opened)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, path, PLATTER_NO_OFFSET, "out of memory");
    result = opener ? open_by_another(path, flags, &fd, err) : open_by_name(path, flags, writing, &fd, err);
    if (result)
        goto fail_open;
    opened->fd = fd;
    opened->alignment = 1;
    memcpy(opened->path, path, length);
    result = check_kind(fd, path, &opened->device, err);
    if (result)
        goto fail_check;
    if (!(flags & PLATTER_OS_FILE_SHARE_WRITERS)) {
        result = take_locks(fd, path, writing, err);
        if (result)
            goto fail_check;
    }
    if (flags & PLATTER_OS_FILE_UNBUFFERED)
        opened->alignment = try_direct(fd);
    *file = opened;
    return PLATTER_OK;
fail_check:
    close(fd);
fail_open:
    free(opened);
    return result;
}

void platter_os_file_close(struct platter_os_file *file)
{
    if (!file)
        return;
    close(file->fd);
    free(file);
}

enum platter_result platter_os_file_remove(struct platter_os_file *file, struct platter_error *err)
{
    return platter_os_remove(file->path, err);
}

intptr_t platter_os_file_handle(const struct platter_os_file *file)
{
    return file->fd;
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
    struct stat status;
    off_t end;

    if (fstat(file->fd, &status) != 0)
        return fail(file, PLATTER_NO_OFFSET, errno, "its size cannot be found out", err);
    if (S_ISREG(status.st_mode)) {
        *size = (uint64_t)status.st_size;
        return PLATTER_OK;
    }
    if (S_ISBLK(status.st_mode) && ioctl(file->fd, BLKGETSIZE64, size) == 0)
        return PLATTER_OK;
    end = lseek(file->fd, 0, SEEK_END);
    if (end <= 0)
        return platter_error_set(err, PLATTER_E_FORMAT, file->path, PLATTER_NO_OFFSET,
                                 "is a device without a size, not a disk");
    *size = (uint64_t)end;
    return PLATTER_OK;
}

uint64_t platter_os_file_allocated(struct platter_os_file *file)
{
    struct stat status;
    uint64_t size = 0;

    if (fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode))
        return (uint64_t)status.st_blocks * 512;
    (void)platter_os_file_size(file, &size, NULL);
    return size;
}

enum platter_result platter_os_file_read(struct platter_os_file *file, void *buffer, size_t length, uint64_t offset,
                                         size_t *done, struct platter_error *err)
{
    size_t moved = 0;

    while (moved < length) {
        size_t want = length - moved < TRANSFER_MOST ? length - moved : TRANSFER_MOST;
        ssize_t got = pread(file->fd, (char *)buffer + moved, want, (off_t)(offset + moved));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(file, offset + moved, errno, "cannot be read", err);
        if (got == 0)
            break;
        moved += (size_t)got;
        /* O_DIRECT ends short and unaligned at the end of the file; going on from there would be refused. */
        if (moved % file->alignment)
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
        size_t want = length - moved < TRANSFER_MOST ? length - moved : TRANSFER_MOST;
        ssize_t put = pwrite(file->fd, (const char *)buffer + moved, want, (off_t)(offset + moved));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail(file, offset + moved, put < 0 ? errno : ENOSPC, "cannot be written", err);
        moved += (size_t)put;
    }
    return PLATTER_OK;
}

enum platter_result platter_os_file_flush(struct platter_os_file *file, struct platter_error *err)
{
    int status;

    do {
        status = fdatasync(file->fd);
    } while (status != 0 && errno == EINTR);
    /* EINVAL: a device that has nothing to flush. */
    if (status != 0 && errno != EINVAL)
        return fail(file, PLATTER_NO_OFFSET, errno, "cannot be flushed", err);
    return PLATTER_OK;
}

enum platter_result platter_os_file_resize(struct platter_os_file *file, uint64_t size, struct platter_error *err)
{
    int status;

    do {
        status = ftruncate(file->fd, (off_t)size);
    } while (status != 0 && errno == EINTR);
    if (status != 0)
        return fail(file, PLATTER_NO_OFFSET, errno, "its size cannot be changed", err);
    return PLATTER_OK;
}

void platter_os_file_set_sparse(struct platter_os_file *file)
{
    (void)file; /* every file is, here */
}

enum platter_result platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                          struct platter_error *err)
{
    int status;

    do {
        status = fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
    } while (status != 0 && errno == EINTR);
    if (status != 0)
        return fail(file, offset, errno, "a range cannot be given back to the file system", err);
    return PLATTER_OK;
}

enum platter_result platter_os_file_map(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                        struct platter_extent *extent, struct platter_error *err)
{
    off_t start = (off_t)offset;
    off_t data = -1, hole;

    (void)err;
    extent->offset = offset;
    extent->length = length;
    extent->flags = PLATTER_EXTENT_DATA;
    if (file->device)
        return PLATTER_OK;
    data = lseek(file->fd, start, SEEK_DATA);
    if (data < 0) {
        if (errno == ENXIO) /* no data from here to the end */
            extent->flags = 0;
        return PLATTER_OK; /* else: the system cannot tell */
    }
    if (data > start) {
        extent->flags = 0;
        if ((uint64_t)(data - start) < length)
            extent->length = (uint64_t)(data - start);
        return PLATTER_OK;
    }
    hole = lseek(file->fd, start, SEEK_HOLE);
    if (hole > start && (uint64_t)(hole - start) < length)
        extent->length = (uint64_t)(hole - start);
    return PLATTER_OK;
}

bool platter_os_same_file(const char *a, const char *b)
{
    struct stat one, other;

    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool platter_os_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

bool platter_os_modified(const char *path, int64_t *seconds)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    *seconds = status.st_mtime;
    return true;
}

bool platter_os_is_plain_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

enum platter_result platter_os_remove(const char *path, struct platter_error *err)
{
    if (unlink(path) == 0)
        return PLATTER_OK;
    return platter_error_set_os(err, platter_os_result(errno), path, PLATTER_NO_OFFSET, errno, "cannot be removed");
}

enum platter_result platter_os_rename(const char *from, const char *to, bool replace, struct platter_error *err)
{
    int status = renameat2(AT_FDCWD, from, AT_FDCWD, to, replace ? 0 : RENAME_NOREPLACE);

    if (status != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        /* A file system without that flag: a second name is refused too when the first is taken. */
        status = link(from, to);
        if (status == 0)
            (void)unlink(from);
    }
    if (status == 0)
        return PLATTER_OK;
    if (errno == EEXIST)
        return platter_error_set(err, PLATTER_E_EXISTS, to, PLATTER_NO_OFFSET, "exists already");
    return platter_error_set_os(err, platter_os_result(errno), to, PLATTER_NO_OFFSET, errno, "cannot be renamed into");
}

void platter_os_sync_folder(const char *path)
{
    size_t length = platter_os_folder_length(path);
    char *folder = strndup(length ? path : ".", length ? length : 1);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}
