/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include <stdlib.h>

#include "os/thread.h"

#define BUCKETS_FIRST 16u
#define BUCKETS_MOST (1u << 16)

struct platter_cache_entry {
    struct platter_cache_entry *chain;         /* next in its bucket */
    struct platter_cache_entry *newer, *older; /* list of use; only entries nobody holds are on it */
    uint64_t key;
    unsigned holders; /* who loads it counts */
    bool loaded, failed;
    bool listed; /* in its bucket: can be found */
    uint8_t *data;
};

struct platter_cache {
    struct platter_mutex lock;
    struct platter_cond loaded; /* some load has ended */
    size_t entry_bytes, limit, count;
    size_t bucket_count; /* a power of two */
    struct platter_cache_entry **buckets;
    struct platter_cache_entry *newest, *oldest;
};

enum platter_result platter_cache_create(size_t entry_bytes, size_t max_bytes, struct platter_cache **cache,
                                         struct platter_error *err)
{
    struct platter_cache *made = calloc(1, sizeof(*made));

    if (!made)
        goto no_memory;
    made->entry_bytes = entry_bytes;
    made->limit = max_bytes / entry_bytes < 2 ? 2 : max_bytes / entry_bytes;
    made->bucket_count = BUCKETS_FIRST;
    made->buckets = calloc(made->bucket_count, sizeof(struct platter_cache_entry *));
    if (!made->buckets)
        goto no_memory;
    platter_mutex_init(&made->lock);
    platter_cond_init(&made->loaded);
    *cache = made;
    return PLATTER_OK;
no_memory:
    free(made);
    return platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
}

static struct platter_cache_entry **bucket_of(struct platter_cache *cache, uint64_t key)
{
    /* Keys are offsets or block numbers: multiply so that their low bits count (Fibonacci hashing). */
    return &cache->buckets[(key * 0x9e3779b97f4a7c15ull >> 40) & (cache->bucket_count - 1)];
}

static struct platter_cache_entry *find(struct platter_cache *cache, uint64_t key)
{
    struct platter_cache_entry *entry = *bucket_of(cache, key);

    while (entry && entry->key != key)
        entry = entry->chain;
    return entry;
}

static void unlist(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    struct platter_cache_entry **at = bucket_of(cache, entry->key);

    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    entry->listed = false;
}

/* Lock held. More buckets, as there are more entries than those; without memory for them chains only get longer. */
static void widen(struct platter_cache *cache)
{
    struct platter_cache_entry **narrow = cache->buckets, **wide = calloc(cache->bucket_count * 4, sizeof(*wide));
    size_t count = cache->bucket_count;

    if (!wide)
        return;
    cache->buckets = wide;
    cache->bucket_count = count * 4;
    for (size_t i = 0; i < count; i++) {
        struct platter_cache_entry *entry = narrow[i], *next;

        for (; entry; entry = next) {
            struct platter_cache_entry **bucket = bucket_of(cache, entry->key);

            next = entry->chain;
            entry->chain = *bucket;
            *bucket = entry;
        }
    }
    free(narrow);
}

static void leave_use_list(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void enter_use_list(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void dispose(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    cache->count--;
    free(entry->data);
    free(entry);
}

/* Lock held. Throws away what has not been used for longest, down to `limit` entries. */
static void shrink(struct platter_cache *cache, size_t limit)
{
    while (cache->count > limit && cache->oldest) {
        struct platter_cache_entry *entry = cache->oldest;

        leave_use_list(cache, entry);
        unlist(cache, entry);
        dispose(cache, entry);
    }
}

void platter_cache_free(struct platter_cache *cache)
{
    if (!cache)
        return;
    shrink(cache, 0);
    platter_cond_destroy(&cache->loaded);
    platter_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache);
}

/* Lock held. A fresh entry, listed and held once, its data not loaded; NULL: no memory. */
static struct platter_cache_entry *add(struct platter_cache *cache, uint64_t key)
{
    struct platter_cache_entry *entry = NULL;
    uint8_t *data = NULL;

    /* The memory of what goes anyway is used again, rather than given back and asked for. */
    if (cache->count >= cache->limit && cache->oldest) {
        entry = cache->oldest;
        leave_use_list(cache, entry);
        unlist(cache, entry);
        data = entry->data;
        shrink(cache, cache->limit);
    } else {
        entry = malloc(sizeof(*entry));
        data = entry ? malloc(cache->entry_bytes) : NULL;
        if (!data) {
            free(entry);
            return NULL;
        }
        cache->count++;
        if (cache->count > cache->bucket_count && cache->bucket_count < BUCKETS_MOST)
            widen(cache);
    }
    *entry = (struct platter_cache_entry){.key = key, .holders = 1, .data = data, .listed = true};
    entry->chain = *bucket_of(cache, key);
    *bucket_of(cache, key) = entry;
    return entry;
}

/* Lock held. */
static void hold(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    if (entry->holders++ == 0)
        leave_use_list(cache, entry);
}

/* Lock held. */
static void release(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    if (--entry->holders > 0)
        return;
    if (!entry->listed) {
        dispose(cache, entry);
        return;
    }
    enter_use_list(cache, entry);
    shrink(cache, cache->limit);
}

static enum platter_result load_now(struct platter_cache *cache, struct platter_cache_entry *entry,
                                    platter_cache_load_fn *load, void *context, struct platter_error *err)
{
    enum platter_result result;

    platter_mutex_unlock(&cache->lock);
    result = load(context, entry->key, entry->data, err);
    platter_mutex_lock(&cache->lock);
    entry->loaded = result == PLATTER_OK;
    entry->failed = !entry->loaded;
    if (entry->failed && entry->listed)
        unlist(cache, entry);
    platter_cond_broadcast(&cache->loaded);
    if (entry->failed)
        release(cache, entry);
    return result;
}

enum platter_result platter_cache_hold(struct platter_cache *cache, uint64_t key, platter_cache_load_fn *load,
                                       void *context, struct platter_cache_entry **entry, struct platter_error *err)
{
    enum platter_result result = PLATTER_OK;
    struct platter_cache_entry *found;

    platter_mutex_lock(&cache->lock);
    for (;;) {
        found = find(cache, key);
        if (!found) {
            found = add(cache, key);
            if (!found)
                result = platter_error_set(err, PLATTER_E_NO_MEMORY, NULL, PLATTER_NO_OFFSET, "out of memory");
            else
                result = load_now(cache, found, load, context, err);
            break;
        }
        hold(cache, found);
        while (!found->loaded && !found->failed)
            platter_cond_wait(&cache->loaded, &cache->lock);
        if (found->loaded)
            break;
        /* Whoever loaded it has the error; this caller wants one of its own, so it tries itself. */
        release(cache, found);
    }
    platter_mutex_unlock(&cache->lock);
    if (result == PLATTER_OK)
        *entry = found;
    return result;
}

struct platter_cache_entry *platter_cache_peek(struct platter_cache *cache, uint64_t key)
{
    struct platter_cache_entry *entry;

    platter_mutex_lock(&cache->lock);
    entry = find(cache, key);
    if (entry && entry->loaded)
        hold(cache, entry);
    else
        entry = NULL;
    platter_mutex_unlock(&cache->lock);
    return entry;
}

void platter_cache_hold_again(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    platter_mutex_lock(&cache->lock);
    entry->holders++;
    platter_mutex_unlock(&cache->lock);
}

void platter_cache_release(struct platter_cache *cache, struct platter_cache_entry *entry)
{
    platter_mutex_lock(&cache->lock);
    release(cache, entry);
    platter_mutex_unlock(&cache->lock);
}

uint8_t *platter_cache_data(struct platter_cache_entry *entry)
{
    return entry->data;
}

uint64_t platter_cache_key(const struct platter_cache_entry *entry)
{
    return entry->key;
}

void platter_cache_forget(struct platter_cache *cache, uint64_t key)
{
    struct platter_cache_entry *entry;

    platter_mutex_lock(&cache->lock);
    entry = find(cache, key);
    if (entry) {
        unlist(cache, entry);
        if (entry->holders == 0) {
            leave_use_list(cache, entry);
            dispose(cache, entry);
        }
    }
    platter_mutex_unlock(&cache->lock);
}
