/* SPDX-License-Identifier: MIT */
#include "instance.h"

#define BITS 32u

C_ASSERT(INSTANCE_MOST % BITS == 0 && INSTANCE_ROUND < INSTANCE_MOST && PLATTER_MAX_VOLUMES < INSTANCE_MOST);

static BOOLEAN
IsFree(ULONG Number)
{
    return (BOOLEAN)((Platter.Instances[(Number - 1u) / BITS] & (1u << (Number - 1u) % BITS)) == 0);
}

ULONG
InstanceTake(void)
{
    ULONG number = Platter.LastInstance;
    ULONG i;

    for (i = 0; i < INSTANCE_ROUND; i++)
    {
        number = number % INSTANCE_ROUND + 1u;
        if (IsFree(number))
            break;
    }
    if (i < INSTANCE_ROUND)
        Platter.LastInstance = number;
    else
        for (number = INSTANCE_ROUND + 1u; number < INSTANCE_MOST && !IsFree(number); number++)
            ;
    Platter.Instances[(number - 1u) / BITS] |= 1u << (number - 1u) % BITS;
    return number;
}

void
InstanceGive(ULONG Number)
{
    Platter.Instances[(Number - 1u) / BITS] &= ~(1u << (Number - 1u) % BITS);
}
