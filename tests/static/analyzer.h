/* SPDX-License-Identifier: MIT */
/* Forced in front of each driver source for gcc -fanalyzer: tells it which routines give memory and take it back. */
#ifndef STATIC_ANALYZER_H
#define STATIC_ANALYZER_H

#include "../../driver/pool.h"

PVOID PoolAllocate(SIZE_T Bytes, ULONG Tag) __attribute__((malloc, malloc(PoolFree, 1), alloc_size(1)));
PVOID PoolAllocatePaged(SIZE_T Bytes, ULONG Tag) __attribute__((malloc, malloc(ExFreePool, 1), alloc_size(1)));

#endif
