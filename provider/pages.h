/* SPDX-License-Identifier: MIT */
/* Memory for batch buffers. */
#ifndef PLATTER_PROVIDER_PAGES_H
#define PLATTER_PROVIDER_PAGES_H

#include <stddef.h>

/*
 * Zeroed, page-aligned, touched, and locked into memory where the system allows it: a worker that has to wait for its
 * own buffer to be paged in may be waiting for the very drive it serves. NULL when there is no memory.
 */
void *provider_pages_alloc(size_t bytes);
void provider_pages_free(void *pages); /* NULL is fine */

#endif
