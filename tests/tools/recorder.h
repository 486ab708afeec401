/* SPDX-License-Identifier: MIT */
/*
 * Stands between the engine and its files, in a program linked with --wrap for the functions of os/file.h: keeps what
 * was changed and when it was flushed, so that the files can be made to look as a power cut may have left them; and lets
 * the disk become full.
 *
 * One thread at a time. Each file that is opened for writing is read whole into memory: for small images.
 */
#ifndef PLATTER_TESTS_RECORDER_H
#define PLATTER_TESTS_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum change_kind { CHANGE_WRITE, CHANGE_PUNCH, CHANGE_RESIZE, CHANGE_FLUSH };

struct change {
    enum change_kind kind;
    size_t file;     /* which, by its number */
    uint64_t offset; /* RESIZE: the new size */
    uint64_t length;
    uint8_t *data; /* WRITE */
};

enum recorder_mode {
    RECORDER_OFF,  /* the engine's calls go through, unseen */
    RECORDER_KEEP, /* they go through and are kept, in their order; a flush is kept and nothing else */
    RECORDER_UNDO, /* they go through, and recorder_undo() takes them back; a flush does nothing */
};

void recorder_mode(enum recorder_mode mode);

/* What the disk has room for, from now on. */
enum recorder_disk {
    DISK_ENDLESS,
    DISK_PIECES, /* `left` pieces of DISK_PIECE bytes; they are taken by writes to where a file has had only zeros */
    DISK_WRITES, /* `left` writes, wherever they go: a file system that copies on write */
    DISK_GONE,   /* nothing reaches the files any more, and nobody is told: the process has been killed */
};
#define DISK_PIECE 4096u

void recorder_disk(enum recorder_disk kind, uint64_t left);
bool recorder_was_full(void); /* since the last recorder_disk() a write found no room */
uint64_t recorder_size(void); /* of the files, together */
size_t recorder_count(void);
const struct change *recorder_change(size_t index);
const char *recorder_path(size_t file);

/* What is certain to be on the medium: at first each file as it was when it was opened. */
void recorder_settle(const struct change *change); /* and from now on this */
void recorder_rewind(void);                        /* after recording: the files themselves are as they were at first */

/*
 * Puts a change into the file itself, until recorder_undo(). `tear`: of a write only those aligned pieces of so many
 * bytes for which the next bit of *random is set; 0: all of it.
 */
void recorder_apply(const struct change *change, size_t tear, uint64_t *random);
void recorder_undo(void); /* the files themselves hold what is certain, again */

#endif
