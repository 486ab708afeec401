/* SPDX-License-Identifier: MIT */
/* The shipped driver: the same tests, run on the .sys that is named on the command line. */
#include "rig.h"
#include <load.h>
#include <unistd.h>

static const char *Path;

PDRIVER_INITIALIZE RigEntry(void)
{
    return PeLoad(Path);
}

int RigArguments(int argc, char **argv)
{
    Path = argc > 1 ? argv[1] : NULL;
    if (!Path) {
        fprintf(stderr, "usage: %s build/win64/platter.sys\n", argv[0]);
        return 2;
    }
    if (access(Path, R_OK)) {
        printf("1..0 # skip %s is not there\n", Path);
        exit(0);
    }
    return 0;
}
