/* SPDX-License-Identifier: MIT */
/* The image that a tool here works on: what it held at first, and whether it holds what it has to. */
#ifndef PLATTER_TESTS_SUBJECT_H
#define PLATTER_TESTS_SUBJECT_H

#include <platter/engine.h>

#include "workload.h"

struct subject {
    const char *program, *path;
    const char *command;    /* NULL, or what else has to find the image sound, as $1 */
    uint64_t size, largest; /* of the disk; of one write */
    uint8_t *before, *data; /* what the disk held; a write's bytes */
};
extern struct subject subject;

/* Says it on stderr; false. */
bool subject_fail(const struct platter_error *error);
/* Ends the program when there is no memory. */
void *subject_need(void *memory);
/* path, program and largest are set; `raw`: a file with what the image holds. */
bool subject_load(const char *raw);
void subject_free(void);

/* NULL: it cannot be opened; *result, unless NULL, and stderr say why. */
struct platter_image *subject_open(bool writable, enum platter_result *result);
struct place subject_pick(uint64_t *state);
/* Writes sectors that tell which write this was. */
enum platter_result subject_write(struct platter_block *block, const struct place *place, uint64_t generation,
                                  struct platter_error *err);

bool subject_reads(struct platter_block *block, const struct expected *wanted);
/* Opened anew it is sound, and reads so. */
bool subject_holds(const struct expected *wanted);
bool subject_command(void);

#endif
