/* SPDX-License-Identifier: MIT */
/* Files of the system, as bare as they come; source/file.c makes a block of one. */
#ifndef PLATTER_ENGINE_OS_FILE_H
#define PLATTER_ENGINE_OS_FILE_H

#include <platter/engine.h>

struct platter_os_file;

enum platter_os_file_flag {
    PLATTER_OS_FILE_WRITE = 1u << 0,
    PLATTER_OS_FILE_TEMPORARY = 1u << 6,     /* with CREATE: for this user only, and gone when closed, by a kill too */
    PLATTER_OS_FILE_REMOVABLE = 1u << 7,     /* with WRITE: for platter_os_file_remove */
    PLATTER_OS_FILE_CREATE = 1u << 1,        /* it must not exist; implies writing */
    PLATTER_OS_FILE_UNBUFFERED = 1u << 2,    /* transfers must then be aligned: see platter_os_file_alignment */
    PLATTER_OS_FILE_SHARE_WRITERS = 1u << 3, /* do not keep other writers out */
    PLATTER_OS_FILE_UNNAMED = 1u << 4, /* `path` is a folder: a new file in it that has no name yet; not on Windows */
    PLATTER_OS_FILE_LOOK = 1u << 8,    /* platter_os_handle_open only: to be asked about, a folder, too; on Windows */
    PLATTER_OS_FILE_FOLDER = 1u << 9,  /* platter_os_handle_open only: a folder, to be listed; on Windows */
};

/*
 * A process that may open nothing by itself, as the service's workers are, has another one open for it: from then on each
 * open of a file, and on Windows each question about a name, goes to `function`. It gives a HANDLE (asynchronous unless to
 * be looked at) or a descriptor that is the caller's, or says why not. Set once, before there are other threads; NULL: none.
 */
typedef enum platter_result platter_os_open_fn(void *context, const char *path, uint32_t flags, intptr_t *handle,
                                               struct platter_error *err);
void platter_os_file_set_opener(platter_os_open_fn *function, void *context);
/* What an opener does, with the rights of the calling thread: the bare HANDLE of a file or device. Windows only. */
enum platter_result platter_os_handle_open(const char *path, uint32_t flags, intptr_t *handle,
                                           struct platter_error *err);

/*
 * Opens a file or a disk device. Directories, pipes and sockets are PLATTER_E_FORMAT, a file that somebody else holds
 * in a way that does not agree with ours PLATTER_E_BUSY. Where the system has only advisory locks, those of QEMU are
 * spoken, so that each keeps the other out.
 */
enum platter_result platter_os_file_open(const char *path, uint32_t flags, struct platter_os_file **file,
                                         struct platter_error *err);
void platter_os_file_close(struct platter_os_file *file); /* NULL is fine */

/* Takes the name away from a file that is open and locked, so that nobody else comes in between; then close it. */
enum platter_result platter_os_file_remove(struct platter_os_file *file, struct platter_error *err);

/* The descriptor, or the HANDLE; borrowed. */
intptr_t platter_os_file_handle(const struct platter_os_file *file);
bool platter_os_file_is_device(const struct platter_os_file *file);
/* Offsets, lengths and buffers of read and write must be multiples of this; 1 when there is no such rule. */
uint32_t platter_os_file_alignment(const struct platter_os_file *file);
enum platter_result platter_os_file_size(struct platter_os_file *file, uint64_t *size, struct platter_error *err);
/* Bytes it takes on the medium; its size where the system does not tell. */
uint64_t platter_os_file_allocated(struct platter_os_file *file);

/* *done is less than `length` only at the end of the file. Any number of threads may read and write at once. */
enum platter_result platter_os_file_read(struct platter_os_file *file, void *buffer, size_t length, uint64_t offset,
                                         size_t *done, struct platter_error *err);
enum platter_result platter_os_file_write(struct platter_os_file *file, const void *buffer, size_t length,
                                          uint64_t offset, struct platter_error *err);
enum platter_result platter_os_file_flush(struct platter_os_file *file, struct platter_error *err);
enum platter_result platter_os_file_resize(struct platter_os_file *file, uint64_t size, struct platter_error *err);
/* Makes holes possible where that must be asked for; no error where it cannot be had. */
void platter_os_file_set_sparse(struct platter_os_file *file);
/* Gives the range back to the file system; it reads as zero. PLATTER_E_UNSUPPORTED where that is not possible. */
enum platter_result platter_os_file_punch(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                          struct platter_error *err);
/* The run at `offset`, at most `length`: data or a hole. All is data where the system cannot tell. */
enum platter_result platter_os_file_map(struct platter_os_file *file, uint64_t offset, uint64_t length,
                                        struct platter_extent *extent, struct platter_error *err);

/* Bytes of `path` up to and with its last separator; 0 when it has none. */
size_t platter_os_folder_length(const char *path);
/* True when the folder one is in has no say in what `path` means. */
bool platter_os_is_absolute(const char *path);
/* True where \\server\share and \\.\device are paths, with slashes of either kind. */
bool platter_os_paths_name_servers(void);
/* True when both paths name one existing file, by whatever names. */
bool platter_os_same_file(const char *a, const char *b);
bool platter_os_exists(const char *path);
/* When the file was last written, in seconds since 1970-01-01 00:00 UTC. False: not known. */
bool platter_os_modified(const char *path, int64_t *seconds);
bool platter_os_is_plain_file(const char *path); /* not a folder, a device, a pipe; links are followed */
enum platter_result platter_os_remove(const char *path, struct platter_error *err);
/* Gives `from` the name `to`, on the same volume, in one step. PLATTER_E_EXISTS when `to` is there and not `replace`. */
enum platter_result platter_os_rename(const char *from, const char *to, bool replace, struct platter_error *err);
/* Makes a rename in the folder of `path` outlive a power cut, where the system leaves that to us. */
void platter_os_sync_folder(const char *path);

#endif
