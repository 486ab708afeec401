/* SPDX-License-Identifier: MIT */
/* Which partitions are meant, and which letters they are to get. Pure. */
#ifndef PLATTER_MOUNT_CHOOSE_H
#define PLATTER_MOUNT_CHOOSE_H

#include <platter/engine.h>

#define PLATTER_MAX_CHOSEN 128

struct platter_choice {
    bool all;     /* of them, whatever they hold */
    size_t count; /* 0 and not all: those that hold a file system */
    uint32_t numbers[PLATTER_MAX_CHOSEN];
};

/* "all", or "N[,N...]" in the order wanted; NULL: the default. */
enum platter_result platter_choice_parse(const char *text, struct platter_choice *choice, struct platter_error *err);

/*
 * Writes the positions in table->partitions that are chosen, in the order asked for. PLATTER_E_NOT_FOUND names what
 * there is instead; PLATTER_E_FORMAT: an image in which nothing is known. `image` is for the message.
 */
enum platter_result platter_choice_apply(const struct platter_choice *choice,
                                         const struct platter_partition_table *table, const char *image,
                                         size_t chosen[PLATTER_MAX_CHOSEN], size_t *count, struct platter_error *err);

/* "X", "x:" or "X:\" gives 'X'; anything else 0. */
char platter_letter(const char *text);
/* "X[,Y...]": letters[] and their count; each once. */
enum platter_result platter_letters_parse(const char *text, char letters[26], size_t *count, struct platter_error *err);

/* Whether the file system guards its files by lists of who may do what: NTFS and ReFS do, FAT, exFAT and UDF do not. */
bool platter_filesystem_has_lists(const char *filesystem);

#endif
