/* SPDX-License-Identifier: MIT */
/*
 * Decoded pieces of an image, shared by all who read it: metadata tables, decompressed clusters.
 *
 * All entries of a cache have one size. An entry is loaded once, whoever asks for it at the same time waits for that
 * load. Entries somebody holds are never thrown away, so a cache may grow beyond its bound by what its users hold.
 */
#ifndef PLATTER_ENGINE_CACHE_H
#define PLATTER_ENGINE_CACHE_H

#include <platter/engine.h>

struct platter_cache;
struct platter_cache_entry;

/* Fills `data` (the cache's entry_bytes) for `key`. Called without the cache's lock, by several threads for several keys. */
typedef enum platter_result platter_cache_load_fn(void *context, uint64_t key, uint8_t *data,
                                                  struct platter_error *err);

/* At least two entries are kept, whatever max_bytes says. */
enum platter_result platter_cache_create(size_t entry_bytes, size_t max_bytes, struct platter_cache **cache,
                                         struct platter_error *err);
void platter_cache_free(struct platter_cache *cache); /* NULL is fine; no entry may be held any more */

/* Holds the entry of `key`, loading it if it is not there. A load that fails is not remembered. */
enum platter_result platter_cache_hold(struct platter_cache *cache, uint64_t key, platter_cache_load_fn *load,
                                       void *context, struct platter_cache_entry **entry, struct platter_error *err);
/* Holds the entry only if it is there and loaded; NULL otherwise. */
struct platter_cache_entry *platter_cache_peek(struct platter_cache *cache, uint64_t key);
void platter_cache_hold_again(struct platter_cache *cache, struct platter_cache_entry *entry);
void platter_cache_release(struct platter_cache *cache, struct platter_cache_entry *entry);
uint8_t *platter_cache_data(struct platter_cache_entry *entry);
uint64_t platter_cache_key(const struct platter_cache_entry *entry);

/* The bytes behind `key` have changed: whoever asks from now on gets them loaded anew. */
void platter_cache_forget(struct platter_cache *cache, uint64_t key);

#endif
