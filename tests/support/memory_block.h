/* SPDX-License-Identifier: MIT */
/* A disk in memory that fails, stalls and counts as a test wishes. */
#ifndef PLATTER_TESTS_MEMORY_BLOCK_H
#define PLATTER_TESTS_MEMORY_BLOCK_H

#include <platter/engine.h>

enum memory_operation {
    MEMORY_READ = 1u << 0,
    MEMORY_WRITE = 1u << 1,
    MEMORY_FLUSH = 1u << 2,
    MEMORY_DISCARD = 1u << 3,
    MEMORY_MAP = 1u << 4,
};

struct memory_fault {
    uint32_t operations;        /* enum memory_operation: which ones it hits */
    uint64_t offset, length;    /* bytes that an operation must touch to be hit; length 0: any (flush has no range) */
    enum platter_result result; /* PLATTER_OK: only the delay */
    unsigned delay_ms;          /* slept before the answer, with no lock held */
    unsigned skip;              /* that many hits go by unharmed first */
    unsigned times;             /* then so many are hit; 0: all */
};

struct memory_counts {
    uint64_t reads, writes, flushes, discards, maps; /* calls, failed ones too */
    uint64_t bytes_read, bytes_written;              /* asked for, in failed calls too */
    unsigned most_at_once;                           /* calls inside at one time, at most */
};

/* A zero-filled disk. caps: PLATTER_CAP_...; reads and writes of one byte by two threads are the caller's affair. */
struct platter_block *memory_block_create(uint64_t size, uint32_t sector_size, uint32_t caps);
/* A disk that holds only the parts of it that are written: size may be terabytes. 64 KiB pages; map tells the rest. */
struct platter_block *memory_block_create_sparse(uint64_t size, uint32_t sector_size, uint32_t caps);
/*
 * From now on transfers come one after the other, as those of a disk: for a layer that may read what is being written, and
 * not know it. Before other threads are there; not for sparse ones.
 */
void memory_block_order(struct platter_block *block);
/* The bytes of a block made by memory_block_create. */
uint8_t *memory_block_data(struct platter_block *block);
/* Up to 32; the first that hits decides. Safe at any time. */
void memory_block_add_fault(struct platter_block *block, const struct memory_fault *fault);
void memory_block_clear_faults(struct platter_block *block);
struct memory_counts memory_block_counts(struct platter_block *block);
/* Called by close; tells a test that the last reference is gone. */
void memory_block_on_close(struct platter_block *block, void (*function)(void *context), void *context);

#endif
