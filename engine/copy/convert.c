/* SPDX-License-Identifier: MIT */
/* Copies a disk into a new image: several threads read, skip what is zero, and write what is not. */
#include <stdio.h>
#include <string.h>

#include "../bytes.h"
#include "../os/file.h"
#include "../os/system.h"
#include "../os/thread.h"
#include "../reference.h"
#include "create.h"
#include "walk.h"

#define THREADS_MOST 8u
#define THREADS_LIMIT 64u
/* What file systems allocate at least, and below what a run of zeros is not worth a write call of its own. */
#define ZERO_BLOCK 4096u
#define ZERO_RUN (32u * 1024u)
#define WAIT_MS 100u

struct job {
    struct platter_block *source;
    struct platter_writer *writer;
    const char *path;
    struct platter_mutex lock; /* all below */
    struct platter_cond changed;
    struct platter_walk walk;
    uint64_t done;
    unsigned running;
    bool stop;
    enum platter_result result; /* the first failure */
    struct platter_error error;
};

/* Writes what is not zero of one piece; short runs of zeros go along with what surrounds them. */
static enum platter_result write_piece(struct job *job, const uint8_t *data, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    size_t start = 0, end = 0; /* of the run to be written that has been found so far; empty at first */
    enum platter_result result = PLATTER_OK;

    for (size_t at = 0; at < length && result == PLATTER_OK; at += ZERO_BLOCK) {
        size_t block = length - at < ZERO_BLOCK ? length - at : ZERO_BLOCK;

        if (platter_all_zero(data + at, block))
            continue;
        if (end > start && at - end >= ZERO_RUN) {
            result = job->writer->ops->write(job->writer, data + start, end - start, offset + start, err);
            start = end = at;
        }
        if (end == start)
            start = at;
        end = at + block;
    }
    if (result == PLATTER_OK && end > start)
        result = job->writer->ops->write(job->writer, data + start, end - start, offset + start, err);
    /* The temporary name means nothing to anybody. */
    if (result)
        (void)snprintf(err->file, sizeof(err->file), "%s", job->path);
    return result;
}

/* Takes the next piece of data under the lock, counting the holes before it as done; length 0: no more. */
static enum platter_result take_piece(struct job *job, struct platter_extent *piece, struct platter_error *err)
{
    enum platter_result result;

    do {
        result = platter_walk_next(&job->walk, piece, err);
        if (result == PLATTER_OK && !(piece->flags & PLATTER_EXTENT_DATA))
            job->done += piece->length;
    } while (result == PLATTER_OK && piece->length && !(piece->flags & PLATTER_EXTENT_DATA));
    return result;
}

static void work(void *context)
{
    struct job *job = (struct job *)context;
    uint8_t *data = platter_piece_alloc();
    struct platter_error error;
    enum platter_result result = PLATTER_OK;

    if (!data)
        result = platter_error_set(&error, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
    platter_mutex_lock(&job->lock);
    while (result == PLATTER_OK && !job->stop) {
        struct platter_extent piece;

        result = take_piece(job, &piece, &error);
        if (result || piece.length == 0)
            break;
        platter_mutex_unlock(&job->lock);
        result = platter_block_read(job->source, data, (size_t)piece.length, piece.offset, &error);
        if (result == PLATTER_OK)
            result = write_piece(job, data, (size_t)piece.length, piece.offset, &error);
        platter_mutex_lock(&job->lock);
        if (result == PLATTER_OK)
            job->done += piece.length;
    }
    if (result && job->result == PLATTER_OK) {
        job->result = result;
        job->error = error;
        job->stop = true;
    }
    job->running--;
    platter_cond_signal(&job->changed);
    platter_mutex_unlock(&job->lock);
    platter_piece_free(data);
}

/* Runs the threads to their end; this one only tells how far they are. */
static enum platter_result run(struct job *job, unsigned count, const struct platter_progress *progress,
                               struct platter_error *err)
{
    struct platter_thread *threads[THREADS_LIMIT];
    struct platter_pace pace = {.progress = progress};
    uint64_t total = platter_block_size(job->source), done = 0;
    enum platter_result result = platter_pace_tell(&pace, 0, total, true, err), started = PLATTER_OK;
    unsigned made = 0;

    platter_mutex_lock(&job->lock);
    while (made < count && result == PLATTER_OK && started == PLATTER_OK) {
        job->running++;
        started = platter_thread_start(work, job, &threads[made], err);
        if (started)
            job->running--;
        else
            made++;
    }
    /* Fewer threads than wished for is no failure; none is. */
    if (result == PLATTER_OK && made == 0)
        result = started;
    while (job->running) {
        (void)platter_cond_wait_for(&job->changed, &job->lock, WAIT_MS);
        done = job->done;
        platter_mutex_unlock(&job->lock);
        if (result == PLATTER_OK && done < total)
            result = platter_pace_tell(&pace, done, total, false, err);
        platter_mutex_lock(&job->lock);
        if (result)
            job->stop = true;
    }
    done = job->done;
    platter_mutex_unlock(&job->lock);
    for (unsigned i = 0; i < made; i++)
        platter_thread_join(threads[i]);
    if (result == PLATTER_OK && job->result) {
        if (err)
            *err = job->error;
        result = job->result;
    }
    if (result == PLATTER_OK)
        result = platter_pace_tell(&pace, done, total, true, err);
    return result;
}

/*
 * Whoever has it open would go on with a file that has no name any more; and that may be the source, whose parent,
 * backing file or extent this is.
 */
static enum platter_result check_unused(const char *path, struct platter_error *err)
{
    struct platter_os_file *file;
    enum platter_result result = platter_os_file_open(path, PLATTER_OS_FILE_WRITE, &file, NULL);

    if (result == PLATTER_OK)
        platter_os_file_close(file);
    if (result != PLATTER_E_BUSY)
        return PLATTER_OK;
    return platter_error_set(err, PLATTER_E_BUSY, path, PLATTER_NO_OFFSET,
                             "is in use, by another program or as a part of the image that is read, so it is not "
                             "replaced");
}

/* What would otherwise come out when all the work is done. */
static enum platter_result check_target(struct platter_block *source, const char *path, bool overwrite,
                                        struct platter_error *err)
{
    if (source && platter_os_same_file(platter_block_name(source), path))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "is the image that is to be copied or stood on; choose another name for the new one");
    if (platter_reference_is_url(path))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "is the address of a server; new images are made in files");
    if (!platter_os_exists(path))
        return PLATTER_OK;
    if (!overwrite)
        return platter_error_set(err, PLATTER_E_EXISTS, path, PLATTER_NO_OFFSET, "exists already");
    if (!platter_os_is_plain_file(path))
        return platter_error_set(err, PLATTER_E_USAGE, path, PLATTER_NO_OFFSET,
                                 "is not an ordinary file, so it is not replaced");
    return check_unused(path, err);
}

static unsigned thread_count(const struct platter_convert_options *options)
{
    unsigned threads = options->threads ? options->threads : platter_os_cpu_count();

    if (!options->threads && threads > THREADS_MOST)
        threads = THREADS_MOST;
    return threads < THREADS_LIMIT ? threads : THREADS_LIMIT;
}

static enum platter_result copy(struct job *job, const struct platter_convert_options *options,
                                struct platter_error *err)
{
    enum platter_result result;

    platter_mutex_init(&job->lock);
    platter_cond_init(&job->changed);
    platter_walk_start(&job->walk, job->source);
    result = run(job, thread_count(options), &options->progress, err);
    platter_cond_destroy(&job->changed);
    platter_mutex_destroy(&job->lock);
    return result;
}

/* `source` NULL: an empty image. */
static enum platter_result make_image(struct platter_block *source, const char *path,
                                      const struct platter_convert_options *options, struct platter_error *err)
{
    struct job job = {.source = source, .path = path};
    struct platter_block *below = !source && options->backing ? platter_image_block(options->backing) : source;
    enum platter_result result = check_target(below, path, options->overwrite, err);

    if (result)
        return result;
    result = platter_writer_start(path, options, source, &job.writer, err);
    if (result)
        return result;
    result = source ? copy(&job, options, err) : PLATTER_OK;
    if (result) {
        job.writer->ops->discard(job.writer);
        return result;
    }
    result = job.writer->ops->commit(job.writer, options->overwrite, err);
    if (result && err)
        (void)snprintf(err->file, sizeof(err->file), "%s", path);
    return result;
}

enum platter_result platter_convert(struct platter_block *source, const char *path,
                                    const struct platter_convert_options *options, struct platter_error *err)
{
    static const struct platter_convert_options defaults;

    return make_image(source, path, options ? options : &defaults, err);
}

enum platter_result platter_create(const char *path, const struct platter_convert_options *options,
                                   struct platter_error *err)
{
    return make_image(NULL, path, options, err);
}
