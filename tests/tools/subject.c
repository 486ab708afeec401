/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (64u * SECTOR)

struct subject subject = {.largest = 512u * 1024u};

bool subject_fail(const struct platter_error *error)
{
    char text[2048];

    fprintf(stderr, "%s\n", platter_error_text(error, text, sizeof(text)));
    return false;
}

void *subject_need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "%s: out of memory\n", subject.program);
        exit(2);
    }
    return memory;
}

bool subject_load(const char *raw)
{
    struct platter_image *image = subject_open(false, NULL);
    int file = open(raw, O_RDONLY | O_CLOEXEC);
    uint64_t done = 0;
    ssize_t got = 1;

    if (image)
        subject.size = platter_block_size(platter_image_block(image));
    platter_image_close(image);
    if (file < 0)
        perror(raw);
    if (!image || file < 0)
        return false;
    subject.before = subject_need(calloc(1, (size_t)subject.size + SECTOR));
    subject.data = subject_need(malloc((size_t)subject.largest + 2 * SECTOR));
    while (done < subject.size && got > 0) {
        got = pread(file, subject.before + done, (size_t)(subject.size - done), (off_t)done);
        done += got > 0 ? (uint64_t)got : 0;
    }
    close(file);
    return true;
}

void subject_free(void)
{
    free(subject.before);
    free(subject.data);
}

struct platter_image *subject_open(bool writable, enum platter_result *result)
{
    struct platter_open_options options = {.flags = writable ? PLATTER_OPEN_WRITABLE : 0};
    struct platter_image *image = NULL;
    struct platter_error error;
    enum platter_result opened = platter_image_open(subject.path, &options, &image, &error);

    if (opened)
        (void)subject_fail(&error);
    if (result)
        *result = opened;
    return image;
}

struct place subject_pick(uint64_t *state)
{
    return workload_pick(state, 0, subject.size / SECTOR * SECTOR, subject.largest, true);
}

enum platter_result subject_write(struct platter_block *block, const struct place *place, uint64_t generation,
                                  struct platter_error *err)
{
    for (size_t i = 0; i < place->length / SECTOR; i++)
        workload_tag(subject.data + i * SECTOR, place->offset / SECTOR + i, generation);
    return platter_block_write(block, subject.data, place->length, place->offset, err);
}

bool subject_reads(struct platter_block *block, const struct expected *wanted)
{
    uint8_t piece[PIECE];
    struct platter_error error;
    bool good = true;

    for (uint64_t at = 0; at < wanted->sectors * SECTOR && good; at += PIECE) {
        uint64_t left = wanted->sectors * SECTOR - at;
        size_t length = left < PIECE ? (size_t)left : PIECE;

        if (platter_block_read(block, piece, length, at, &error))
            good = subject_fail(&error);
        for (size_t i = 0; i < length && good; i += SECTOR)
            good = expected_holds(wanted, (at + i) / SECTOR, piece + i, subject.before + at + i);
    }
    return good;
}

static void found(void *context, bool fatal, const struct platter_error *finding)
{
    if (fatal) {
        *(bool *)context = true;
        (void)subject_fail(finding);
    }
}

bool subject_holds(const struct expected *wanted)
{
    struct platter_image *image = subject_open(false, NULL);
    struct platter_error error;
    bool bad = false, good = image != NULL;

    if (!good)
        return false;
    if (platter_image_verify(image, found, &bad, NULL, NULL, &error))
        good = subject_fail(&error);
    good = good && !bad && subject_reads(platter_image_block(image), wanted);
    platter_image_close(image);
    return good;
}

bool subject_command(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", subject.command, "check", subject.path, (char *)NULL);
        _exit(126);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
