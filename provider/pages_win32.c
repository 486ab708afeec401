/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <windows.h>

void *provider_pages_alloc(size_t bytes)
{
    void *pages = VirtualAlloc(NULL, bytes, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    /* Locking is refused beyond the working set's minimum; then touched pages are as good as it gets. */
    if (pages && !VirtualLock(pages, bytes))
        SecureZeroMemory(pages, bytes);
    return pages;
}

void provider_pages_free(void *pages)
{
    if (pages)
        VirtualFree(pages, 0, MEM_RELEASE);
}
