/* SPDX-License-Identifier: MIT */
#include "memory_block.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../engine/block.h"

#define PAGE 65536u
#define FAULTS 32u

struct memory_block {
    struct platter_block base;
    uint8_t *data;   /* the whole disk, or NULL */
    uint8_t **pages; /* of a sparse one; NULL for a page of zeros */
    size_t page_count;
    pthread_mutex_t lock; /* faults, counts, pages */
    struct memory_fault faults[FAULTS];
    unsigned hits[FAULTS];
    size_t fault_count;
    struct memory_counts counts;
    bool ordered;
    pthread_mutex_t content; /* when ordered: held by each transfer */
    unsigned inside;
    void (*on_close)(void *context);
    void *on_close_context;
};

static void *need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "memory_block: out of memory\n");
        abort();
    }
    return memory;
}

static bool touches(const struct memory_fault *fault, uint64_t offset, uint64_t length)
{
    if (fault->length == 0)
        return true;
    return offset < fault->offset + fault->length && fault->offset < offset + length;
}

static void count(struct memory_block *block, enum memory_operation operation, uint64_t length)
{
    struct memory_counts *counts = &block->counts;

    switch (operation) {
    case MEMORY_READ:
        counts->reads++;
        counts->bytes_read += length;
        break;
    case MEMORY_WRITE:
        counts->writes++;
        counts->bytes_written += length;
        break;
    case MEMORY_FLUSH:
        counts->flushes++;
        break;
    case MEMORY_DISCARD:
        counts->discards++;
        break;
    case MEMORY_MAP:
        counts->maps++;
        break;
    }
}

/* Decides about one call: sleeps if it is to, and returns what is to go wrong. */
static enum platter_result enter(struct memory_block *block, enum memory_operation operation, uint64_t offset,
                                 uint64_t length, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    unsigned delay = 0;

    pthread_mutex_lock(&block->lock);
    count(block, operation, length);
    if (++block->inside > block->counts.most_at_once)
        block->counts.most_at_once = block->inside;
    for (size_t i = 0; i < block->fault_count; i++) {
        const struct memory_fault *fault = &block->faults[i];
        unsigned hit;

        if (!(fault->operations & operation) || !touches(fault, offset, length))
            continue;
        hit = block->hits[i]++;
        if (hit < fault->skip || (fault->times && hit >= fault->skip + fault->times))
            continue;
        result = fault->result;
        delay = fault->delay_ms;
        if (result)
            (void)platter_error_set(err, result, block->base.name, fault->length ? fault->offset : offset,
                                    "injected fault");
        break;
    }
    pthread_mutex_unlock(&block->lock);
    if (delay) {
        struct timespec time = {.tv_sec = delay / 1000, .tv_nsec = (long)(delay % 1000) * 1000000};

        nanosleep(&time, NULL);
    }
    return result;
}

static void leave(struct memory_block *block)
{
    pthread_mutex_lock(&block->lock);
    block->inside--;
    pthread_mutex_unlock(&block->lock);
}

/* The page of a sparse disk that holds `offset`; made when `make`. */
static uint8_t *page_at(struct memory_block *block, uint64_t offset, bool make)
{
    size_t index = (size_t)(offset / PAGE);
    uint8_t *page;

    pthread_mutex_lock(&block->lock);
    if (!block->pages[index] && make)
        block->pages[index] = need(calloc(1, PAGE));
    page = block->pages[index];
    pthread_mutex_unlock(&block->lock);
    return page;
}

static void content_lock(struct memory_block *block)
{
    if (block->ordered)
        pthread_mutex_lock(&block->content);
}

static void content_unlock(struct memory_block *block)
{
    if (block->ordered)
        pthread_mutex_unlock(&block->content);
}

static void transfer(struct memory_block *block, uint8_t *to, const uint8_t *from, size_t length, uint64_t offset)
{
    if (block->data) {
        content_lock(block);
        /* One of the two is given; asking for each keeps the compiler from imagining neither. */
        if (to)
            memcpy(to, block->data + offset, length);
        if (from)
            memcpy(block->data + offset, from, length);
        content_unlock(block);
        return;
    }
    while (length) {
        size_t within = (size_t)(offset % PAGE), piece = PAGE - within < length ? PAGE - within : length;
        uint8_t *page = page_at(block, offset, from != NULL);

        if (from) {
            memcpy(page + within, from, piece);
            from += piece;
        } else {
            if (page)
                memcpy(to, page + within, piece);
            else
                memset(to, 0, piece);
            to += piece;
        }
        offset += piece;
        length -= piece;
    }
}

/* Forgets whole pages; what is left of the range stays as it was, as a discard may. */
static void discard_pages(struct memory_block *block, uint64_t offset, uint64_t length)
{
    size_t first = (size_t)((offset + PAGE - 1) / PAGE), end = (size_t)((offset + length) / PAGE);

    pthread_mutex_lock(&block->lock);
    for (size_t i = first; i < end; i++) {
        free(block->pages[i]);
        block->pages[i] = NULL;
    }
    pthread_mutex_unlock(&block->lock);
}

static enum platter_result memory_read(struct platter_block *base, void *buffer, size_t length, uint64_t offset,
                                       struct platter_error *err)
{
    struct memory_block *block = (struct memory_block *)base;
    enum platter_result result = enter(block, MEMORY_READ, offset, length, err);

    if (result == PLATTER_OK)
        transfer(block, buffer, NULL, length, offset);
    else
        memset(buffer, 0xDB, length); /* so that using it after a failure shows */
    leave(block);
    return result;
}

static enum platter_result memory_write(struct platter_block *base, const void *buffer, size_t length, uint64_t offset,
                                        struct platter_error *err)
{
    struct memory_block *block = (struct memory_block *)base;
    enum platter_result result = enter(block, MEMORY_WRITE, offset, length, err);

    if (result == PLATTER_OK)
        transfer(block, NULL, buffer, length, offset);
    leave(block);
    return result;
}

static enum platter_result memory_flush(struct platter_block *base, struct platter_error *err)
{
    struct memory_block *block = (struct memory_block *)base;
    enum platter_result result = enter(block, MEMORY_FLUSH, 0, 0, err);

    leave(block);
    return result;
}

static enum platter_result memory_discard(struct platter_block *base, uint64_t offset, uint64_t length,
                                          struct platter_error *err)
{
    struct memory_block *block = (struct memory_block *)base;
    enum platter_result result = enter(block, MEMORY_DISCARD, offset, length, err);

    if (result == PLATTER_OK && block->data) {
        content_lock(block);
        memset(block->data + offset, 0, (size_t)length);
        content_unlock(block);
    } else if (result == PLATTER_OK) {
        discard_pages(block, offset, length);
    }
    leave(block);
    return result;
}

static enum platter_result memory_map(struct platter_block *base, uint64_t offset, uint64_t length,
                                      struct platter_extent *extent, struct platter_error *err)
{
    struct memory_block *block = (struct memory_block *)base;
    enum platter_result result = enter(block, MEMORY_MAP, offset, length, err);

    if (result == PLATTER_OK && block->pages) {
        size_t first = (size_t)(offset / PAGE), at = first;
        uint64_t end;

        pthread_mutex_lock(&block->lock);
        while (at < block->page_count && !block->pages[at] == !block->pages[first])
            at++;
        pthread_mutex_unlock(&block->lock);
        end = (uint64_t)at * PAGE;
        extent->flags = page_at(block, offset, false) ? PLATTER_EXTENT_DATA : 0;
        if (end - offset < length)
            extent->length = end - offset;
    }
    leave(block);
    return result;
}

static void memory_close(struct platter_block *base)
{
    struct memory_block *block = (struct memory_block *)base;

    if (block->on_close)
        block->on_close(block->on_close_context);
    for (size_t i = 0; i < block->page_count; i++)
        free(block->pages[i]);
    free(block->pages);
    free(block->data);
    pthread_mutex_destroy(&block->content);
    pthread_mutex_destroy(&block->lock);
    free(block);
}

static const struct platter_block_ops memory_ops = {
    .layer = "memory",
    .close = memory_close,
    .read = memory_read,
    .write = memory_write,
    .flush = memory_flush,
    .discard = memory_discard,
    .map = memory_map,
};

static struct memory_block *create(uint64_t size, uint32_t sector_size, uint32_t caps)
{
    struct memory_block *block = need(calloc(1, sizeof(*block)));

    pthread_mutex_init(&block->lock, NULL);
    pthread_mutex_init(&block->content, NULL);
    if (platter_block_init(&block->base, &memory_ops, "memory", size, sector_size, 0, caps, NULL)) {
        fprintf(stderr, "memory_block: impossible sizes\n");
        abort();
    }
    return block;
}

struct platter_block *memory_block_create(uint64_t size, uint32_t sector_size, uint32_t caps)
{
    struct memory_block *block = create(size, sector_size, caps);

    block->data = need(calloc(1, size ? (size_t)size : 1));
    return &block->base;
}

struct platter_block *memory_block_create_sparse(uint64_t size, uint32_t sector_size, uint32_t caps)
{
    struct memory_block *block = create(size, sector_size, caps);

    block->page_count = (size_t)((size + PAGE - 1) / PAGE);
    block->pages = need(calloc(block->page_count ? block->page_count : 1, sizeof(*block->pages)));
    return &block->base;
}

void memory_block_order(struct platter_block *base)
{
    ((struct memory_block *)base)->ordered = true;
}

uint8_t *memory_block_data(struct platter_block *base)
{
    return ((struct memory_block *)base)->data;
}

void memory_block_add_fault(struct platter_block *base, const struct memory_fault *fault)
{
    struct memory_block *block = (struct memory_block *)base;

    pthread_mutex_lock(&block->lock);
    if (block->fault_count == FAULTS)
        abort();
    block->hits[block->fault_count] = 0;
    block->faults[block->fault_count++] = *fault;
    pthread_mutex_unlock(&block->lock);
}

void memory_block_clear_faults(struct platter_block *base)
{
    struct memory_block *block = (struct memory_block *)base;

    pthread_mutex_lock(&block->lock);
    block->fault_count = 0;
    pthread_mutex_unlock(&block->lock);
}

struct memory_counts memory_block_counts(struct platter_block *base)
{
    struct memory_block *block = (struct memory_block *)base;
    struct memory_counts counts;

    pthread_mutex_lock(&block->lock);
    counts = block->counts;
    pthread_mutex_unlock(&block->lock);
    return counts;
}

void memory_block_on_close(struct platter_block *base, void (*function)(void *context), void *context)
{
    struct memory_block *block = (struct memory_block *)base;

    block->on_close = function;
    block->on_close_context = context;
}
