/* SPDX-License-Identifier: MIT */
/*
 * A table of an image that says where each block lies, read page by page as it is asked for.
 *
 * A lookup takes no lock but a reader's, and does not search: the page's number is its place. What has been read stays
 * until the table's limit is reached; then all pages but changed ones go, which only the hugest tables see happen.
 */
#ifndef PLATTER_ENGINE_PAGE_TABLE_H
#define PLATTER_ENGINE_PAGE_TABLE_H

#include "../block.h"
#include "../os/thread.h"

#define PLATTER_TABLE_PAGE 4096u /* bytes */

struct platter_page_table {
    struct platter_block *file; /* borrowed */
    uint64_t offset, bytes;     /* where the table lies in it */
    size_t extra;               /* bytes of its own that the user keeps behind each page; zero when it is read */
    size_t page_count, loaded, limit;
    struct platter_rwlock lock; /* readers: whoever looks into a page */
    uint8_t **pages;            /* NULL: not read */
    uint8_t *changed;           /* a byte a page: differs from the file, has to stay */
    uint64_t gone;              /* how often pages have gone */
};

enum platter_result platter_page_table_open(struct platter_page_table *table, struct platter_block *file,
                                            uint64_t offset, uint64_t bytes, size_t extra, struct platter_error *err);
/* Also for one that was never opened but is all zero. */
void platter_page_table_close(struct platter_page_table *table);

/* Gives the page with byte `at` of the table, which stays until the release. A thread holds one page at a time. */
enum platter_result platter_page_table_hold(struct platter_page_table *table, uint64_t at, uint8_t **page,
                                            struct platter_error *err);
void platter_page_table_release(struct platter_page_table *table);
/* While it is held: the page differs from the file (or no longer does), so that it must not go. */
void platter_page_table_set_changed(struct platter_page_table *table, uint64_t at, bool changed);

#endif
