/* SPDX-License-Identifier: MIT */
#include "main.h"
#include "../mount/wide_win32.h"

#include <stdio.h>
#include <stdlib.h>

int wmain(int argc, wchar_t **wide); /* no header of mingw-w64 declares it */

int wmain(int argc, wchar_t **wide)
{
    char **argv = calloc((size_t)argc + 1, sizeof(*argv));
    int status = 0;

    for (int i = 0; argv && i < argc; i++) {
        argv[i] = platter_narrow(wide[i]);
        if (!argv[i])
            status = 11;
    }
    if (!argv || status != 0) {
        (void)fputs("platter: out of memory\n", stderr);
        return 11; /* PLATTER_E_NO_MEMORY */
    }
    status = cli_main(argc, argv);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    free(argv);
    return status;
}
