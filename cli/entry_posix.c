/* SPDX-License-Identifier: MIT */
#include "main.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>

#include <platter/engine.h>

/*
 * The first file that is opened gets the lowest number that is free: where somebody has closed standard output, that is
 * an image, and what is printed would be written over its start. Opened for reading, so that printing fails as before.
 */
static bool keep_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!keep_standard_streams())
        return PLATTER_E_FAILED;
    /* A file beyond the user's limit is an error of the write, not the end of a server. */
    (void)signal(SIGXFSZ, SIG_IGN);
    return cli_main(argc, argv);
}
