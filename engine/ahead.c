/* SPDX-License-Identifier: MIT */
#include "ahead.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "os/system.h"
#include "os/thread.h"

#define CACHE_BYTES (32u << 20) /* of chunks in all */
#define WINDOW_FIRST (1u << 20) /* how far ahead of a stream just found */
#define WINDOW_MOST (8u << 20)  /* and of one that goes on; half the cache is shared by all streams */
#define NEAR_LEAST (64u << 10)  /* reads so far from where a stream has come to belong to it, */
#define NEAR_LENGTHS 8u         /* and those away by so many of their own lengths: threads come out of order */
#define SEQUENTIAL_AT 3u        /* reads in a row that make a stream */
#define STREAMS 8u
#define THREADS_MOST 16u
#define DECODED_LEAST (256u << 10) /* chunks of a disk that is decoded */
#define DECODED_MOST (2u << 20)
#define EPOCH_SHIFT 46u /* offsets are below 2^63, so chunks below 2^45 */
#define QUEUE 64u       /* chunks asked for and not begun; what does not fit is not read ahead */

struct stream {
    uint64_t next;   /* where the reads have come to */
    uint64_t asked;  /* up to here chunks have been asked for */
    uint64_t window; /* bytes */
    uint64_t used;   /* the clock when it was last seen; 0: never */
    unsigned reads;  /* in a row */
};

struct ahead_block {
    struct platter_block base;
    struct platter_block *below;
    uint32_t chunk;              /* bytes that are read ahead at a time */
    struct platter_cache *cache; /* chunks by number */
    uint32_t epoch;              /* atomic; of the chunks that are true: see forget() */
    struct platter_mutex lock;   /* guards what follows */
    struct platter_cond work;
    uint64_t clock;
    struct stream streams[STREAMS];
    uint64_t queue[QUEUE];
    unsigned first, waiting; /* of the queue */
    unsigned idle, thread_count, thread_most;
    struct platter_thread *threads[THREADS_MOST];
    bool closing;
};

static uint64_t key_of(const struct ahead_block *block, uint64_t chunk)
{
    return chunk | (uint64_t)__atomic_load_n(&block->epoch, __ATOMIC_ACQUIRE) << EPOCH_SHIFT;
}

static enum platter_result load_chunk(void *context, uint64_t key, uint8_t *data, struct platter_error *err)
{
    struct ahead_block *block = context;
    uint64_t offset = (key & ((1ull << EPOCH_SHIFT) - 1)) * block->chunk, left = block->base.size - offset;

    return platter_block_read(block->below, data, left < block->chunk ? (size_t)left : block->chunk, offset, err);
}

static void work(void *context)
{
    struct ahead_block *block = context;
    struct platter_cache_entry *entry;

    platter_mutex_lock(&block->lock);
    while (!block->closing) {
        uint64_t chunk;

        if (block->waiting == 0) {
            block->idle++;
            platter_cond_wait(&block->work, &block->lock);
            block->idle--;
            continue;
        }
        chunk = block->queue[block->first];
        block->first = (block->first + 1) % QUEUE;
        block->waiting--;
        platter_mutex_unlock(&block->lock);
        /* A failure is for whoever wants the bytes. */
        if (platter_cache_hold(block->cache, key_of(block, chunk), load_chunk, block, &entry, NULL) == PLATTER_OK)
            platter_cache_release(block->cache, entry);
        platter_mutex_lock(&block->lock);
    }
    platter_mutex_unlock(&block->lock);
}

/* Lock held. False: the queue is full. */
static bool ask_for(struct ahead_block *block, uint64_t chunk)
{
    if (block->waiting == QUEUE)
        return false;
    block->queue[(block->first + block->waiting++) % QUEUE] = chunk;
    if (block->idle > 0)
        platter_cond_signal(&block->work);
    else if (block->thread_count < block->thread_most &&
             platter_thread_start(work, block, &block->threads[block->thread_count], NULL) == PLATTER_OK)
        block->thread_count++;
    return block->thread_count > 0;
}

/* Lock held. The stream that a read at `offset` belongs to; the one not seen for longest begins anew otherwise. */
static struct stream *find_stream(struct ahead_block *block, uint64_t offset, size_t length)
{
    uint64_t slack = length < NEAR_LEAST / NEAR_LENGTHS ? NEAR_LEAST : (uint64_t)length * NEAR_LENGTHS;
    struct stream *oldest = &block->streams[0];

    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *at = &block->streams[i];

        if (at->used && offset + slack >= at->next && offset <= at->next + slack)
            return at;
        if (at->used < oldest->used)
            oldest = at;
    }
    *oldest = (struct stream){.next = offset, .asked = offset, .window = WINDOW_FIRST};
    return oldest;
}

/* Lock held. Streams that have been seen among the last reads share the room. */
static uint64_t share_of_window(const struct ahead_block *block)
{
    unsigned active = 0;

    for (unsigned i = 0; i < STREAMS; i++)
        active += block->streams[i].reads >= SEQUENTIAL_AT && block->clock - block->streams[i].used < 256;
    return CACHE_BYTES / 2 / (active ? active : 1);
}

/* Notes a read; true when it belongs to a stream, for which more has been asked for then. */
static bool note_read(struct ahead_block *block, uint64_t offset, size_t length)
{
    uint64_t end = offset + length, until, share;
    struct stream *stream;
    bool sequential;

    platter_mutex_lock(&block->lock);
    stream = find_stream(block, offset, length);
    stream->used = ++block->clock;
    /* Small reads here and there near one another are no stream: one goes forward. */
    if (end > stream->next) {
        stream->next = end;
        stream->reads++;
    }
    sequential = stream->reads >= SEQUENTIAL_AT;
    if (sequential) {
        share = share_of_window(block);
        until = stream->next + (stream->window < share ? stream->window : share);
        if (until > block->base.size)
            until = block->base.size;
        if (stream->asked < stream->next)
            stream->asked = stream->next;
        /* The chunk that it is in may not have been asked for when the stream was found. */
        while (stream->asked < until && ask_for(block, stream->asked / block->chunk))
            stream->asked = (stream->asked / block->chunk + 1) * block->chunk;
        if (stream->window < WINDOW_MOST)
            stream->window *= 2;
    }
    platter_mutex_unlock(&block->lock);
    return sequential;
}

/* The part of a read that lies in one chunk. */
static enum platter_result read_part(struct ahead_block *block, uint8_t *to, size_t length, uint64_t offset,
                                     bool sequential, struct platter_error *err)
{
    struct platter_cache_entry *entry = NULL;
    uint64_t chunk = offset / block->chunk;

    /* A chunk of which another part cannot be read fails; what is wanted may be fine. */
    if (!sequential)
        entry = platter_cache_peek(block->cache, key_of(block, chunk));
    else if (platter_cache_hold(block->cache, key_of(block, chunk), load_chunk, block, &entry, NULL) != PLATTER_OK)
        entry = NULL;
    if (!entry)
        return platter_block_read(block->below, to, length, offset, err);
    memcpy(to, platter_cache_data(entry) + offset % block->chunk, length);
    platter_cache_release(block->cache, entry);
    return PLATTER_OK;
}

static enum platter_result ahead_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                      struct platter_error *err)
{
    struct ahead_block *block = (struct ahead_block *)base;
    bool sequential = note_read(block, offset, length);
    enum platter_result result = PLATTER_OK;
    uint8_t *to = buffer;

    /* What belongs to no stream is not to be cut into chunks, each with its own wait. */
    if (!sequential && length > block->chunk)
        return platter_block_read(block->below, buffer, length, offset, err);
    while (length && result == PLATTER_OK) {
        size_t part = block->chunk - (size_t)(offset % block->chunk);

        if (part > length)
            part = length;
        result = read_part(block, to, part, offset, sequential, err);
        to += part;
        offset += part;
        length -= part;
    }
    return result;
}

static void forget(struct ahead_block *block, uint64_t offset, uint64_t length)
{
    uint64_t first = offset / block->chunk, last = (offset + length - 1) / block->chunk;

    /* Of a discard of terabytes the chunks are not gone through: all that there are get old at once. */
    if (last - first > CACHE_BYTES / block->chunk) {
        __atomic_add_fetch(&block->epoch, 1, __ATOMIC_ACQ_REL);
        return;
    }
    for (uint64_t chunk = first; chunk <= last; chunk++)
        platter_cache_forget(block->cache, key_of(block, chunk));
}

static enum platter_result ahead_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct ahead_block *block = (struct ahead_block *)base;
    enum platter_result result = platter_block_write(block->below, buffer, length, offset, err);

    /* Afterwards: a chunk that was being loaded meanwhile may hold what was there before. */
    forget(block, offset, length);
    return result;
}

static enum platter_result ahead_flush(struct platter_block *base, struct platter_error *err)
{
    return platter_block_flush(((struct ahead_block *)base)->below, err);
}

static enum platter_result ahead_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                         struct platter_error *err)
{
    struct ahead_block *block = (struct ahead_block *)base;
    enum platter_result result = platter_block_discard(block->below, offset, length, err);

    forget(block, offset, length);
    return result;
}

static enum platter_result ahead_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                     struct platter_extent *extent, struct platter_error *err)
{
    return platter_block_map(((struct ahead_block *)base)->below, offset, length, extent, err);
}

static void ahead_close(struct platter_block *base)
{
    struct ahead_block *block = (struct ahead_block *)base;

    platter_mutex_lock(&block->lock);
    block->closing = true;
    platter_cond_broadcast(&block->work);
    platter_mutex_unlock(&block->lock);
    for (unsigned i = 0; i < block->thread_count; i++)
        platter_thread_join(block->threads[i]);
    platter_cache_free(block->cache);
    platter_cond_destroy(&block->work);
    platter_mutex_destroy(&block->lock);
    platter_block_unref(block->below);
    free(block);
}

static const struct platter_block_ops ahead_ops = {
    .layer = "read-ahead",
    .close = ahead_close,
    .read = ahead_read,
    .write = ahead_write,
    .flush = ahead_flush,
    .discard = ahead_discard,
    .map = ahead_map,
};

enum platter_result platter_ahead_create(struct platter_block *below, const struct platter_ahead_options *options,
                                         struct platter_block **block, struct platter_error *err)
{
    struct ahead_block *made = calloc(1, sizeof(*made));
    enum platter_result result;

    if (!made)
        return platter_error_set(err, PLATTER_E_NO_MEMORY, below->name, PLATTER_NO_OFFSET, "out of memory");
    result = platter_cache_create(options->chunk, CACHE_BYTES, &made->cache, err);
    if (result)
        goto fail_cache;
    result = platter_block_init(&made->base, &ahead_ops, below->name, platter_block_size(below), below->sector_size,
                                below->physical_sector_size, below->caps, err);
    if (result)
        goto fail_init;
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->work);
    made->chunk = options->chunk;
    made->thread_most = options->threads < THREADS_MOST ? options->threads : THREADS_MOST;
    made->below = platter_block_ref(below);
    *block = &made->base;
    return PLATTER_OK;
fail_init:
    platter_cache_free(made->cache);
fail_cache:
    free(made);
    return result;
}

enum platter_result platter_ahead_of_decoder(struct platter_block *below, uint32_t unit, struct platter_block **block,
                                             struct platter_error *err)
{
    struct platter_ahead_options options = {.chunk = DECODED_LEAST, .threads = platter_os_cpu_count()};

    while (options.chunk < unit && options.chunk < DECODED_MOST)
        options.chunk *= 2;
    if (options.threads > 1 && unit <= DECODED_MOST)
        return platter_ahead_create(below, &options, block, err);
    *block = platter_block_ref(below);
    return PLATTER_OK;
}
