/* SPDX-License-Identifier: MIT */
/* The driver's sources, linked in. */
#include "rig.h"

DRIVER_INITIALIZE DriverEntry;

PDRIVER_INITIALIZE RigEntry(void)
{
    return DriverEntry;
}

int RigArguments(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
