/* SPDX-License-Identifier: MIT */
/* What the engine asks of the system besides files and threads. */
#ifndef PLATTER_ENGINE_OS_SYSTEM_H
#define PLATTER_ENGINE_OS_SYSTEM_H

#include <platter/engine.h>

/* The system's text for errno or GetLastError(), UTF-8, no full stop; "" when it has none. */
void platter_os_error_text(int os_error, char *buffer, size_t size);
/* The result that an error code of the system stands for; PLATTER_E_IO when nothing better is known. */
enum platter_result platter_os_result(int os_error);
/* True for the code that a single file has become too large, however much room there is. */
bool platter_os_is_file_limit(int os_error);

unsigned platter_os_cpu_count(void);    /* at least 1 */
uint64_t platter_os_monotonic_ms(void); /* milliseconds since some moment, never going back */
enum platter_result platter_os_random(void *buffer, size_t length, struct platter_error *err);

/* alignment: a power of two. To be given back to platter_os_aligned_free; NULL is fine there. */
void *platter_os_aligned_alloc(size_t alignment, size_t size);
void platter_os_aligned_free(void *memory);

#endif
