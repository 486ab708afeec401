/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../engine/os/file.h"
#include "workload.h"

#define FILES 16u

struct file {
    char *path;
    struct platter_os_file *open; /* the engine's; NULL: it has it closed */
    int fd;                       /* our own */
    uint8_t *bytes;               /* what is certain */
    size_t size, room;
    struct range {
        uint64_t offset, length;
    } * touched; /* what of the file itself may differ from that */
    size_t touched_count, touched_room;
    uint8_t *held; /* of each piece of it, whether the disk has room for it; DISK_PIECES */
    uint64_t pieces;
};

static struct file files[FILES];
static size_t file_count;
static struct change *changes;
static size_t change_count, change_room;
static enum recorder_mode mode;
static enum recorder_disk disk;
static uint64_t disk_left;
static bool disk_full;

enum platter_result __real_platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                                struct platter_error *err);
void __real_platter_os_file_close(struct platter_os_file *file);
enum platter_result __real_platter_os_file_write(struct platter_os_file *file, const void *buffer, size_t length,
                                                 uint64_t offset, struct platter_error *err);
enum platter_result __real_platter_os_file_flush(struct platter_os_file *file, struct platter_error *err);
enum platter_result __real_platter_os_file_resize(struct platter_os_file *file, uint64_t size,
                                                  struct platter_error *err);
enum platter_result __real_platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                                 struct platter_error *err);
enum platter_result __wrap_platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                                struct platter_error *err);
void __wrap_platter_os_file_close(struct platter_os_file *file);
enum platter_result __wrap_platter_os_file_write(struct platter_os_file *file, const void *buffer, size_t length,
                                                 uint64_t offset, struct platter_error *err);
enum platter_result __wrap_platter_os_file_flush(struct platter_os_file *file, struct platter_error *err);
enum platter_result __wrap_platter_os_file_resize(struct platter_os_file *file, uint64_t size,
                                                  struct platter_error *err);
enum platter_result __wrap_platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                                 struct platter_error *err);

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void *need(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

void recorder_mode(enum recorder_mode wanted)
{
    mode = wanted;
}

size_t recorder_count(void)
{
    return change_count;
}

const struct change *recorder_change(size_t index)
{
    return &changes[index];
}

const char *recorder_path(size_t file)
{
    return files[file].path;
}

/* The file's bytes in memory become `size`; what is new is zero. */
static void set_size(struct file *file, size_t size)
{
    if (size > file->room) {
        file->room = size + (1u << 20);
        file->bytes = need(realloc(file->bytes, file->room));
    }
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
}

static void load(struct file *file, const char *path)
{
    struct stat status;
    size_t done = 0;

    file->path = need(strdup(path));
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &status) != 0)
        die(path);
    set_size(file, (size_t)status.st_size);
    while (done < file->size) {
        ssize_t got = pread(file->fd, file->bytes + done, file->size - done, (off_t)done);

        if (got <= 0)
            die(path);
        done += (size_t)got;
    }
}

/* ---- The disk that becomes full */

/* What is zero is taken for a hole, as a copy of an image may have it. */
static void find_pieces(struct file *file)
{
    static const uint8_t zeros[DISK_PIECE];

    free(file->held);
    file->pieces = (file->size + DISK_PIECE - 1) / DISK_PIECE;
    file->held = need(calloc(1, (size_t)file->pieces + 1));
    for (uint64_t i = 0, at = 0; i < file->pieces; i++, at += DISK_PIECE) {
        uint64_t left = file->size - at;

        file->held[i] = memcmp(file->bytes + at, zeros, (size_t)(left < DISK_PIECE ? left : DISK_PIECE)) != 0;
    }
}

void recorder_disk(enum recorder_disk kind, uint64_t left)
{
    disk = kind;
    disk_left = left;
    disk_full = false;
    for (size_t i = 0; i < file_count && kind == DISK_PIECES; i++)
        find_pieces(&files[i]);
}

bool recorder_was_full(void)
{
    return disk_full;
}

uint64_t recorder_size(void)
{
    struct stat status;
    uint64_t size = 0;

    for (size_t i = 0; i < file_count; i++) {
        if (fstat(files[i].fd, &status) != 0)
            die(files[i].path);
        size += (uint64_t)status.st_size;
    }
    return size;
}

/* The system has the room of pieces [first, end) back. */
static void give_back(struct file *file, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end && i < file->pieces; i++) {
        disk_left += file->held[i];
        file->held[i] = 0;
    }
}

/* How much of a write there is room for. */
static size_t take_room(struct file *file, size_t length, uint64_t offset)
{
    uint64_t end = (offset + length + DISK_PIECE - 1) / DISK_PIECE;

    if (disk == DISK_WRITES) {
        disk_left -= disk_left != 0;
        disk_full = disk_full || disk_left == 0;
        return disk_left ? length : 0;
    }
    if (end > file->pieces) {
        file->held = need(realloc(file->held, (size_t)end));
        memset(file->held + file->pieces, 0, (size_t)(end - file->pieces));
        file->pieces = end;
    }
    for (uint64_t i = offset / DISK_PIECE; i < end; i++) {
        if (!file->held[i] && disk_left == 0) {
            disk_full = true;
            return i * DISK_PIECE > offset ? (size_t)(i * DISK_PIECE - offset) : 0;
        }
        disk_left -= !file->held[i];
        file->held[i] = 1;
    }
    return length;
}

/* ---- Files as the engine has them */

static struct file *find(const struct platter_os_file *open)
{
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].open == open)
            return &files[i];
    }
    return NULL;
}

static void touch(struct file *file, uint64_t offset, uint64_t length)
{
    if (file->touched_count == file->touched_room) {
        file->touched_room = file->touched_room ? file->touched_room * 2 : 256;
        file->touched = need(realloc(file->touched, file->touched_room * sizeof(*file->touched)));
    }
    file->touched[file->touched_count++] = (struct range){.offset = offset, .length = length};
}

/* What lies behind the end of a file that becomes shorter is zero when it is longer again. */
static void touch_end(struct file *file, uint64_t size)
{
    if (size < file->size)
        touch(file, size, file->size - size);
}

/* Before the engine changes a file that it has open. */
static void note(struct platter_os_file *open, enum change_kind kind, const void *data, uint64_t offset,
                 uint64_t length)
{
    struct file *file = mode == RECORDER_OFF ? NULL : find(open);
    struct change *change;

    if (!file)
        return;
    if (mode == RECORDER_UNDO) {
        if (kind == CHANGE_RESIZE)
            touch_end(file, offset);
        else
            touch(file, offset, length);
        return;
    }
    if (change_count == change_room) {
        change_room = change_room ? change_room * 2 : 1024;
        changes = need(realloc(changes, change_room * sizeof(*changes)));
    }
    change = &changes[change_count++];
    *change = (struct change){.kind = kind, .file = (size_t)(file - files), .offset = offset, .length = length};
    if (data) {
        change->data = need(malloc((size_t)length));
        memcpy(change->data, data, (size_t)length);
    }
}

enum platter_result __wrap_platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                                struct platter_error *err)
{
    enum platter_result result = __real_platter_os_file_open(path, flags, file, err);
    size_t i = 0;

    if (result || !(flags & PLATTER_OS_FILE_WRITE) || mode == RECORDER_OFF)
        return result;
    while (i < file_count && strcmp(files[i].path, path) != 0)
        i++;
    if (i == FILES)
        die("too many files");
    if (i == file_count)
        load(&files[file_count++], path);
    if (disk == DISK_PIECES && !files[i].held)
        find_pieces(&files[i]);
    files[i].open = *file;
    return result;
}

void __wrap_platter_os_file_close(struct platter_os_file *file)
{
    struct file *known = file ? find(file) : NULL;

    if (known)
        known->open = NULL;
    __real_platter_os_file_close(file);
}

enum platter_result __wrap_platter_os_file_write(struct platter_os_file *file, const void *buffer, size_t length,
                                                 uint64_t offset, struct platter_error *err)
{
    struct file *known = find(file);
    size_t fits = length;
    enum platter_result result;

    if (disk == DISK_GONE)
        return PLATTER_OK;
    if (known && disk != DISK_ENDLESS)
        fits = take_room(known, length, offset);
    note(file, CHANGE_WRITE, buffer, offset, fits);
    result = __real_platter_os_file_write(file, buffer, fits, offset, err);
    if (result == PLATTER_OK && fits < length)
        result = platter_error_set(err, PLATTER_E_NO_SPACE, known->path, offset + fits, "cannot be written");
    return result;
}

enum platter_result __wrap_platter_os_file_flush(struct platter_os_file *file, struct platter_error *err)
{
    if (mode == RECORDER_OFF)
        return __real_platter_os_file_flush(file, err);
    if (mode == RECORDER_KEEP)
        note(file, CHANGE_FLUSH, NULL, 0, 0);
    return PLATTER_OK; /* what is on this machine's medium is not the question */
}

enum platter_result __wrap_platter_os_file_resize(struct platter_os_file *file, uint64_t size,
                                                  struct platter_error *err)
{
    struct file *known = find(file);

    if (disk == DISK_GONE)
        return PLATTER_OK;
    if (known && disk == DISK_PIECES)
        give_back(known, (size + DISK_PIECE - 1) / DISK_PIECE, known->pieces);
    note(file, CHANGE_RESIZE, NULL, size, 0);
    return __real_platter_os_file_resize(file, size, err);
}

enum platter_result __wrap_platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                                 struct platter_error *err)
{
    struct file *known = find(file);

    if (disk == DISK_GONE)
        return PLATTER_OK;
    if (known && disk == DISK_PIECES)
        give_back(known, (offset + DISK_PIECE - 1) / DISK_PIECE, (offset + length) / DISK_PIECE);
    note(file, CHANGE_PUNCH, NULL, offset, length);
    return __real_platter_os_file_punch(file, offset, length, err);
}

void recorder_settle(const struct change *change)
{
    struct file *file = &files[change->file];

    recorder_apply(change, 0, NULL);
    switch (change->kind) {
    case CHANGE_WRITE:
        if (change->offset + change->length > file->size)
            set_size(file, (size_t)(change->offset + change->length));
        memcpy(file->bytes + change->offset, change->data, (size_t)change->length);
        break;
    case CHANGE_PUNCH:
        if (change->offset < file->size)
            memset(
                file->bytes + change->offset, 0,
                (size_t)(change->length < file->size - change->offset ? change->length : file->size - change->offset));
        break;
    case CHANGE_RESIZE:
        set_size(file, (size_t)change->offset);
        break;
    case CHANGE_FLUSH:
        break;
    }
}

static void put(struct file *file, const uint8_t *data, size_t length, uint64_t offset)
{
    touch(file, offset, length);
    while (length) {
        ssize_t done = pwrite(file->fd, data, length, (off_t)offset);

        if (done <= 0)
            die(file->path);
        data += done;
        length -= (size_t)done;
        offset += (uint64_t)done;
    }
}

static void put_torn(struct file *file, const struct change *change, size_t tear, uint64_t *random)
{
    uint64_t bits = 0;

    for (uint64_t at = change->offset, left = 0; at < change->offset + change->length; left--) {
        uint64_t end = (at / tear + 1) * tear;

        if (left == 0) {
            bits = workload_next(random);
            left = 64;
        }
        if (end > change->offset + change->length)
            end = change->offset + change->length;
        if (bits >> (left - 1) & 1)
            put(file, change->data + (at - change->offset), (size_t)(end - at), at);
        at = end;
    }
}

void recorder_apply(const struct change *change, size_t tear, uint64_t *random)
{
    struct file *file = &files[change->file];

    switch (change->kind) {
    case CHANGE_WRITE:
        if (tear)
            put_torn(file, change, tear, random);
        else
            put(file, change->data, (size_t)change->length, change->offset);
        break;
    case CHANGE_PUNCH:
        touch(file, change->offset, change->length);
        if (fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)change->offset,
                      (off_t)change->length) != 0)
            die(file->path);
        break;
    case CHANGE_RESIZE:
        touch_end(file, change->offset);
        if (ftruncate(file->fd, (off_t)change->offset) != 0)
            die(file->path);
        break;
    case CHANGE_FLUSH:
        break;
    }
}

void recorder_undo(void)
{
    for (size_t i = 0; i < file_count; i++) {
        struct file *file = &files[i];
        size_t count = file->touched_count;

        if (ftruncate(file->fd, (off_t)file->size) != 0)
            die(file->path);
        for (size_t n = 0; n < count; n++) {
            struct range range = file->touched[n]; /* put() adds to them */
            uint64_t left = range.offset < file->size ? file->size - range.offset : 0;

            put(file, file->bytes + range.offset, (size_t)(range.length < left ? range.length : left), range.offset);
        }
        file->touched_count = 0;
    }
}

void recorder_rewind(void)
{
    for (size_t i = 0; i < file_count; i++)
        touch(&files[i], 0, files[i].size);
    recorder_undo();
}
