/* SPDX-License-Identifier: MIT */
/* What an image may import: generated from driver/imports.txt (tests/ntsim/CMakeLists.txt), ends with a NULL name. */
#ifndef NTSIM_PE_EXPORTS_H
#define NTSIM_PE_EXPORTS_H

typedef struct _PE_EXPORT {
    const char *Name;
    const void *Routine;
} PE_EXPORT;

extern const PE_EXPORT PeExports[];

#endif
