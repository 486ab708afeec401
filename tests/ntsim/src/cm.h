/* SPDX-License-Identifier: MIT */
/* The registry, for the parts of the simulation that keep something there. Keys are full paths, case does not count. */
#ifndef NTSIM_CM_H
#define NTSIM_CM_H

#include "internal.h"

VOID SimCmSet(const char *Key, const char *Name, ULONG Type, const void *Data, ULONG Bytes);

typedef struct _SIM_VALUE {
    char Key[300], Name[128];
    ULONG Type, Bytes;
    UCHAR Data[512];
} SIM_VALUE;
/* The Index-th value of the key, or of all keys; NULL: no more. Valid until a value is taken out. */
const SIM_VALUE *SimCmAt(const char *Key, ULONG Index);

ULONG SimPoolBlocks(VOID);    /* ex_pool.c; those there are now */
VOID SimPropertiesStop(VOID); /* pnp_property.c */

#endif
